"""The newest inputs of a flake by the real Nix, from git repositories on this machine."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from nanna_ci.foundation.process import run
from nanna_ci.store.nix import Nix
from nanna_ci.updates.flake_inputs import LOCK, update_inputs
from support.fake_workspaces import git, write


@pytest.fixture
def flake(tmp_path: Path) -> Path:
    """A flake with an input that is a repository beside it."""
    for name in ("input", "flake"):
        (tmp_path / name).mkdir()
        git("init", "--quiet", "--initial-branch=main", cwd=tmp_path / name)
    git("commit", "--quiet", "--allow-empty", "--message", "one", cwd=tmp_path / "input")
    url = f'{{ url = "git+file://{tmp_path}/input"; flake = false; }}'
    write(tmp_path / "flake" / "flake.nix", f"{{ inputs.thing = {url}; outputs = _: {{ }}; }}\n")
    git("add", "--all", cwd=tmp_path / "flake")
    return tmp_path / "flake"


def test_the_lock_that_nix_would_write_is_found_and_the_folder_stays(flake: Path, tmp_path: Path) -> None:
    nix = Nix(run, environ=os.environ)
    first = update_inputs(flake, nix, tmp_path)
    assert [(one.name, one.before) for one in first.moved] == [("thing", None)]
    assert not (flake / LOCK).exists()
    (flake / LOCK).write_bytes(first.files[LOCK])
    git("add", "--all", cwd=flake)
    (tmp_path / LOCK).unlink()
    assert update_inputs(flake, nix, tmp_path).files == {}
    old = git("rev-parse", "HEAD", cwd=tmp_path / "input")
    git("commit", "--quiet", "--allow-empty", "--message", "two", cwd=tmp_path / "input")
    (moved,) = update_inputs(flake, nix, tmp_path).moved
    assert (moved.before, moved.after) == (old[:12], git("rev-parse", "HEAD", cwd=tmp_path / "input")[:12])
    assert (flake / LOCK).read_bytes() == first.files[LOCK]
    assert git("status", "--porcelain", cwd=flake) == "A  flake.lock\nA  flake.nix"
