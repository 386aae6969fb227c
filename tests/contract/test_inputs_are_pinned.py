"""Everything that comes from outside is pinned: flake inputs by revision and hash, models and wheels by digest."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from nanna_ci.store.flake_lock import LockedInput, parse_flake_lock

REPO = Path(__file__).resolve().parents[2]
LOCK = parse_flake_lock((REPO / "flake.lock").read_bytes(), "flake.lock")
WHEELS = sorted((REPO / "nix/toolkits/debian/wheels").glob("*.txt"))


@pytest.mark.parametrize("node", LOCK.nodes.values(), ids=lambda node: node.name)
def test_every_input_is_locked_by_revision_and_hash(node: LockedInput) -> None:
    assert node.nar_hash is not None
    assert re.fullmatch(r"[0-9a-f]{40}", str(node.locked.get("rev")))


def test_every_input_that_the_flake_declares_is_locked() -> None:
    declared = set(re.findall(r"^    ([a-z0-9-]+)(?:\.url)? = ", (REPO / "flake.nix").read_text(), re.MULTILINE))
    assert declared == set(LOCK.inputs)


def test_every_blob_of_a_model_is_locked_by_digest() -> None:
    models = json.loads((REPO / "nix/models.lock.json").read_text())
    digests = re.findall(r'"digest": "([^"]*)"', json.dumps(models))
    assert digests
    assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", digest) for digest in digests)


@pytest.mark.parametrize("path", WHEELS, ids=lambda path: path.stem)
def test_every_wheel_is_pinned_by_version_and_hash(path: Path) -> None:
    lines = [line for line in path.read_text().splitlines() if line and not line.startswith("#")]
    assert lines
    assert all(re.fullmatch(r"[a-z0-9-]+==[0-9.]+ --hash=sha256:[0-9a-f]{64}", line) for line in lines)
