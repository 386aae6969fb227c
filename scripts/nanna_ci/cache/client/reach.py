"""How far a walk leads from its roots, by what some caches say. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from nanna_ci.store.narinfo import NarInfo
from nanna_ci.store.store_path import StorePath


def reached_paths(roots: Iterable[StorePath], caches: Sequence[Mapping[StorePath, NarInfo]]) -> set[StorePath]:
    """The roots and all that they refer to, directly or not, in what any of the caches has."""
    reached = set(roots)
    ahead = list(reached)
    while ahead:
        path = ahead.pop()
        for found in caches:
            info = found.get(path)
            for reference in info.references if info is not None else ():
                if reference not in reached:
                    reached.add(reference)
                    ahead.append(reference)
    return reached
