"""Real engines, each in namespaces of its own, and images made for the tests."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from container_tests import Bakery, require
from engine_rooms import ENGINES, EngineRoom, why_no_engine
from oci_images import COMPILERS, compile_server


@pytest.fixture(scope="module", params=ENGINES)
def room(request: pytest.FixtureRequest) -> Iterator[EngineRoom]:
    """An engine that nobody else uses: every test with it runs on podman and on docker."""
    require(why_no_engine(request.param))
    made = EngineRoom(request.param)
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
