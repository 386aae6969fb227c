"""`flake.lock`: which sources a flake depends on, each with the hash of its content."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from nanna_ci.foundation.errors import MalformedData, shorten
from nanna_ci.foundation.json_data import JsonObject, JsonValue, as_object, as_text, as_texts, describe, load_json
from nanna_ci.store.hashes import NixHash, parse_json_hash

_VERSIONS = (5, 6, 7)
_MAX_FOLLOWS = 1000


@dataclass(frozen=True, slots=True)
class LockedInput:
    """One locked source. `locked` and `original` are Nix's attributes (`type`, `owner`, `repo`, `rev`, …), unchecked.

    `nar_hash` is None only for a path inside another input (`path:./sub`), which is part of that one's hash.
    """

    name: str
    nar_hash: NixHash | None
    locked: Mapping[str, JsonValue]
    original: Mapping[str, JsonValue]
    is_flake: bool
    inputs: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class FlakeLock:
    """A lock file: `nodes` by their names, without the flake itself, which is `root`.

    All `inputs` map to names of nodes, follows resolved; to `root` for an input that was dropped with `follows = ""`.
    """

    root: str
    nodes: Mapping[str, LockedInput]
    inputs: Mapping[str, str]


_Inputs = Mapping[str, str | tuple[str, ...]]


def parse_flake_lock(data: bytes, source: str) -> FlakeLock:
    """Read a flake.lock of version 5, 6 or 7.

    Raises:
        MalformedData: for another version, a node that is missing, follows that end nowhere or in a circle, inputs
            that lead back to themselves, and a locked input without its hash.
    """
    document = as_object(load_json(data, source), source, "the document")
    if document.get("version") not in _VERSIONS:
        raise MalformedData(source, f"version {describe(document.get('version'))} is not 5, 6 or 7")
    root = as_text(document.get("root"), source, "root")
    raw = {
        name: as_object(value, source, f"node {shorten(name)}")
        for name, value in as_object(document.get("nodes"), source, "nodes").items()
    }
    graph = {
        name: _parse_inputs(node.get("inputs", {}), f"{source}: node {shorten(name)}") for name, node in raw.items()
    }
    if root not in graph:
        raise MalformedData(source, f"the root node {shorten(root)} is missing")
    resolved = {
        name: {key: _resolve(graph, root, name, key, source) for key in inputs} for name, inputs in graph.items()
    }
    _refuse_cycles(graph, source)
    nodes = {
        name: _parse_node(name, node, resolved[name], f"{source}: node {shorten(name)}")
        for name, node in raw.items()
        if name != root
    }
    return FlakeLock(root, nodes, resolved[root])


def _parse_inputs(value: JsonValue, source: str) -> _Inputs:
    return {
        name: target if isinstance(target, str) else as_texts(target, source, f"inputs.{shorten(name)}")
        for name, target in as_object(value, source, "inputs").items()
    }


def _resolve(graph: Mapping[str, _Inputs], root: str, node: str, key: str, source: str) -> str:
    """The node that an input leads to; a list of names is walked from the root, through other follows."""
    current, todo, steps = node, [key], 0
    while todo:
        steps += 1
        if steps > _MAX_FOLLOWS or len(todo) > _MAX_FOLLOWS:
            raise MalformedData(source, f"node {shorten(node)}: input {shorten(key)} follows itself")
        step = todo.pop(0)
        if step not in graph[current]:
            raise MalformedData(
                source, f"node {shorten(node)}: input {shorten(key)} follows {shorten(step)}, which is missing"
            )
        target = graph[current][step]
        if not isinstance(target, str):
            current, todo = root, [*target, *todo]
        elif target == root:
            raise MalformedData(source, f"node {shorten(current)}: input {shorten(step)} leads back to the root")
        elif target in graph:
            current = target
        else:
            raise MalformedData(source, f"node {shorten(current)}: input {shorten(step)} names a node that is missing")
    return current


def _refuse_cycles(graph: Mapping[str, _Inputs], source: str) -> None:
    """Inputs named directly must form a tree or better; only follows may point anywhere."""
    open_nodes: dict[str, int] = {}
    below: dict[str, set[str]] = {}
    for name, inputs in graph.items():
        targets = {target for target in inputs.values() if isinstance(target, str)}
        open_nodes[name] = len(targets)
        for target in targets:
            below.setdefault(target, set()).add(name)
    ready = [name for name, count in open_nodes.items() if count == 0]
    while ready:
        done = ready.pop()
        del open_nodes[done]
        for name in below.get(done, ()):
            open_nodes[name] -= 1
            if open_nodes[name] == 0:
                ready.append(name)
    if open_nodes:
        raise MalformedData(source, f"the inputs of node {shorten(min(open_nodes))} lead in a circle")


def _parse_node(name: str, node: JsonObject, inputs: Mapping[str, str], source: str) -> LockedInput:
    locked = as_object(node.get("locked"), source, "locked")
    nar_hash = locked.get("narHash")
    if nar_hash is None and not _is_relative(locked):
        raise MalformedData(source, "locked without a narHash: its content could be anything")
    return LockedInput(
        name=name,
        nar_hash=None if nar_hash is None else parse_json_hash(nar_hash, source, "narHash"),
        locked=locked,
        original=as_object(node.get("original"), source, "original"),
        is_flake=node.get("flake") is not False,
        inputs=inputs,
    )


def _is_relative(locked: JsonObject) -> bool:
    path = locked.get("path")
    return locked.get("type") == "path" and isinstance(path, str) and not path.startswith("/")
