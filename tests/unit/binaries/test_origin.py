"""Where executables come from: the store's facts, or the work tree's commit."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from nanna_ci.binaries.manifest import BinaryOrigin
from nanna_ci.binaries.origin import query_origin, store_path_of
from nanna_ci.foundation.errors import MalformedData, ToolMissing, UsageError
from support.fake_ports import FakeRun

HASH = "0123456789abcdfghijklmnpqrsvwxyz"
OUTPUT, DERIVER = f"/nix/store/{HASH}-nanna", f"/nix/store/{HASH}-nanna.drv"
COMMIT = "c" * 40
NAR_HASH = "sha256-" + "A" * 43 + "="


def origin(run: FakeRun, source: str | Path, *, revision: str | None = None) -> BinaryOrigin:
    return query_origin(Path(source), revision=revision, strategy=None, run=run, environ={})


def git(commit: str = COMMIT, changes: bytes = b"") -> FakeRun:
    run = FakeRun()
    run.script("git", "-c", "core.fsmonitor=false", "-C", "/src/target", "rev-parse", stdout=f"{commit}\n".encode())
    run.script("git", "-c", "core.fsmonitor=false", "-C", "/src/target", "status", stdout=changes)
    return run


def nix(info: object) -> FakeRun:
    run = FakeRun()
    run.script("nix", stdout=b"nix (Nix) 2.26.3\n")
    prefix = ("nix", "--extra-experimental-features", "nix-command flakes", "path-info")
    run.script(*prefix, stdout=json.dumps({OUTPUT: info}).encode())
    return run


def test_a_clean_work_tree_gives_its_commit() -> None:
    assert origin(git(), "/src/target").revision == COMMIT


def test_a_dirty_work_tree_has_no_commit() -> None:
    assert origin(git(changes=b" M src/main.rs\n"), "/src/target").revision is None


def test_no_git_or_no_repository_is_unknown() -> None:
    run = FakeRun()
    run.script("git", error=ToolMissing("git", "not found"))
    assert origin(run, "/src/target").revision is None
    run.script("git", returncode=128, stderr=b"fatal: not a git repository")
    assert origin(run, "/src/target").revision is None


def test_what_the_caller_knows_wins_and_must_be_a_commit() -> None:
    assert origin(FakeRun(), "/src/target", revision="d" * 40).revision == "d" * 40
    for wrong in ("main", "d" * 39, "D" * 40, "d" * 40 + "\n"):
        with pytest.raises(UsageError):
            origin(FakeRun(), "/src/target", revision=wrong)


def test_the_store_knows_derivation_and_hash_but_no_commit() -> None:
    info = {
        "deriver": DERIVER,
        "narHash": NAR_HASH,
        "narSize": 10,
        "references": [],
        "registrationTime": 1,
        "signatures": [],
    }
    for source in (OUTPUT, f"{OUTPUT}/bin"):
        found = origin(nix(info), source)
        assert found == BinaryOrigin(revision=None, derivation=DERIVER, output=OUTPUT, nar_hash=NAR_HASH, strategy=None)


def test_a_path_that_the_store_lacks_is_refused() -> None:
    with pytest.raises(MalformedData, match="not a valid path"):
        origin(nix(None), OUTPUT)


def test_only_paths_in_the_store_are_its_paths() -> None:
    assert str(store_path_of(Path(f"{OUTPUT}/bin/harness"))) == OUTPUT
    assert store_path_of(Path("/nix/store")) is None
    assert store_path_of(Path("/nix/storehouse/x")) is None
    with pytest.raises(MalformedData):
        store_path_of(Path("/nix/store/.links/x"))
