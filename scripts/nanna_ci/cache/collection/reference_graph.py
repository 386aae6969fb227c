"""Graphs of things that refer to each other, by name: closures, and an order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence


def closure(roots: Iterable[str], references: Mapping[str, Sequence[str]]) -> set[str]:
    """Those of `roots` that are in `references`, and all that they refer to in it."""
    found: set[str] = set()
    left = list(roots)
    while left:
        name = left.pop()
        if name not in found and name in references:
            found.add(name)
            left.extend(references[name])
    return found


def order_by_references(references: Mapping[str, Sequence[str]]) -> list[str]:
    """Every name after all that refer to it; without those in a circle, and what these refer to.

    Names that are referred to, but are not keys, are ignored.
    """
    holders = dict.fromkeys(references, 0)
    for needed in references.values():
        for name in needed:
            if name in holders:
                holders[name] += 1
    ordered = [name for name, count in holders.items() if count == 0]
    for name in ordered:  # it grows while we walk it
        for needed_name in references[name]:
            if needed_name in holders:
                holders[needed_name] -= 1
                if holders[needed_name] == 0:
                    ordered.append(needed_name)
    return ordered
