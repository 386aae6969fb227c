"""What a history says of a run of benchmarks: 200 % against the median of its last runs, and where a level changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from nanna_ci.foundation.errors import UsageError, shorten
from nanna_ci.measure.benchmarks.action_history import ActionHistory
from nanna_ci.measure.benchmarks.bench_result import BenchResult, BenchRow, BenchVerdict, LevelChange
from nanna_ci.measure.benchmarks.change_points import find_change_points
from nanna_ci.measure.benchmarks.history_rule import (
    HistoryDecision,
    HistoryVerdict,
    compare_with_history,
)
from nanna_ci.measure.history.records import BenchmarkRecord, BenchmarkValue, RunIdentity

_DEFAULT_SUITE: Final = "Benchmark"  # of github-action-benchmark
_VERDICTS: Final = {
    HistoryVerdict.PASS: BenchVerdict.PASS,
    HistoryVerdict.FAIL: BenchVerdict.FAIL,
    HistoryVerdict.UNKNOWN: BenchVerdict.UNAVAILABLE,
}


@dataclass(frozen=True, slots=True)
class HistoryAnswer:
    """A result with what its history says, and the record that is to be kept of it."""

    result: BenchResult
    record: BenchmarkRecord


def hold_against_history(
    result: BenchResult, origin: RunIdentity, history: Sequence[BenchmarkRecord], regression_ratio: float
) -> HistoryAnswer:
    """The history's answers, from runs of the same workspace. They decide where there is no base, and not beside pairs.

    Raises:
        MalformedData: a value of the history that no benchmark can have.
    """
    record = BenchmarkRecord(origin, result.segment, result.values)
    history = [one for one in history if one.origin.workspace == origin.workspace]
    comparison = compare_with_history(record, history, regression_ratio=regression_ratio)
    decided = {(one.name, one.metric): one for one in comparison.decisions}
    rows = result.rows
    if result.against is None:
        rows = tuple(_decided(row, decided.get((row.name, row.metric))) for row in rows)
    here = [one for one in history if one.segment == result.segment and one.origin.run != origin.run]
    changes = tuple(change for value in record.benchmarks for change in _changes([*here, record], value))
    return HistoryAnswer(
        replace(
            result, rows=rows, history=comparison.decisions, not_in_this_run=comparison.vanished, level_changes=changes
        ),
        record,
    )


def _decided(row: BenchRow, decision: HistoryDecision | None) -> BenchRow:
    if decision is None or row.verdict is BenchVerdict.FAIL:
        return row
    return replace(row, verdict=_VERDICTS[decision.verdict], reason=decision.reason)


def _changes(records: Sequence[BenchmarkRecord], like: BenchmarkValue) -> list[LevelChange]:
    found = [
        (record.origin, value.value)
        for record in records
        for value in record.benchmarks
        if (value.name, value.metric, value.unit) == (like.name, like.metric, like.unit)
    ]
    return [
        LevelChange(like.name, like.metric, like.unit, found[one.index][0], one.before, one.after)
        for one in find_change_points([value for _, value in found])
    ]


def suite_of(history: ActionHistory, source: str) -> str:
    """The suite of a data.js that a run goes into: its only one, or the one that the action calls so by default.

    Raises:
        UsageError: it has several, and none of that name.
    """
    entries = history.document["entries"]
    suites: list[str] = list(entries) if isinstance(entries, dict) else []
    if len(suites) == 1:
        return suites[0]
    if suites and _DEFAULT_SUITE not in suites:
        named = ", ".join(shorten(suite) for suite in suites[:10])
        raise UsageError(f"{source} has several suites: {named}", hint=f"none is called {_DEFAULT_SUITE}")
    return _DEFAULT_SUITE
