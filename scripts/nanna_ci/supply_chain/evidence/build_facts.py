"""What was built: the derivations behind artifacts and images, their way back to the source, and their outputs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from nanna_ci.foundation.errors import GateFailed, MalformedData, ToolMissing
from nanna_ci.foundation.guarded_read import MEBIBYTE, read_file
from nanna_ci.foundation.json_data import as_object, as_text
from nanna_ci.pipeline.evaluation import parse_evaluation, pipeline_attribute
from nanna_ci.store.derivation import Derivation
from nanna_ci.store.drv_file import DerivationFiles
from nanna_ci.store.hashes import NixHash
from nanna_ci.store.nix import Nix
from nanna_ci.store.path_info import PathInfo
from nanna_ci.store.store_path import StorePath

_DRV_BYTES = 64 * MEBIBYTE


@dataclass(frozen=True, slots=True)
class BuiltOutput:
    """An output in this machine's store: of which derivation, under which attribute of the flake, and what it is."""

    path: StorePath
    derivation: StorePath
    output: str
    attribute: str
    nar_hash: NixHash
    references: tuple[StorePath, ...]


@dataclass(frozen=True, slots=True)
class BuildFacts:
    """The outputs, and the derivations that lead from them back to the sources, each with the bytes of its file.

    `tested` maps each other derivation in question to whether one of the sources is below it; None: it is not here.
    """

    toolkit: str
    system: str
    nix_version: str
    outputs: tuple[BuiltOutput, ...]
    lineage: Mapping[StorePath, bytes]
    tested: Mapping[StorePath, bool | None]


def query_builds(
    nix: Nix,
    folder: Path,
    outputs: Mapping[StorePath, StorePath | None],
    sources: frozenset[StorePath],
    tested: Iterable[StorePath],
) -> BuildFacts:
    """The facts of `outputs` (path → derivation, None: as the store says); `folder` holds what Nix calls /nix/store.

    Raises GateFailed where the flake does not evaluate to a derivation: it is not what the statement would be about;
    MalformedData and ToolMissing where the store lacks something.
    """
    system = nix.current_system()
    infos = nix.path_info(sorted(outputs))
    derivations = {path: _deriver(path, stated, infos[path]) for path, stated in outputs.items()}
    files = DerivationFiles(folder)
    graph = files.read_closure(sorted(set(derivations.values())))
    toolkit, attributes = _attributes(nix, system, {graph[one].system for one in derivations.values()})
    if lost := sorted(str(one) for one in set(derivations.values()) - attributes.keys()):
        raise GateFailed(
            f"{lost[0]} is not what the flake evaluates to",
            hint="it was built from another source, or with other overrides: build it again from this one",
        )
    lineage = read_lineage(graph, sorted(set(derivations.values())), sources)
    return BuildFacts(
        toolkit=toolkit,
        system=system,
        nix_version=nix.version().text,
        outputs=tuple(_built(path, one, graph[one], attributes[one], infos[path]) for path, one in derivations.items()),
        lineage={path: _read(folder, path) for path in lineage},
        tested={path: _is_from(files, path, sources) for path in tested},
    )


def _deriver(path: StorePath, stated: StorePath | None, info: PathInfo | None) -> StorePath:
    if info is None:
        raise MalformedData(str(path), "is not a valid path of the Nix store")
    found = stated or info.deriver
    if found is None:
        hint = "build it here, or give the run that built it with --run"
        raise ToolMissing(str(path), "the store does not say which derivation made it", hint=hint)
    return found


def _attributes(nix: Nix, system: str, systems: Iterable[str]) -> tuple[str, Mapping[StorePath, str]]:
    """The toolkit's name, and the shortest attribute of the flake for each of its derivations."""
    found: dict[StorePath, str] = {}
    toolkit = ""
    for name in (system, *sorted(set(systems) - {system, "builtin"})):
        source = f"{nix.flake}#{pipeline_attribute(name)}"
        value = nix.evaluate(pipeline_attribute(name))
        toolkit = toolkit or as_text(as_object(value, source, "it").get("toolkit"), source, "toolkit")
        for attribute, path in parse_evaluation(value, source).derivations.items():
            known = found.get(path)
            if known is None or _plainness(attribute) < _plainness(known):
                found[path] = attribute
    return toolkit, found


def _plainness(attribute: str) -> tuple[bool, int, str]:
    """Of several names of one thing the shortest is said, and `default` only where it has no other."""
    return attribute.endswith(".default"), len(attribute), attribute


def _built(
    path: StorePath, derivation: StorePath, shown: Derivation, attribute: str, info: PathInfo | None
) -> BuiltOutput:
    assert info is not None
    name = next((name for name, output in shown.outputs.items() if output.path == path), None)
    if name is None:
        raise MalformedData(str(derivation), f"has no output {path}")
    return BuiltOutput(path, derivation, name, attribute, info.nar_hash, tuple(sorted(info.references)))


def read_lineage(
    graph: Mapping[StorePath, Derivation], targets: Sequence[StorePath], sources: frozenset[StorePath]
) -> tuple[StorePath, ...]:
    """The targets, and all derivations on a way from them to one that names a source itself."""
    above: dict[StorePath, list[StorePath]] = {}
    for path, derivation in graph.items():
        for below_it in derivation.input_derivations:
            above.setdefault(below_it, []).append(path)
    ahead = [path for path, derivation in graph.items() if not sources.isdisjoint(derivation.input_sources)]
    reaching = {*ahead}
    while ahead:
        new = [path for path in above.get(ahead.pop(), ()) if path not in reaching]
        reaching.update(new)
        ahead += new
    kept = {*targets}
    ahead = list(targets)
    while ahead:
        below = [one for one in graph[ahead.pop()].input_derivations if one in reaching and one not in kept]
        kept.update(below)
        ahead += below
    return tuple(sorted(kept))


def _is_from(files: DerivationFiles, path: StorePath, sources: frozenset[StorePath]) -> bool | None:
    try:
        graph = files.read_closure([path])
    except ToolMissing:
        return None
    return any(not sources.isdisjoint(derivation.input_sources) for derivation in graph.values())


def _read(folder: Path, path: StorePath) -> bytes:
    try:
        return read_file(folder / path.base_name, _DRV_BYTES, follow_links=False)
    except OSError as error:
        raise ToolMissing(str(path), f"cannot be read: {error.strerror}") from None
