"""Shared by all tests: hypothesis profiles, and the outside world faked."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from support.fake_ports import FakePorts
from support.stand_in_debian_mirror import Key

settings.register_profile("ci", derandomize=True, deadline=None, database=None)
settings.register_profile("explore", deadline=None, max_examples=2000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> object:
    """Long files first, but for one process that starts with the unit tests."""
    from support.suite_order import SlowFilesFirst  # noqa: PLC0415 - pytest-xdist may be missing

    return SlowFilesFirst(config, log)


@pytest.fixture
def fake_ports(tmp_path: Path) -> FakePorts:
    """Ports with an empty environment, streams in memory, tmp_path as working folder, and scripted programs."""
    return FakePorts(tmp_path)


@pytest.fixture(scope="session")
def mirror_key() -> Iterator[Key]:
    """What the tests' mirrors of Debian are signed with."""
    key = Key()
    yield key
    key.close()
