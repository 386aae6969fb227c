"""Expressions of a workflow, evaluated: alone, inside of text, and as the condition of a job or a step."""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from nanna_ci.rehearsal.expressions.expression_value import Value


class JobStatus(enum.Enum):
    """What success(), failure(), cancelled() and always() answer from."""

    SUCCESS = "success"
    FAILURE = "failure"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Scope:
    """What an expression may refer to where it stands.

    `contexts` by name (github, env, …). Without `status` the functions success, failure, cancelled and always are
    refused, without `hash_files` the function hashFiles, as GitHub refuses them in most places.
    """

    contexts: Mapping[str, Value]
    status: JobStatus | None = None
    hash_files: Callable[[Sequence[str]], str] | None = None


def evaluate(source: str, scope: Scope) -> Value:
    """The value of one expression, written without `${{ }}`.

    Raises:
        MalformedData: naming the expression and the place in it, for bad syntax, an unknown context or function, and
            functions that refuse their arguments. A property that a context lacks is null.
    """
    raise NotImplementedError(source)


def interpolate(text: str, scope: Scope) -> Value:
    """`${{ x }}` alone gives the value of x; text with expressions in it gives text.

    Raises:
        MalformedData: as `evaluate` does, and for a `${{` without an end.
    """
    raise NotImplementedError(text)


def holds(condition: str | None, scope: Scope) -> bool:
    """Whether an `if` is true, written with or without `${{ }}`; None stands for none at all.

    As on GitHub, a condition that calls no status function is `success() && (…)`.

    Raises:
        MalformedData: as `interpolate` does.
    """
    raise NotImplementedError(condition)
