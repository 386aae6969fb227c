"""The results of `bulk.query`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from nanna_ci.cache.substituters import Substituter
from nanna_ci.foundation.errors import NannaError
from nanna_ci.store.narinfo import NarInfo
from nanna_ci.store.store_path import StorePath


@dataclass(frozen=True, slots=True)
class QueryResult:
    """What one substituter said.

    `corrupt` (a narinfo that is refused, with its line) and `failed` (no answer) are unknown, not missing; their
    values say why. `hollow` are paths of `missing` that it has a narinfo of, but no archive; `has_archives`: those of
    what was found were looked at, too. `priority` is that of the URL, else of nix-cache-info; lower is queried first.
    `retries` are requests sent again after a failure, `peak_connections` those to its host. With `error` it could not
    be queried at all, and all is empty.
    """

    substituter: Substituter
    found: Mapping[StorePath, NarInfo]
    missing: frozenset[StorePath]
    corrupt: Mapping[StorePath, str]
    failed: Mapping[StorePath, str]
    priority: int
    requests: int
    bytes_received: int
    retries: int
    peak_connections: int
    seconds: float
    error: NannaError | None
    hollow: Mapping[StorePath, str] = field(default_factory=dict)
    has_archives: bool = False


@dataclass(frozen=True, slots=True)
class QueryProgress:
    """How many queries there are so far, one per path and substituter, and how many of them are answered."""

    answered: int
    queried: int


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
