"""The recorded samples of what Nix writes."""

from __future__ import annotations

from pathlib import Path

import pytest

SAMPLES = Path(__file__).parents[2] / "data/store"


@pytest.fixture
def samples() -> Path:
    """The folder tests/data/store; its README says where the samples come from."""
    return SAMPLES
