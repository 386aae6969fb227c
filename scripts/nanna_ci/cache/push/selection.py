"""Which paths are meant: store paths, links to them, installables, and on request all that was needed to build them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from nanna_ci.foundation.errors import MalformedData, UsageError, shorten
from nanna_ci.store.derivation import Derivation
from nanna_ci.store.nix import Nix
from nanna_ci.store.nix_copy import query_derivations
from nanna_ci.store.store_path import STORE_DIR, StorePath, parse_base_name

_LINKS = 40  # as many as Linux follows


@dataclass(frozen=True, slots=True)
class WantedPaths:
    """What the caller's words say: paths, and what nix has to evaluate (derivations included)."""

    paths: tuple[StorePath, ...]
    installables: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Selection:
    """Paths to push. `unbuilt` are derivations of which no output is here; `unknown_builds` are paths whose derivation
    the store does not know, so that what built them is unknown."""

    paths: tuple[StorePath, ...]
    unbuilt: tuple[StorePath, ...]
    unknown_builds: tuple[StorePath, ...] = ()


def parse_wanted(words: Iterable[str], cwd: Path) -> WantedPaths:
    """Sort words into store paths (or links to them, or files below them) and installables.

    Raises:
        UsageError: a word is neither: empty, an option, or with blanks or control characters.
    """
    paths: list[StorePath] = []
    installables: list[str] = []
    for word in words:
        if not word or word.startswith("-") or re.search(r"[\x00-\x20\x7f]", word):
            raise UsageError(f"{shorten(word)} is neither a store path nor an installable")
        path = _store_path(word, cwd)
        if path is None or path.is_derivation:
            installables.append(word if path is None else str(path))
        else:
            paths.append(path)
    return WantedPaths(tuple(dict.fromkeys(paths)), tuple(dict.fromkeys(installables)))


def _store_path(word: str, cwd: Path) -> StorePath | None:
    """The store path that a word names: /nix/store/…, something below it, or a link that leads there."""
    place = cwd / word
    for _ in range(_LINKS):
        if place.is_relative_to(STORE_DIR):
            base = place.relative_to(STORE_DIR).parts[:1]
            try:
                return parse_base_name(base[0]) if base else None
            except MalformedData as error:
                raise UsageError(error.message) from error
        try:
            place = place.parent / place.readlink()
        except OSError:  # no link, or nothing at all
            return None
    return None


def select_paths(nix: Nix, wanted: WantedPaths, *, with_builds: bool) -> Selection:
    """The paths meant by `wanted`: store paths as they are, of installables the outputs that are here.

    `with_builds` adds, for all of these, every output in the graph of derivations behind it that is valid here.
    """
    named = query_derivations(nix, wanted.installables)
    return select_derivations(nix, tuple(named.values()), paths=wanted.paths, with_builds=with_builds)


def select_derivations(
    nix: Nix, derivations: Sequence[Derivation], *, paths: Sequence[StorePath] = (), with_builds: bool
) -> Selection:
    """The outputs of `derivations` that are here, and `paths`; `with_builds` as in `select_paths`."""
    here = _valid(nix, _outputs(derivations))
    unbuilt = tuple(one.path for one in derivations if not here.intersection(_outputs([one])))
    chosen = tuple(dict.fromkeys((*paths, *sorted(here))))
    if not with_builds:
        return Selection(chosen, unbuilt)
    derivers = {path: info.deriver for path, info in nix.path_info(paths).items() if info is not None}
    known = _valid(nix, {deriver for deriver in derivers.values() if deriver is not None})
    unknown = tuple(path for path, deriver in derivers.items() if deriver not in known)
    roots = sorted({one.path for one in derivations} | known)
    graph = query_derivations(nix, [str(root) for root in roots], recursive=True)
    more = _valid(nix, _outputs(graph.values()))
    return Selection(tuple(dict.fromkeys((*chosen, *sorted(more)))), unbuilt, unknown)


def _outputs(derivations: Iterable[Derivation]) -> set[StorePath]:
    """Outputs whose paths are known before they are built."""
    return {output.path for one in derivations for output in one.outputs.values() if output.path is not None}


def _valid(nix: Nix, paths: Iterable[StorePath]) -> set[StorePath]:
    return {path for path, info in nix.path_info(sorted(set(paths))).items() if info is not None}
