"""flake.lock: what every input is locked to, and the files that must be refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from nanna_ci.foundation.errors import MalformedData
from nanna_ci.store.flake_lock import parse_flake_lock

SRI = "sha256-LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ="


def node(inputs: dict[str, Any] | None = None, **locked: Any) -> dict[str, Any]:
    attributes = {"type": "github", "owner": "o", "repo": "r", "rev": "0" * 40, "narHash": SRI} | locked
    made: dict[str, Any] = {"locked": {k: v for k, v in attributes.items() if v is not ...}, "original": {}}
    return made | ({} if inputs is None else {"inputs": inputs})


def lock(nodes: dict[str, Any], *, root: str = "root", version: object = 7, **inputs: Any) -> bytes:
    return json.dumps({"version": version, "root": root, "nodes": {"root": {"inputs": inputs}} | nodes}).encode()


def refused(data: bytes) -> str:
    with pytest.raises(MalformedData, match=r"^flake\.lock: ") as caught:
        parse_flake_lock(data, "flake.lock")
    return caught.value.message


def test_what_nix_wrote_is_read_and_follows_are_resolved(samples: Path) -> None:
    read = parse_flake_lock((samples / "flake.lock").read_bytes(), "flake.lock")
    assert read.inputs == {"a": "a", "b": "b", "src": "src", "sub": "sub"}
    assert read.nodes["b"].inputs == {"a": "a"}
    assert set(read.nodes) == {"a", "b", "src", "sub"}
    assert str(read.nodes["a"].nar_hash) == "sha256-JvS7Hjd0Dnmb1psPvQ+ypXJWAEBF4q4HmkWYz4INVj4="
    assert (read.nodes["a"].is_flake, read.nodes["src"].is_flake) == (True, False)


def test_only_a_path_inside_another_input_has_no_hash(samples: Path) -> None:
    read = parse_flake_lock((samples / "flake.lock").read_bytes(), "flake.lock")
    assert [name for name, one in read.nodes.items() if one.nar_hash is None] == ["sub"]


@pytest.mark.parametrize("version", [5, 6, 7])
def test_readable_versions(version: int) -> None:
    assert parse_flake_lock(lock({"a": node()}, version=version, a="a"), "flake.lock").inputs == {"a": "a"}


@pytest.mark.parametrize("version", [4, 8, "7", None, 7.5, True])
def test_any_other_version_is_refused(version: object) -> None:
    assert "not 5, 6 or 7" in refused(lock({}, version=version))


def test_an_input_that_was_dropped_leads_to_the_root() -> None:
    read = parse_flake_lock(lock({"a": node({"unwanted": []})}, a="a"), "flake.lock")
    assert read.nodes["a"].inputs == {"unwanted": "root"}


def test_a_missing_node_is_refused() -> None:
    assert "names a node that is missing" in refused(lock({}, a="a"))


def test_a_missing_root_is_refused() -> None:
    assert "the root node 'other' is missing" in refused(lock({}, root="other"))


def test_follows_that_end_nowhere_are_refused() -> None:
    assert "follows 'nowhere', which is missing" in refused(lock({"a": node({"b": ["nowhere"]})}, a="a"))


def test_follows_in_a_circle_are_refused() -> None:
    assert "follows itself" in refused(lock({}, a=["b"], b=["a"]))


def test_follows_that_grow_are_refused() -> None:
    assert "follows itself" in refused(lock({}, a=["a"] * 50))


def test_inputs_in_a_circle_are_refused() -> None:
    message = refused(lock({"a": node({"b": "b"}), "b": node({"a": "a"})}, a="a"))
    assert "the inputs of node 'a' lead in a circle" in message


def test_an_input_that_names_the_root_is_refused() -> None:
    assert "leads back to the root" in refused(lock({"a": node({"up": "root"})}, a="a"))


@pytest.mark.parametrize("locked", [{"narHash": ...}, {"type": "path", "path": "/abs", "narHash": ...}])
def test_a_locked_input_without_its_hash_is_refused(locked: dict[str, Any]) -> None:
    assert "node 'a': locked without a narHash" in refused(lock({"a": node(**locked)}, a="a"))


def test_an_invalid_hash_is_refused() -> None:
    assert "narHash" in refused(lock({"a": node(narHash="sha256-short")}, a="a"))


def test_a_node_that_is_not_locked_at_all_is_refused() -> None:
    assert "node 'a': locked is 'null', not an object" in refused(lock({"a": {"original": {}}}, a="a"))


def test_one_node_may_be_the_input_of_many() -> None:
    data = lock({"a": node({"c": "c"}), "b": node({"c": "c"}), "c": node()}, a="a", b="b")
    assert parse_flake_lock(data, "flake.lock").nodes["b"].inputs == {"c": "c"}
