"""One rule for every performance target: what was measured, beside the limit of pipeline.toml's [budget].

A value at the limit keeps it. What nobody measured is n/a, and fails under --strict. A value that no measurement gives
(not a number, infinite, negative) fails, strict or not: whoever reports it has not measured.
"""

from __future__ import annotations

import enum
import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, assert_never

from nanna_ci.foundation.verdict import Verdict
from nanna_ci.pipeline.definition import Budget
from nanna_ci.report.blocks import Cell, Table, Tone
from nanna_ci.report.outcome import VERDICT_TONES
from nanna_ci.report.units import bytes_text, seconds_text

STEADY = 0.02
"""A change by less than this share is shown as none."""


class Unit(enum.Enum):
    """What a target counts: a share of 0 to 1, seconds, machines, bytes, or a ratio of two times."""

    SHARE = "share"
    SECONDS = "seconds"
    MACHINES = "machines"
    BYTES = "bytes"
    RATIO = "ratio"


class BudgetTarget(enum.Enum):
    """The specification's targets, by their keys in [budget]."""

    CACHE_HIT_RATE = "cache_hit_rate"
    PIPELINE = "pipeline_s"
    IMAGE = "image_s"
    BINARY = "binary_s"
    PARALLEL_JOBS = "parallel_jobs"
    CACHE = "cache_bytes"
    ARTIFACT = "artifact_bytes"
    REGRESSION = "regression_ratio"


_UNITS = {
    BudgetTarget.CACHE_HIT_RATE: Unit.SHARE,
    BudgetTarget.PIPELINE: Unit.SECONDS,
    BudgetTarget.IMAGE: Unit.SECONDS,
    BudgetTarget.BINARY: Unit.SECONDS,
    BudgetTarget.PARALLEL_JOBS: Unit.MACHINES,
    BudgetTarget.CACHE: Unit.BYTES,
    BudgetTarget.ARTIFACT: Unit.BYTES,
    BudgetTarget.REGRESSION: Unit.RATIO,
}
_LABELS = {
    BudgetTarget.CACHE_HIT_RATE: "cache hit rate",
    BudgetTarget.PIPELINE: "whole pipeline",
    BudgetTarget.IMAGE: "container image",
    BudgetTarget.BINARY: "binaries of a target",
    BudgetTarget.PARALLEL_JOBS: "machines at once",
    BudgetTarget.CACHE: "size of the cache",
    BudgetTarget.ARTIFACT: "artifacts of a platform",
    BudgetTarget.REGRESSION: "slowest benchmark against its base",
}


@dataclass(frozen=True, slots=True)
class Measurement:
    """A value in the target's unit, of a `subject` where there are several (a job's id); None: not measured.

    `earlier` are the values of earlier runs, oldest first. `note` says why nothing was measured, or what the value
    leaves out.
    """

    target: BudgetTarget
    value: float | None
    subject: str | None = None
    earlier: tuple[float, ...] = ()
    note: str | None = None


@dataclass(frozen=True, slots=True)
class BudgetResult:
    """A measurement beside its limit. `trend` is the change against the median of earlier runs: 0.1 is 10 % more."""

    measurement: Measurement
    limit: float
    verdict: Verdict
    trend: float | None

    @property
    def label(self) -> str:
        """The target, and of what."""
        label, subject = _LABELS[self.measurement.target], self.measurement.subject
        return label if subject is None else f"{label}: {subject}"

    @property
    def line(self) -> str:
        """The result as one line."""
        target = self.measurement.target
        return f"{self.label}: {_text(target, self.measurement.value)}, limit {_limit_text(target, self.limit)}"


def decide_budget(measurement: Measurement, limit: float, *, strict: bool) -> BudgetResult:
    """The one rule (see the module)."""
    value = measurement.value
    if value is None:
        verdict = Verdict.FAIL if strict else Verdict.UNAVAILABLE
    elif not math.isfinite(value) or value < 0:
        verdict = Verdict.FAIL
    elif _is_least(measurement.target):
        verdict = Verdict.PASS if value >= limit else Verdict.FAIL
    else:
        verdict = Verdict.PASS if value <= limit else Verdict.FAIL
    return BudgetResult(measurement, limit, verdict, _trend(measurement))


def decide_budgets(budget: Budget, measured: Iterable[Measurement], *, strict: bool) -> tuple[BudgetResult, ...]:
    """Every measurement decided, in the order of the targets; a target without any is n/a."""
    given = list(measured)
    results = []
    for target in BudgetTarget:
        of_target = [one for one in given if one.target is target] or [Measurement(target, None)]
        results += [decide_budget(one, float(getattr(budget, target.value)), strict=strict) for one in of_target]
    return tuple(results)


def over_budget(results: Iterable[BudgetResult]) -> tuple[str, ...]:
    """A line for each value that was measured and is beyond its limit."""
    return tuple(one.line for one in results if one.verdict is Verdict.FAIL and one.measurement.value is not None)


def budgets_table(results: Sequence[BudgetResult]) -> Table:
    """Target, limit, value, trend, verdict; failures first. Jobs without a value for one reason share a row."""
    rows: dict[tuple[object, ...], list[BudgetResult]] = {}
    for result in sorted(results, key=lambda result: result.verdict is not Verdict.FAIL):
        one = result.measurement
        alone = None if one.value is None else one.subject
        rows.setdefault((one.target, one.value is None, one.note, alone), []).append(result)
    return Table(
        header=("Target", "Limit", "Measured", "Trend", "Verdict"),
        rows=tuple(
            (
                Cell(same[0].label if len(same) == 1 else f"{_LABELS[same[0].measurement.target]}: {len(same)} jobs"),
                Cell(_limit_text(same[0].measurement.target, same[0].limit)),
                _value_cell(same[0].measurement),
                Cell(_trend_text(same[0].trend)),
                _verdict_cell(same[0]),
            )
            for same in rows.values()
        ),
        numeric=frozenset({1, 2, 3}),
    )


def budgets_to_json(results: Sequence[BudgetResult]) -> list[dict[str, Any]]:
    """For a command's JSON: a value that is no number is null, and its verdict says fail."""
    return [
        {
            "target": result.measurement.target.value,
            "subject": result.measurement.subject,
            "unit": _UNITS[result.measurement.target].value,
            "limit": result.limit,
            "value": _finite(result.measurement.value),
            "trend": None if result.trend is None else round(result.trend, 4),
            "verdict": result.verdict.value,
            "note": result.measurement.note,
        }
        for result in results
    ]


def _is_least(target: BudgetTarget) -> bool:
    return target is BudgetTarget.CACHE_HIT_RATE


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _trend(measurement: Measurement) -> float | None:
    earlier = [value for value in measurement.earlier if math.isfinite(value) and value >= 0]
    value = _finite(measurement.value)
    if value is None or not earlier:
        return None
    median = statistics.median(earlier)
    return (value - median) / median if median > 0 else None


def _text(target: BudgetTarget, value: float | None) -> str:
    if value is None:
        return "n/a"
    if not math.isfinite(value) or value < 0:
        return f"{value}, which is no measurement"
    unit = _UNITS[target]
    match unit:
        case Unit.SHARE:
            return f"{100 * value:.1f} %"
        case Unit.SECONDS:
            return seconds_text(value)
        case Unit.MACHINES:
            return f"{value:.0f}"
        case Unit.BYTES:
            return bytes_text(round(value))
        case Unit.RATIO:
            return f"{value:.2f}"
        case _:
            assert_never(unit)


def _limit_text(target: BudgetTarget, limit: float) -> str:
    return f"{'at least' if _is_least(target) else 'at most'} {_text(target, limit)}"


def _value_cell(measurement: Measurement) -> Cell:
    if measurement.value is None:
        return Cell(None if measurement.note is None else f"n/a: {measurement.note}")
    text = _text(measurement.target, measurement.value)
    return Cell(text if measurement.note is None else f"{text} ({measurement.note})")


def _trend_text(trend: float | None) -> str | None:
    if trend is None:
        return None
    return "steady" if abs(trend) < STEADY else f"{'▲' if trend > 0 else '▼'} {abs(100 * trend):.0f} %"


def _verdict_cell(result: BudgetResult) -> Cell:
    if result.verdict is Verdict.UNAVAILABLE:
        return Cell(None, Tone.NEUTRAL)
    return Cell(result.verdict.value, VERDICT_TONES[result.verdict])
