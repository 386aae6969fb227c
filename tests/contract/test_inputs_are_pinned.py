"""Everything that comes from outside is pinned: flake inputs by revision and hash, models and wheels by digest."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from nanna_ci.store.flake_lock import LockedInput, parse_flake_lock

REPO = Path(__file__).resolve().parents[2]
LOCK = parse_flake_lock((REPO / "flake.lock").read_bytes(), "flake.lock")
FOLDERS = ("nix/toolkits/debian/wheels", ".github/wheels")
WHEELS = [path for folder in FOLDERS for path in sorted((REPO / folder).glob("*.txt"))]
PINNED = re.compile(r"[a-z0-9-]+==[0-9.]+(?:\.post[0-9]+)?(?: --hash=sha256:[0-9a-f]{64})+")


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


@pytest.mark.parametrize("path", WHEELS, ids=lambda path: path.relative_to(REPO).as_posix())
def test_every_wheel_is_pinned_by_version_and_hash(path: Path) -> None:
    lines = [line for line in path.read_text().splitlines() if line and not line.startswith("#")]
    assert lines
    assert [line for line in lines if not PINNED.fullmatch(line)] == []


def test_the_test_runner_is_of_one_version_on_every_system() -> None:
    lists = [REPO / folder / "nextest.txt" for folder in FOLDERS]
    assert len({version for path in lists for version in re.findall(r"nextest==([0-9.]+)", path.read_text())}) == 1


@pytest.mark.parametrize("folder", FOLDERS)
def test_dependabot_looks_at_every_folder_of_wheels(folder: str) -> None:
    assert f"- /{folder}\n" in (REPO / ".github/dependabot.yml").read_text()
