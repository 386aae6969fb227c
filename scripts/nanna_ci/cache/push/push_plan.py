"""What a push takes along, what the filter excludes, and what is filtered but required. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass

from nanna_ci.store.path_info import PathInfo
from nanna_ci.store.store_path import StorePath


@dataclass(frozen=True, slots=True)
class FilteredButRequired:
    """A path that the filter matches and the push needs: all of the paths `needed_by` refer to it and are pushed."""

    pattern: str
    needed_by: tuple[StorePath, ...]


@dataclass(frozen=True, slots=True)
class PushPlan:
    """A push, before anything is sent.

    `push` is handed over, and `closure` is what the cache must hold afterwards: `push` and all that it refers to.
    `filtered` is excluded by the pattern that it maps to; `filtered_but_required` would be, but is in the closure. The
    store lacks `absent`.
    """

    push: tuple[StorePath, ...]
    closure: Mapping[StorePath, PathInfo]
    filtered: Mapping[StorePath, str]
    filtered_but_required: Mapping[StorePath, FilteredButRequired]
    absent: tuple[StorePath, ...]

    @property
    def nar_bytes(self) -> int | None:
        """The size of the closure's archives, uncompressed; None if the store does not know one of them."""
        sizes = [info.nar_size_bytes for info in self.closure.values()]
        known = [size for size in sizes if size is not None]
        return sum(known) if len(known) == len(sizes) else None

    def needed_by(self, paths: Iterable[StorePath]) -> frozenset[StorePath]:
        """`paths`, and all of the closure that they refer to."""
        return frozenset(_walk(paths, self.closure)[0])

    def needing(self, paths: Collection[StorePath]) -> frozenset[StorePath]:
        """Those of the closure that are among `paths`, or refer to one of them, directly or not."""
        referrers = _referrers(self.closure)
        found: set[StorePath] = set()
        waiting = list(paths)
        while waiting:
            path = waiting.pop()
            if path not in found:
                found.add(path)
                waiting.extend(referrers.get(path, ()))
        return frozenset(found)


def plan_push(
    candidates: Iterable[StorePath],
    infos: Mapping[StorePath, PathInfo | None],
    matching: Callable[[str], str | None],
) -> PushPlan:
    """Decide what is pushed of `candidates`.

    `infos` knows every candidate and whatever the valid ones refer to, None for what the store lacks; `matching` gives
    the pattern that filters a name, or None. A reference that `infos` does not know is absent too: the path that needs
    it cannot be pushed whole, and is still tried.
    """
    wanted = sorted(set(candidates))
    filtered = {path: pattern for path in wanted if (pattern := matching(path.name)) is not None}
    push = tuple(path for path in wanted if path not in filtered and infos.get(path) is not None)
    closure, unknown = _walk(push, infos)
    referrers = _referrers(closure)
    filtered_but_required = {
        path: FilteredButRequired(pattern, tuple(sorted(referrers[path])))
        for path in sorted(closure)
        if (pattern := matching(path.name)) is not None
    }
    absent = {path for path in wanted if path not in filtered and infos.get(path) is None} | unknown
    return PushPlan(
        push=push,
        closure=closure,
        filtered={path: pattern for path, pattern in filtered.items() if path not in filtered_but_required},
        filtered_but_required=filtered_but_required,
        absent=tuple(sorted(absent)),
    )


def _walk(
    roots: Iterable[StorePath], infos: Mapping[StorePath, PathInfo | None]
) -> tuple[dict[StorePath, PathInfo], set[StorePath]]:
    """What `roots` are and refer to, and which of those paths `infos` does not know."""
    closure: dict[StorePath, PathInfo] = {}
    unknown: set[StorePath] = set()
    waiting = list(roots)
    while waiting:
        path = waiting.pop()
        info = infos.get(path)
        if info is None:
            unknown.add(path)
        elif path not in closure:
            closure[path] = info
            waiting.extend(info.references)
    return closure, unknown


def _referrers(closure: Mapping[StorePath, PathInfo]) -> dict[StorePath, list[StorePath]]:
    """Who refers to a path, itself apart."""
    referrers: dict[StorePath, list[StorePath]] = {}
    for path, info in closure.items():
        for reference in info.references:
            if reference != path:
                referrers.setdefault(reference, []).append(path)
    return referrers
