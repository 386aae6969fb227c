"""A job's log file: every line masked, annotations kept apart."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Annotation:
    """What a step says about a run or a line of a file: `level` is error, warning or notice."""

    level: str
    message: str
    step: str
    title: str | None = None
    file: str | None = None
    line: int | None = None
