"""Many runs on few pixels: each new run is a step of its own, older ones share steps that show their whole range."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from nanna_ci.measure.history.records import BenchmarkValue

COMPARED_RUNS = 20
Spread = tuple[float, float, float]
"""Lowest, middle and highest of the values of a step."""


@dataclass(frozen=True, slots=True)
class TimeSteps:
    """Which runs each step stands for: from `bounds[i]` up to and without `bounds[i + 1]`.

    From step `exact_from` on, each is one run.
    """

    bounds: tuple[int, ...]
    exact_from: int

    def __len__(self) -> int:
        return len(self.bounds) - 1

    def ranges(self) -> Iterator[tuple[int, int]]:
        """First run and the one after the last, for each step."""
        return zip(self.bounds, self.bounds[1:], strict=False)


def plan_steps(runs: int, steps: int) -> TimeSteps:
    """At most `steps` of them: the newer half is a run each, the older half shares out the rest evenly."""
    if runs <= steps:
        return TimeSteps(tuple(range(runs + 1)), 0)
    exact = steps // 2
    old = runs - exact
    each = math.ceil(old / (steps - exact))
    starts = (*range(0, old, each), *range(old, runs + 1))
    return TimeSteps(starts, len(starts) - 1 - exact)


def spread_values(values: Sequence[float | None], steps: TimeSteps) -> tuple[Spread | None, ...]:
    """What each step shows of the runs' values; None where none of its runs has one."""
    return tuple(_spread([value for value in values[start:end] if value is not None]) for start, end in steps.ranges())


def spread_intervals(values: Sequence[BenchmarkValue | None], steps: TimeSteps) -> tuple[Spread | None, ...]:
    """The same of values that have intervals: from the lowest lower bound to the highest upper one."""
    found: list[Spread | None] = []
    for start, end in steps.ranges():
        measured = [value for value in values[start:end] if value is not None]
        middle = _spread([value.value for value in measured])
        if middle is not None:
            low = min(value.value if value.low is None else value.low for value in measured)
            high = max(value.value if value.high is None else value.high for value in measured)
            middle = (min(low, middle[0]), middle[1], max(high, middle[2]))
        found.append(middle)
    return tuple(found)


def _spread(measured: list[float]) -> Spread | None:
    if not measured:
        return None
    if len(measured) == 1:
        return measured[0], measured[0], measured[0]
    return min(measured), statistics.median(measured), max(measured)


def usual_value(values: Sequence[float | None]) -> float | None:
    """The median of the values before the last place, COMPARED_RUNS of them at most; None if there is none."""
    measured = [value for value in values[:-1] if value is not None][-COMPARED_RUNS:]
    return statistics.median(measured) if measured else None
