"""The matrix of a job, expanded to its combinations as GitHub does it."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Final

from nanna_ci.foundation.errors import MalformedData
from nanna_ci.rehearsal.expressions.expression_value import Value, as_text

MOST_JOBS: Final = 256
Combination = dict[str, Value]


def expand_matrix(matrix: Value, where: str) -> list[Combination]:
    """The combinations in GitHub's order: vectors in their order, less `exclude`, then what `include` adds.

    An `include` goes into each combination whose own values it does not change; one that fits nowhere is a combination
    of its own. `where` is file and line.

    Raises:
        MalformedData: a matrix that GitHub refuses: no mapping, an empty vector, no combination, more than 256.
    """
    if not isinstance(matrix, Mapping):
        raise MalformedData(where, f"the matrix is {_kind(matrix)}, not a mapping")
    vectors: dict[str, list[Value]] = {}
    for name, values in matrix.items():
        if name in {"include", "exclude"}:
            continue
        if not isinstance(values, list) or not values:
            raise MalformedData(where, f"the matrix's {name} has no values")
        vectors[name] = values
    excluded, included = (_combinations(matrix.get(name), name, where) for name in ("exclude", "include"))
    products = itertools.product(*vectors.values()) if vectors else ()
    every = [dict(zip(vectors, values, strict=True)) for values in products]
    combinations = [own for own in every if not any(_agrees(one, own) for one in excluded)]
    results = [*map(dict, combinations)]
    more: list[Combination] = []
    for one in included:
        shared = {name: value for name, value in one.items() if name in vectors}
        fitting = [result for result, own in zip(results, combinations, strict=True) if _agrees(shared, own)]
        for result in fitting:
            result.update(one)
        if not fitting:
            more.append(dict(one))
    if not (results := results + more):
        raise MalformedData(where, "the matrix has no combination")
    if len(results) > MOST_JOBS:
        raise MalformedData(where, f"the matrix has {len(results)} combinations; GitHub takes {MOST_JOBS}")
    return results


def _combinations(value: Value, name: str, where: str) -> Sequence[Combination]:
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
        raise MalformedData(where, f"the matrix's {name} is not a list of mappings")
    return [one for one in value if isinstance(one, dict)]


def _agrees(part: Mapping[str, Value], whole: Mapping[str, Value]) -> bool:
    """Whether all of the part's values are those of the whole."""
    return all(name in whole and _same(value, whole[name]) for name, value in part.items())


def _same(one: Value, other: Value) -> bool:
    if isinstance(one, list | dict) or isinstance(other, list | dict):
        return one == other
    return as_text(one) == as_text(other)


def _kind(value: Value) -> str:
    return "a list" if isinstance(value, list) else "empty" if value in (None, "") else "a single value"


def default_name(job: str, combination: Combination | None) -> str:
    """How GitHub calls a job without a name: `test (stable, linux)`."""
    if not combination:
        return job
    shown = [as_text(leaf) for value in combination.values() for leaf in _leaves(value)]
    return f"{job} ({', '.join(text for text in shown if text)})"


def _leaves(value: Value) -> list[Value]:
    if isinstance(value, dict):
        return [leaf for one in value.values() for leaf in _leaves(one)]
    return [leaf for one in value for leaf in _leaves(one)] if isinstance(value, list) else [value]
