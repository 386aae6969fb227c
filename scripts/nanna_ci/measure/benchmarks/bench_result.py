"""What a run of benchmarks says: a row for each, with a verdict, and one for all."""

from __future__ import annotations

import enum
import statistics
from collections.abc import Iterable
from dataclasses import dataclass
from typing import assert_never

from nanna_ci.foundation.verdict import Verdict
from nanna_ci.measure.benchmarks.history_rule import HistoryDecision
from nanna_ci.measure.benchmarks.instruction_counts import SOFT_LIMIT
from nanna_ci.measure.benchmarks.interleaved import MeasuredPairs, Side, middle
from nanna_ci.measure.benchmarks.paired_rule import ALL_PAIRS, FIRST_PAIRS, PairVerdict
from nanna_ci.measure.history.records import BenchmarkValue, Metric, RunIdentity, Segment


class BenchVerdict(enum.Enum):
    """Of one benchmark. UNAVAILABLE: nothing was decided, and the reason says why."""

    PASS = "pass"  # noqa: S105 - a verdict, not a password
    WARN = "warn"
    FAIL = "fail"
    UNAVAILABLE = "unavailable"


@dataclass(frozen=True, slots=True)
class BenchRow:
    """A benchmark in one metric. `base` and `head` are medians in `unit`; `median`, `low` and `high` are of the ratios
    head/base of its pairs. None: not measured, or not decided. `tail` is the output of what failed."""

    name: str
    metric: Metric
    unit: str | None
    base: float | None
    head: float | None
    median: float | None
    low: float | None
    high: float | None
    pairs: int
    verdict: BenchVerdict
    reason: str | None
    tail: str = ""


@dataclass(frozen=True, slots=True)
class ProgramProblem:
    """A program from which no benchmark could be had."""

    side: Side
    program: str
    reason: str
    tail: str


@dataclass(frozen=True, slots=True)
class LevelChange:
    """Values of a history that changed for good with the run `since`: medians before and after."""

    name: str
    metric: Metric
    unit: str
    since: RunIdentity
    before: float
    after: float


@dataclass(frozen=True, slots=True)
class BenchResult:
    """A whole run. `against` names the base, None: the head alone was measured. `values` are the head's, for a history.

    `history`, `level_changes` and `not_in_this_run` (names that the last run had) are what a history said; None, and
    empty: none was read.
    `no_counts` says why no instructions were counted; None if they were. `interrupted`: it was ended before.
    """

    against: str | None
    segment: Segment
    rows: tuple[BenchRow, ...]
    values: tuple[BenchmarkValue, ...] = ()
    vanished: tuple[str, ...] = ()
    added: tuple[str, ...] = ()
    renamed: tuple[tuple[str, str], ...] = ()
    unit_changed: tuple[tuple[str, str, str], ...] = ()
    problems: tuple[ProgramProblem, ...] = ()
    no_counts: str | None = None
    interrupted: bool = False
    seconds: float = 0.0
    history: tuple[HistoryDecision, ...] | None = None
    level_changes: tuple[LevelChange, ...] = ()
    not_in_this_run: tuple[str, ...] = ()

    @property
    def failures(self) -> tuple[str, ...]:
        """What fails the run, a sentence each."""
        return (
            *(f"{row.name}: {row.reason}" for row in self.rows if row.verdict is BenchVerdict.FAIL),
            *(f"{name} has vanished: the base has it, and the head does not" for name in self.vanished),
            *(f"{one.program}: {one.reason}" for one in self.problems if one.side is Side.HEAD),
        )

    @property
    def reason(self) -> str | None:
        """Why there is no answer; None if there is one."""
        if self.interrupted:
            return "interrupted: what was measured until then is not decided"
        if not self.rows and not self.failures:
            return "there are no benchmarks"
        shared = [row for row in self.rows if row.name not in self.added]
        if self.against is not None and shared and all(row.median is None for row in shared):
            return "no benchmark could be compared"
        return None

    @property
    def has_none(self) -> bool:
        """Whether there is no benchmark at all, and nothing went wrong in looking."""
        return not (self.rows or self.vanished or self.problems)

    @property
    def verdict(self) -> Verdict:
        """Fail where anything failed, also before an interruption; pass where all was decided and nothing failed."""
        if self.failures:
            return Verdict.FAIL
        return Verdict.PASS if self.reason is None else Verdict.UNAVAILABLE


def judge_pairs(one: MeasuredPairs) -> BenchRow:
    """The row of a benchmark's times."""
    verdict, reason, tail = _judge(one)
    measured = [*one.base, *one.head]
    decision, ratios = one.decision, one.ratios
    median = None if not ratios or one.unit_change else statistics.median(ratios)
    return BenchRow(
        name=one.matched.name,
        metric=Metric.TIME,
        unit=measured[0].unit if measured else None,
        base=middle(one.base),
        head=middle(one.head),
        median=median if decision is None else decision.median,
        low=None if decision is None else decision.low,
        high=None if decision is None else decision.high,
        pairs=len(ratios),
        verdict=verdict,
        reason=reason,
        tail=tail,
    )


def _judge(one: MeasuredPairs) -> tuple[BenchVerdict, str | None, str]:
    if (failure := one.failures.get(Side.HEAD)) is not None:
        return BenchVerdict.FAIL, f"the head gives no measurement: {failure.message}", failure.tail
    if (failure := one.failures.get(Side.BASE)) is not None:
        return BenchVerdict.WARN, f"the base gives no measurement to compare with: {failure.message}", failure.tail
    if (units := one.unit_change) is not None:
        return BenchVerdict.WARN, f"its unit was {units[0]} and is {units[1]}: they cannot be compared", ""
    if one.decision is None:
        wanted = FIRST_PAIRS if len(one.ratios) < FIRST_PAIRS else ALL_PAIRS
        return BenchVerdict.UNAVAILABLE, f"{len(one.ratios)} of {wanted} pairs were measured", ""
    match one.decision.verdict:
        case PairVerdict.PASS:
            return BenchVerdict.PASS, one.decision.reason, ""
        case PairVerdict.WARN:
            return BenchVerdict.WARN, one.decision.reason, ""
        case PairVerdict.FAIL:
            return BenchVerdict.FAIL, one.decision.reason, ""
        case PairVerdict.MORE_PAIRS:
            return BenchVerdict.UNAVAILABLE, f"{len(one.ratios)} of {ALL_PAIRS} pairs were measured", ""
        case _:
            assert_never(one.decision.verdict)


def alone(value: BenchmarkValue, reason: str | None) -> BenchRow:
    """The row of a benchmark that was measured, and compared with nothing."""
    unknown = BenchVerdict.UNAVAILABLE
    return BenchRow(value.name, value.metric, value.unit, None, value.value, None, None, None, 0, unknown, reason)


def unmeasured(name: str, problem: str, tail: str) -> BenchRow:
    """The row of a benchmark that gave no value."""
    reason = f"the head gives no measurement: {problem}"
    return BenchRow(name, Metric.TIME, None, None, None, None, None, None, 0, BenchVerdict.FAIL, reason, tail)


def judge_counts(name: str, base: int, head: int) -> BenchRow:
    """The row of a benchmark's instructions: above the soft limit is a warning, exactly at it is none."""
    ratio = head / base
    above = ratio > SOFT_LIMIT
    reason = f"{ratio:.3f} times the instructions, more than {SOFT_LIMIT:g}" if above else None
    verdict = BenchVerdict.WARN if above else BenchVerdict.PASS
    return BenchRow(name, Metric.INSTRUCTIONS, "instructions", base, head, ratio, None, None, 1, verdict, reason)


def instructions(name: str, count: int) -> BenchmarkValue:
    """A count as a history keeps it."""
    return BenchmarkValue(name, Metric.INSTRUCTIONS, "instructions", count)


def uncounted(name: str, reason: str) -> BenchRow:
    """The row of instructions that nobody could count."""
    unknown = BenchVerdict.UNAVAILABLE
    return BenchRow(name, Metric.INSTRUCTIONS, "instructions", None, None, None, None, None, 0, unknown, reason)


def head_values(measured: Iterable[MeasuredPairs]) -> tuple[BenchmarkValue, ...]:
    """What a history keeps of the head: the median of its measurements, and their range."""
    return tuple(_summary(one.matched.name, one.head) for one in measured if one.head)


def _summary(name: str, values: list[BenchmarkValue]) -> BenchmarkValue:
    first = values[0]
    if len(values) == 1:
        return BenchmarkValue(name, first.metric, first.unit, first.value, first.low, first.high)
    numbers = sorted(value.value for value in values)
    return BenchmarkValue(name, first.metric, first.unit, middle(values) or first.value, numbers[0], numbers[-1])
