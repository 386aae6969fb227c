"""Graphs of derivations without nix: paths that depend on all below them, as Nix's do; and caches that have some."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from types import SimpleNamespace
from typing import Any

from nanna_ci.cache.analysis.hits import Holdings
from nanna_ci.store.derivation import Derivation, Output
from nanna_ci.store.hashes import NixHash, Signature, render_nix32
from nanna_ci.store.narinfo import NarInfo
from nanna_ci.store.store_path import StorePath
from nanna_ci.store.trust import Trust


def store_path(name: str, seed: object = "") -> StorePath:
    """A path whose hash follows from the name and the seed."""
    return StorePath(render_nix32(sha256(f"{name} {seed!r}".encode()).digest()[:20]), name)


@dataclass(frozen=True)
class Spec:
    """A derivation before it has paths; `inputs` names others and their outputs that are used.

    In environment values and arguments `@NAME@` and `@NAME!OUTPUT@` stand for an input's output, `@!OUTPUT@` for its
    own, `@SOURCE@` for a source.
    """

    name: str
    inputs: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    sources: tuple[tuple[str, str], ...] = ()  # name, content
    environment: Mapping[str, str] = field(default_factory=dict)
    arguments: tuple[str, ...] = ("-c", "true")
    builder: str = "/bin/sh"
    system: str = "x86_64-linux"
    outputs: tuple[str, ...] = ("out",)
    fixed: str | None = None  # the content's hash, for a fixed output


def instantiate(specs: Mapping[str, Spec]) -> tuple[dict[StorePath, Derivation], dict[str, StorePath]]:
    """The graph, and the derivation of each key. Keys come after the keys of their inputs."""
    graph: dict[StorePath, Derivation] = {}
    paths: dict[str, StorePath] = {}
    for key, spec in specs.items():
        inputs = {paths[other]: used for other, used in spec.inputs.items()}
        sources = {name: store_path(name, content) for name, content in spec.sources}
        values = {f"@{name}@": str(path) for name, path in sources.items()}
        for other, used in spec.inputs.items():
            for output in used:
                values[f"@{other}!{output}@"] = str(graph[paths[other]].outputs[output].path)
            values[f"@{other}@"] = str(graph[paths[other]].outputs[used[0]].path)
        below = [sorted(str(graph[path].outputs[o].path) for o in used) for path, used in inputs.items()]
        own = (spec.name, spec.environment, spec.arguments, spec.builder, spec.system, spec.outputs)
        seed = spec.fixed or (own, sorted(map(str, sources.values())), sorted(below))
        outputs = {name: store_path(_output_name(spec.name, name), (name, seed)) for name in spec.outputs}
        values |= {f"@!{name}@": str(path) for name, path in outputs.items()}
        paths[key] = store_path(f"{spec.name}.drv", (seed, own, sorted(map(str, inputs))))
        graph[paths[key]] = Derivation(
            path=paths[key],
            name=spec.name,
            system=spec.system,
            builder=spec.builder,
            arguments=tuple(_filled(text, values) for text in spec.arguments),
            environment={name: _filled(text, values) for name, text in spec.environment.items()}
            | {name: str(path) for name, path in outputs.items()},
            outputs={name: Output(path, is_fixed=spec.fixed is not None) for name, path in outputs.items()},
            input_derivations=inputs,
            input_sources=tuple(sources.values()),
        )
    return graph, paths


def _output_name(name: str, output: str) -> str:
    return name if output == "out" else f"{name}-{output}"


def _filled(text: str, values: Mapping[str, str]) -> str:
    for token, value in values.items():
        text = text.replace(token, value)
    return text


def outputs_of(graph: Mapping[StorePath, Derivation]) -> list[StorePath]:
    """All output paths."""
    return [place.path for one in graph.values() for place in one.outputs.values() if place.path is not None]


def narinfo(path: StorePath, references: Iterable[StorePath] = (), **changes: Any) -> NarInfo:
    """An entry of a cache."""
    values: dict[str, Any] = {
        "store_path": path,
        "url": f"nar/{path.hash}.nar",
        "compression": "none",
        "file_hash": None,
        "file_size_bytes": 100,
        "nar_hash": NixHash("sha256", bytes(32)),
        "nar_size_bytes": 200,
        "references": tuple(references),
        "deriver": None,
        "signatures": (),
        "ca": None,
    }
    return NarInfo(**(values | changes))


def signature(name: str = "key-1") -> Signature:
    """A signature that is never verified."""
    return Signature(name, "c2ln")


def query_result(
    found: Iterable[NarInfo] = (), missing: Iterable[StorePath] = (), *, url: str = "http://cache", **changes: Any
) -> Any:
    """What the bulk client answers, as far as pure code looks at it."""
    values: dict[str, Any] = {
        "substituter": SimpleNamespace(url=url, is_trusted=False),
        "found": {info.store_path: info for info in found},
        "missing": frozenset(missing),
        "corrupt": {},
        "failed": {},
        "priority": 50,
        "requests": 1,
        "bytes_received": 10,
        "retries": 0,
        "peak_connections": 1,
        "seconds": 0.25,
        "error": None,
        "hollow": {},
        "has_archives": False,
    }
    return SimpleNamespace(**(values | changes))


def holdings(
    present: Iterable[StorePath] = (),
    missing: Iterable[StorePath] = (),
    untrusted: Mapping[StorePath, Trust] | None = None,
    unknown: Mapping[StorePath, str] | None = None,
    *,
    url: str = "http://cache",
    info: Callable[[StorePath], NarInfo] = narinfo,
) -> Holdings:
    """What one cache has."""
    has = {path: info(path) for path in present}
    doubtful = {path: info(path) for path in untrusted or {}}
    result = query_result([*has.values(), *doubtful.values()], missing, url=url)
    return Holdings(result, has, untrusted or {}, frozenset(missing), unknown or {})
