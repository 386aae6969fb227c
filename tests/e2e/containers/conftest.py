"""Real engines, each in private namespaces, and images made for the tests."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.container_test_runs import Bakery, require
from support.engine_sandbox import ENGINES, EngineSandbox, why_no_engine
from support.fake_images import COMPILERS, compile_server


@pytest.fixture(scope="module", params=ENGINES)
def sandbox(request: pytest.FixtureRequest) -> Iterator[EngineSandbox]:
    """An engine for these tests alone: every test with it runs on podman and on docker."""
    require(why_no_engine(request.param))
    made = EngineSandbox(request.param)
    try:
        yield made
    finally:
        made.close()


@pytest.fixture(scope="session")
def programs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The static server, for both architectures."""
    absent = [compiler for compiler in COMPILERS.values() if shutil.which(compiler) is None]
    require(f"not on PATH: {', '.join(absent)}" if absent else None)
    folder = tmp_path_factory.mktemp("programs")
    return {name: compile_server(folder, name).read_bytes() for name in COMPILERS}


@pytest.fixture
def bakery(tmp_path: Path, programs: dict[str, bytes]) -> Bakery:
    """Images of this test."""
    return Bakery(tmp_path / "layouts", programs)
