"""Fixtures that tests of every folder share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.fake_ports import FakePorts
from support.stand_in_debian_mirror import Key


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
