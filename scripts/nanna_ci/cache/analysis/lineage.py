"""How each derivation of a graph changed since the baseline: the same, changed itself, following its inputs, new."""

from __future__ import annotations

import enum
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from nanna_ci.cache.analysis.difference import Comparison, DerivationChange, DerivationDifference, Records
from nanna_ci.store.store_path import StorePath

MOST_CAUSES = 16


class DifferenceOrigin(enum.Enum):
    """Where the difference of a derivation comes from."""

    SAME = "same"  # no difference in its outputs
    CHANGED = "changed"  # it was changed itself
    FOLLOWS = "follows"  # only inputs of it were
    NEW = "new"  # the baseline has nothing like it


@dataclass(frozen=True, slots=True)
class Descent:
    """How one derivation changed; `before` is what it was in the baseline.

    `causes` are the derivations, changed themselves or new, that it follows: at most MOST_CAUSES of them.
    """

    origin: DifferenceOrigin
    before: StorePath | None
    changes: tuple[DerivationChange, ...] = ()
    causes: tuple[StorePath, ...] = ()


def trace_lineage(
    now: Records, baseline: Records, roots: Iterable[tuple[StorePath, StorePath | None]]
) -> dict[StorePath, Descent]:
    """Every derivation that is reached from `roots` and is not the very same one in the baseline.

    A root comes with what it was in the baseline, None if it was not queried there.
    """
    comparison = Comparison(now, baseline)
    by_name: dict[str, StorePath | None] = {}
    for path in baseline:
        by_name[path.name] = None if path.name in by_name else path
    partners: dict[StorePath, StorePath | None] = {}
    differences: dict[StorePath, DerivationDifference] = {}
    ahead = list(roots)
    while ahead:
        path, partner = ahead.pop()
        if path in partners or path in baseline:
            continue
        before = partners[path] = comparison.producer(path) or partner or by_name.get(path.name)
        paired: Mapping[StorePath, StorePath] = {}
        if before is not None:
            differences[path] = comparison.compare(path, before)
            paired = dict(differences[path].pairs)
        ahead.extend((other, paired.get(other)) for other in now[path].inputs)
    descents: dict[StorePath, Descent] = {}
    for path in inputs_first(partners, lambda path: now[path].inputs):
        before = partners[path]
        if before is None:
            descents[path] = Descent(DifferenceOrigin.NEW, None, causes=(path,))
        elif comparison.is_same(path, before):
            descents[path] = Descent(DifferenceOrigin.SAME, before)
        else:
            descents[path] = _descend(path, before, differences[path], descents)
    return descents


def _descend(
    path: StorePath, before: StorePath, difference: DerivationDifference, descents: Mapping[StorePath, Descent]
) -> Descent:
    causes = dict.fromkeys(cause for one, _ in difference.inputs for cause in descents[one].causes)
    if difference.own or not causes:
        return Descent(DifferenceOrigin.CHANGED, before, difference.own, (path,))
    return Descent(DifferenceOrigin.FOLLOWS, before, causes=tuple(causes)[:MOST_CAUSES])


def inputs_first(
    paths: Collection[StorePath], inputs_of: Callable[[StorePath], Iterable[StorePath]]
) -> Iterator[StorePath]:
    """The paths, each after those of its inputs that are among them."""
    seen: set[StorePath] = set()
    for start in paths:
        ahead = [(start, False)]
        while ahead:
            path, is_ready = ahead.pop()
            if is_ready:
                yield path
            elif path not in seen:
                seen.add(path)
                ahead.append((path, True))
                ahead.extend((other, False) for other in inputs_of(path) if other in paths)
