"""What `bench` answers: for people and for programs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from nanna_ci.foundation.verdict import Verdict
from nanna_ci.measure.benchmarks.bench_result import BenchResult, BenchRow, BenchVerdict, LevelChange
from nanna_ci.measure.benchmarks.history_rule import HistoryDecision
from nanna_ci.measure.history.records import Metric
from nanna_ci.report.blocks import Bars, Block, Cell, Code, Document, Facts, Heading, Notice, Table, Tone
from nanna_ci.report.outcome import VERDICT_TONES
from nanna_ci.report.units import seconds_text

_TONES: Final = {
    BenchVerdict.PASS: Tone.GOOD,
    BenchVerdict.WARN: Tone.WARN,
    BenchVerdict.FAIL: Tone.BAD,
    BenchVerdict.UNAVAILABLE: Tone.NEUTRAL,
}
_TIMES: Final = ((1e9, "s"), (1e6, "ms"), (1e3, "µs"), (1.0, "ns"))
_SHOWN: Final = 40


def bench_document(result: BenchResult) -> Document:
    """Verdict, table, bars, what has changed among the benchmarks, output of what failed."""
    blocks = [_headline(result), *_notices(result), *_table(result), *_bars(result)]
    blocks += [*_history(result), _facts(result), *_outputs(result)]
    return Document("Benchmarks", tuple(blocks))


def _headline(result: BenchResult) -> Block:
    tone = VERDICT_TONES[result.verdict]
    compared = [row for row in result.rows if row.median is not None and row.metric is Metric.TIME]
    count = _benchmarks(len({row.name for row in result.rows}))
    if result.verdict is Verdict.FAIL:
        failed = len(result.failures)
        return Notice(tone, f"{failed} failure{'' if failed == 1 else 's'}, {count} measured.")
    if result.reason is not None:
        return Notice(tone, f"No answer: {result.reason}.")
    if result.against is None:
        return Notice(tone, f"{count} measured.")
    warned = sum(row.verdict is BenchVerdict.WARN for row in result.rows)
    said = f"{warned} warning{'' if warned == 1 else 's'}" if warned else "no regression"
    tone = Tone.WARN if warned else tone
    return Notice(tone, f"{_benchmarks(len(compared))} compared with {result.against}: {said}.")


def _benchmarks(count: int) -> str:
    return f"{count} benchmark{'' if count == 1 else 's'}"


def _notices(result: BenchResult) -> Iterator[Block]:
    for failure in result.failures:
        yield Notice(Tone.BAD, f"{failure}.")
    for row in result.rows:
        if row.verdict is BenchVerdict.WARN:
            yield Notice(Tone.WARN, f"{row.name}: {row.reason}.")
    for problem in result.problems:
        if problem.side.value == "base":
            yield Notice(Tone.WARN, f"The base's {problem.program} gives no benchmarks: {problem.reason}.")
    for before, after in result.renamed:
        yield Notice(Tone.NEUTRAL, f"{before} is now called {after}: both execute as many instructions.")
    for name in result.added:
        yield Notice(Tone.NEUTRAL, f"{name} is new: there is nothing to compare it with.")


def _table(result: BenchResult) -> Iterator[Block]:
    if result.rows:
        header = ("Benchmark", "Base", "Head", "Ratio", "[L, U]", "Pairs", "Verdict")
        yield Table(header, tuple(_row(row) for row in result.rows), frozenset({1, 2, 3, 4, 5}))


def _row(row: BenchRow) -> tuple[Cell, ...]:
    verdict = "n/a" if row.verdict is BenchVerdict.UNAVAILABLE else row.verdict.value
    return (
        Cell(_named(row.name, row.metric)),
        Cell(value_text(row.base, row.unit)),
        Cell(value_text(row.head, row.unit)),
        Cell(None if row.median is None else f"{row.median:.3f}"),
        Cell(None if row.low is None or row.high is None else f"[{row.low:.3f}, {row.high:.3f}]"),
        Cell(str(row.pairs) if row.pairs else None),
        Cell(verdict, _TONES[row.verdict]),
    )


def _named(name: str, metric: Metric) -> str:
    return name if metric is Metric.TIME else f"{name} (instructions)"


def value_text(value: float | None, unit: str | None) -> str | None:
    """`1.23 µs` of nanoseconds; any other unit as it is."""
    if value is None:
        return None
    if unit != "ns":
        return f"{value:,.0f} {unit}" if unit != "instructions" else f"{value:,.0f}"
    factor, name = next((one for one in _TIMES if value >= one[0]), _TIMES[-1])
    return f"{value / factor:.3g} {name}" if value / factor < 100 else f"{value / factor:.0f} {name}"


def _bars(result: BenchResult) -> Iterator[Block]:
    items = [
        (row.name, row.median, f"{row.median:.3f}")
        for row in result.rows
        if row.median is not None and row.metric is Metric.TIME
    ]
    if len(items) > 1:
        yield Bars(tuple(items[:_SHOWN]), "Time of the head over that of the base, less is better")


def _history(result: BenchResult) -> Iterator[Block]:
    for name in result.not_in_this_run:
        yield Notice(Tone.WARN, f"{name} is in the last run of the history, and not in this one.")
    if result.history:
        yield Heading("Against the history")
        header = ("Benchmark", "Median", "10 to 90 %", "Now", "Ratio", "Runs")
        yield Table(header, tuple(_history_row(one) for one in result.history), frozenset({1, 2, 3, 4, 5}))
    if result.level_changes:
        yield Heading("Changed for good", 2)
        rows = [
            (
                Cell(one.name),
                Cell(value_text(one.before, one.unit)),
                Cell(value_text(one.after, one.unit)),
                Cell(_run(one)),
            )
            for one in result.level_changes
        ]
        yield Table(("Benchmark", "Before", "After", "Since"), tuple(rows), frozenset({1, 2}))


def _history_row(one: HistoryDecision) -> tuple[Cell, ...]:
    low, high = value_text(one.low, one.unit), value_text(one.high, one.unit)
    return (
        Cell(_named(one.name, one.metric)),
        Cell(value_text(one.median, one.unit)),
        Cell(f"{low} to {high}" if low and high else None),
        Cell(value_text(one.value, one.unit)),
        Cell(None if one.ratio is None else f"{one.ratio:.3f}"),
        Cell(str(one.runs)),
    )


def _run(one: LevelChange) -> str:
    return f"{one.since.started:%Y-%m-%d}, {(one.since.commit or one.since.run)[:12]}"


def _facts(result: BenchResult) -> Block:
    segment = result.segment
    counted = None
    if any(row.metric is Metric.INSTRUCTIONS for row in result.rows):
        counted = "of a run in which a benchmark is executed once"
    return Facts(
        (
            ("Against", result.against or "nothing"),
            ("Runner", segment.runner),
            ("Processor", segment.cpu),
            ("Compiler", segment.toolchain),
            ("Instructions", counted if result.no_counts is None else f"n/a: {result.no_counts}"),
            ("Time", seconds_text(result.seconds)),
        )
    )


def _outputs(result: BenchResult) -> Iterator[Block]:
    failed = [(row.name, row.tail) for row in result.rows] + [(one.program, one.tail) for one in result.problems]
    for name, tail in failed:
        if tail:
            yield Heading(f"The end of what {name} said", 2)
            yield Code(tail)


def bench_to_json(result: BenchResult) -> dict[str, Any]:
    """The result for machines, as schemas/bench.json has it."""
    segment = result.segment
    return {
        "against": result.against,
        "reason": result.reason,
        "interrupted": result.interrupted,
        "seconds": result.seconds,
        "segment": {"runner": segment.runner, "cpu": segment.cpu, "toolchain": segment.toolchain},
        "benchmarks": [_row_to_json(row) for row in result.rows],
        "vanished": list(result.vanished),
        "added": list(result.added),
        "renamed": [{"before": before, "after": after} for before, after in result.renamed],
        "unitChanged": [
            {"name": name, "before": before, "after": after} for name, before, after in result.unit_changed
        ],
        "problems": [
            {"side": one.side.value, "program": one.program, "reason": one.reason, "output": one.tail}
            for one in result.problems
        ],
        "instructionsUnavailable": result.no_counts,
        "history": None if result.history is None else [_decision_to_json(one) for one in result.history],
        "notInThisRun": list(result.not_in_this_run),
        "levelChanges": [
            {
                "name": one.name,
                "metric": one.metric.value,
                "unit": one.unit,
                "run": one.since.run,
                "commit": one.since.commit,
                "before": one.before,
                "after": one.after,
            }
            for one in result.level_changes
        ],
    }


def _decision_to_json(one: HistoryDecision) -> dict[str, Any]:
    return {
        "name": one.name,
        "metric": one.metric.value,
        "unit": one.unit,
        "value": one.value,
        "median": one.median,
        "low": one.low,
        "high": one.high,
        "ratio": one.ratio,
        "runs": one.runs,
        "verdict": one.verdict.value,
        "reason": one.reason,
    }


def _row_to_json(row: BenchRow) -> dict[str, Any]:
    return {
        "name": row.name,
        "metric": row.metric.value,
        "unit": row.unit,
        "base": row.base,
        "head": row.head,
        "median": row.median,
        "low": row.low,
        "high": row.high,
        "pairs": row.pairs,
        "verdict": row.verdict.value,
        "reason": row.reason,
        "output": row.tail or None,
    }
