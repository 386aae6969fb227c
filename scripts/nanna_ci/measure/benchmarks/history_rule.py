"""Decides from one measurement a run and the history before it: the rule for a run without a base to measure.

Such a measurement carries all that differs from one hour or machine to the next, so only what the specification asks
for gates: a value that reaches the regression ratio (2.0: 200 %) times the median of the last 20 runs. The spread of
those runs is shown beside it. Only runs of the same segment count, so a new machine or toolchain starts anew.
"""

from __future__ import annotations

import enum
import itertools
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from nanna_ci.measure.benchmarks.paired_rule import pair_ratio
from nanna_ci.measure.history.records import BenchmarkRecord, BenchmarkValue, Metric

LAST_RUNS: Final = 20
FEWEST_RUNS: Final = 5


class HistoryVerdict(enum.Enum):
    """Of one benchmark. UNKNOWN: too few runs of its segment and unit to compare with."""

    PASS = "pass"  # noqa: S105 - a verdict, not a password
    FAIL = "fail"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class HistoryDecision:
    """One benchmark against `runs` earlier values, at most 20.

    `ratio` is its value over their `median`; `low` and `high` are their 10th and 90th percentile. All are None with
    fewer than 5 runs.
    """

    name: str
    metric: Metric
    unit: str
    value: float
    verdict: HistoryVerdict
    runs: int
    reason: str
    median: float | None = None
    low: float | None = None
    high: float | None = None
    ratio: float | None = None


@dataclass(frozen=True, slots=True)
class HistoryComparison:
    """A run against its history.

    `vanished` and `added` are names against the last run of the segment, or the last of all if the segment is new.
    `unit_changed` is of a name, the unit before and the unit now.
    """

    decisions: tuple[HistoryDecision, ...]
    vanished: tuple[str, ...]
    added: tuple[str, ...]
    unit_changed: tuple[tuple[str, str, str], ...]
    is_new_segment: bool


def compare_with_history(
    now: BenchmarkRecord, history: Sequence[BenchmarkRecord], *, regression_ratio: float
) -> HistoryComparison:
    """Decide each benchmark of `now`; `history` is in the order of its runs, and may hold `now` itself already.

    A ratio of exactly `regression_ratio` fails, as with pairs.

    Raises:
        MalformedData: a value, or a median of earlier ones, that is not a positive finite number; with the benchmark.
    """
    before = [record for record in history if record.origin.run != now.origin.run]
    same = [record for record in before if record.segment == now.segment]
    last = same[-1:] or before[-1:]
    return HistoryComparison(
        decisions=tuple(_decide(one, _last_values(one, same), regression_ratio) for one in now.benchmarks),
        vanished=_names_only_in(last, [now]),
        added=_names_only_in([now], last) if last else (),
        unit_changed=tuple(
            (one.name, old.unit, one.unit)
            for record in last
            for old in record.benchmarks
            for one in now.benchmarks
            if (old.name, old.metric) == (one.name, one.metric) and old.unit != one.unit
        ),
        is_new_segment=not same,
    )


def _last_values(like: BenchmarkValue, records: Sequence[BenchmarkRecord]) -> list[float]:
    """At most 20, the last one first: a history of thousands of runs is not read through for each benchmark."""
    wanted = (like.name, like.metric, like.unit)
    values = (
        one.value
        for record in reversed(records)
        for one in record.benchmarks
        if (one.name, one.metric, one.unit) == wanted
    )
    return list(itertools.islice(values, LAST_RUNS))


def _decide(one: BenchmarkValue, last: Sequence[float], regression_ratio: float) -> HistoryDecision:
    runs = len(last)
    median = statistics.median(last) if runs >= FEWEST_RUNS else None
    ratio = pair_ratio(1.0 if median is None else median, one.value, one.name)  # refuses zero without a history too
    if median is None:
        reason = f"{runs} of the {FEWEST_RUNS} earlier runs in this segment that a comparison takes"
        return HistoryDecision(one.name, one.metric, one.unit, one.value, HistoryVerdict.UNKNOWN, runs, reason)
    tenths = statistics.quantiles(last, n=10, method="inclusive")
    low, high = tenths[0], tenths[-1]
    fails = ratio >= regression_ratio
    reason = (
        f"{ratio:.3f} times the median of the last {runs} runs, {median:.6g} {one.unit} "
        f"(10 to 90 % of them: {low:.6g} to {high:.6g})"
    )
    if fails:
        reason += f": {regression_ratio:g} times is reached"
    verdict = HistoryVerdict.FAIL if fails else HistoryVerdict.PASS
    return HistoryDecision(one.name, one.metric, one.unit, one.value, verdict, runs, reason, median, low, high, ratio)


def _names_only_in(these: Sequence[BenchmarkRecord], others: Sequence[BenchmarkRecord]) -> tuple[str, ...]:
    there = {one.name for record in others for one in record.benchmarks}
    return tuple(dict.fromkeys(one.name for record in these for one in record.benchmarks if one.name not in there))
