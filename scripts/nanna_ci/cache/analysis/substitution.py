"""What Nix would download and what it would build: the answer of `nix build --dry-run`, without running it.

Follows Nix's Store::queryMissing (nix: src/libstore/misc.cc). A derivation is queried for by its wanted outputs. Where
all of them are valid, nothing is done; where caches have all that are not, these are downloaded, and with them what
they refer to; else it is built, and so the used outputs of its inputs are wanted.
"""

from __future__ import annotations

import json
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass

from nanna_ci.store.derivation import Derivation
from nanna_ci.store.narinfo import NarInfo
from nanna_ci.store.store_path import StorePath


@dataclass(frozen=True, slots=True)
class WantedOutputs:
    """Outputs of a derivation, by name. `label` is how it was requested: an installable, an attribute, a path."""

    label: str
    derivation: StorePath
    outputs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SubstitutionPlan:
    """What Nix would do.

    `unknown` is neither valid nor in a cache, and no derivation says how it is built. `unqueried` are paths that are
    needed but were not queried for: the plan holds only once there are none. `download_bytes` is None if a cache
    does not say what a file weighs.
    """

    build: frozenset[StorePath]
    download: frozenset[StorePath]
    unknown: frozenset[StorePath]
    unqueried: frozenset[StorePath]
    download_bytes: int | None
    nar_bytes: int


def plan_substitution(
    wanted: Iterable[WantedOutputs | StorePath],
    graph: Mapping[StorePath, Derivation],
    *,
    found: Mapping[StorePath, NarInfo],
    queried: Container[StorePath],
    valid: Container[StorePath],
    always_allow: bool = False,
) -> SubstitutionPlan:
    """Plan for derivations of `graph` and for plain paths.

    `found` is what the caches have, each from the first that has it, trusted or not: a dry run checks no signature.
    `queried` are the paths that the caches were queried for, `valid` those in the local store. `always_allow` is Nix's
    setting always-allow-substitutes.
    """
    planner = _Planner(graph, found, queried, valid, always_allow=always_allow)
    for one in wanted:
        if isinstance(one, StorePath):
            planner.paths.append(one)
        else:
            planner.requests.append((one.derivation, one.outputs))
    planner.run()
    sizes = [found[path].file_size_bytes for path in planner.download]
    known = [size for size in sizes if size is not None]
    return SubstitutionPlan(
        build=frozenset(planner.build),
        download=frozenset(planner.download),
        unknown=frozenset(planner.unknown),
        unqueried=frozenset(planner.unqueried),
        download_bytes=sum(known) if len(known) == len(sizes) else None,
        nar_bytes=sum(found[path].nar_size_bytes for path in planner.download),
    )


class _Planner:
    """What is still to be looked at, `requests` for outputs of derivations and `paths`, and what came of it."""

    def __init__(
        self,
        graph: Mapping[StorePath, Derivation],
        found: Mapping[StorePath, NarInfo],
        queried: Container[StorePath],
        valid: Container[StorePath],
        *,
        always_allow: bool,
    ) -> None:
        self._graph = graph
        self._found = found
        self._queried = queried
        self._valid = valid
        self._always_allow = always_allow
        self.requests: list[tuple[StorePath, tuple[str, ...]]] = []
        self.paths: list[StorePath] = []
        self.build: set[StorePath] = set()
        self.download: set[StorePath] = set()
        self.unknown: set[StorePath] = set()
        self.unqueried: set[StorePath] = set()

    def run(self) -> None:
        """Derivations first, which only add to the paths."""
        seen: set[tuple[StorePath, tuple[str, ...]]] = set()
        while self.requests:
            request = self.requests.pop()
            if request not in seen:
                seen.add(request)
                self._look_at_derivation(*request)
        while self.paths:
            path = self.paths.pop()
            if path not in self.download and path not in self._valid:
                self._look_at_path(path)

    def _look_at_derivation(self, path: StorePath, wanted: tuple[str, ...]) -> None:
        derivation = self._graph[path]
        outputs = derivation.outputs
        invalid = [outputs[name].path for name in wanted if name in outputs and outputs[name].path not in self._valid]
        if not invalid:
            return
        present = [place for place in invalid if place is not None and place in self._found]
        self.unqueried.update(place for place in invalid if place not in self._queried and place is not None)
        # Where only the build shows an output's path, the caches cannot be evaluated for it.
        if len(present) == len(invalid) and (self._always_allow or allows_substitutes(derivation)):
            self.paths.extend(present)
        else:
            self.build.add(path)
            self.requests.extend(derivation.input_derivations.items())

    def _look_at_path(self, path: StorePath) -> None:
        info = self._found.get(path)
        if info is not None:
            self.download.add(path)
            self.paths.extend(info.references)
        elif path in self._queried:
            self.unknown.add(path)
        else:
            self.unqueried.add(path)


def allows_substitutes(derivation: Derivation) -> bool:
    """Whether its outputs may come from a cache: the attribute allowSubstitutes, true if it is absent."""
    environment = derivation.environment
    if "__json" in environment:
        return json.loads(environment["__json"]).get("allowSubstitutes", True) is not False
    return environment.get("allowSubstitutes", "1") == "1"
