"""What `nix flake metadata` says: sources, inputs by route, overrides, and the commit that has the very same tree."""

from __future__ import annotations

import json
from typing import Any

import pytest

from nanna_ci.foundation.errors import MalformedData, ToolMissing
from nanna_ci.store.nix import Nix
from nanna_ci.supply_chain.evidence.flake_facts import dependency, parse_metadata, query_flake
from support.fake_ports import FakePorts

ONE = "sha256-LbXiveH5eUEkha8XR9pBxtn5ULy4lx/kP0YI2XCrS5U="
OTHER = "sha256-HDfQGvQL4ugGkd48w99EN3ppmvuxfGjwgJZLL9Bx/BM="
COMMIT = "1" * 40


def locked(kind: str, **values: Any) -> dict[str, Any]:
    return {"locked": {"type": kind, "narHash": ONE, **values}, "original": {"type": kind}}


NODES = {
    "root": {"inputs": {"nixpkgs": "nixpkgs", "crane": "crane", "subject": "subject"}},
    "nixpkgs": {**locked("path", path="/home/me/kit"), "inputs": {"tools": "tools"}},
    "tools": locked("tarball", url="https://user:pw@example.org/t.tar.gz"),
    "crane": {**locked("github", owner="ipetkov", repo="crane", rev="2" * 40), "inputs": {"nixpkgs": ["nixpkgs"]}},
    "subject": {**locked("git", url="https://example.org/s.git", rev="3" * 40), "flake": False},
}


def metadata(nar_hash: str = ONE, **more: Any) -> bytes:
    locks = {"version": 7, "root": "root", "nodes": NODES}
    return json.dumps({"locked": {"narHash": nar_hash}, "lastModified": 1700000000, "locks": locks, **more}).encode()


def test_every_input_is_there_once_by_its_shortest_route() -> None:
    facts = parse_metadata(metadata(revision=COMMIT), ("nixpkgs", "nixpkgs/tools"))
    assert [one.route for one in facts.inputs] == ["crane", "nixpkgs", "subject", "nixpkgs/tools"]
    assert [one.route for one in facts.inputs if one.is_overridden] == ["nixpkgs", "nixpkgs/tools"]
    assert (facts.revision, facts.is_dirty, facts.modified_s) == (COMMIT, False, 1700000000)
    assert sorted(facts.built_sources()) == ["", "subject"]


def test_a_changed_work_tree_is_said_to_be_one() -> None:
    facts = parse_metadata(metadata(dirtyRevision=f"{COMMIT}-dirty"), ())
    assert (facts.revision, facts.is_dirty) == (COMMIT, True)


def test_an_inputs_uri_has_neither_a_login_nor_a_folder_of_this_machine() -> None:
    uris = {one.route: dependency(one)["uri"] for one in parse_metadata(metadata(), ()).inputs}
    assert uris["crane"] == f"git+https://github.com/ipetkov/crane@{'2' * 40}"
    assert uris["subject"] == f"git+https://example.org/s.git@{'3' * 40}"
    assert uris["nixpkgs"].startswith("path:/nix/store/")
    assert "pw" not in uris["nixpkgs/tools"]


@pytest.mark.parametrize(
    "data",
    [
        b"[]",
        b"{}",
        metadata(revision="main"),
        metadata(nar_hash="sha256-x"),
        metadata(locks={"version": 9, "nodes": {}}),
    ],
)
def test_other_metadata_is_refused(data: bytes) -> None:
    with pytest.raises(MalformedData):
        parse_metadata(data, ())


def scripted(ports: FakePorts, flake: bytes, work_tree: bytes | None) -> None:
    """nix says this of the flake, and that of the work tree around the working folder."""
    words = ("nix", "--extra-experimental-features", "nix-command flakes", "flake", "metadata", "--json")
    ports.run.script(*words, "--no-write-lock-file", stdout=flake)
    if work_tree is None:
        ports.run.script("git", returncode=128)
    else:
        ports.run.script("git", stdout=b"/home/me/w\n")
        ports.run.script(*words, "--no-write-lock-file", "git+file:///home/me/w", stdout=work_tree)


def revision(ports: FakePorts) -> tuple[str | None, bool]:
    nix = Nix(ports.run, environ={"NANNA_CI_FLAKE": "path:/nix/store/x"})
    facts = query_flake(nix, ports.run, {}, ports.cwd)
    return facts.revision, facts.is_dirty


def test_the_commit_is_the_work_trees_where_that_has_the_same_content(fake_ports: FakePorts) -> None:
    scripted(fake_ports, metadata(), metadata(revision=COMMIT))
    assert revision(fake_ports) == (COMMIT, False)


def test_a_work_tree_with_other_content_gives_no_commit(fake_ports: FakePorts) -> None:
    scripted(fake_ports, metadata(), metadata(OTHER, revision=COMMIT))
    assert revision(fake_ports) == (None, False)


def test_changes_of_the_work_tree_are_said(fake_ports: FakePorts) -> None:
    scripted(fake_ports, metadata(), metadata(dirtyRevision=f"{COMMIT}-dirty"))
    assert revision(fake_ports) == (COMMIT, True)


def test_without_a_work_tree_or_git_no_commit_is_known(fake_ports: FakePorts) -> None:
    scripted(fake_ports, metadata(), None)
    assert revision(fake_ports) == (None, False)
    fake_ports.run.script("git", error=ToolMissing("git", "not found"))
    assert revision(fake_ports) == (None, False)
