"""What `bench` answers: for people and for programs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from nanna_ci.foundation.verdict import Verdict
from nanna_ci.measure.benchmarks.bench_result import BenchResult, BenchRow, BenchVerdict
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
    blocks = [_headline(result), *_notices(result), *_table(result), *_bars(result), _facts(result), *_outputs(result)]
    return Document("Benchmarks", tuple(blocks))


def _headline(result: BenchResult) -> Block:
    tone = VERDICT_TONES[result.verdict]
    compared = [row for row in result.rows if row.median is not None and row.metric is Metric.TIME]
    if result.verdict is Verdict.FAIL:
        return Notice(tone, f"{len(result.failures)} of {_benchmarks(len(result.rows))} failed.")
    if result.reason is not None:
        return Notice(tone, f"No answer: {result.reason}.")
    if result.against is None:
        return Notice(tone, f"{_benchmarks(len(result.rows))} measured.")
    return Notice(tone, f"{_benchmarks(len(compared))} compared with {result.against}: no regression.")


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
    what = row.name if row.metric is Metric.TIME else f"{row.name} (instructions)"
    verdict = "n/a" if row.verdict is BenchVerdict.UNAVAILABLE else row.verdict.value
    return (
        Cell(what),
        Cell(value_text(row.base, row.unit)),
        Cell(value_text(row.head, row.unit)),
        Cell(None if row.median is None else f"{row.median:.3f}"),
        Cell(None if row.low is None or row.high is None else f"[{row.low:.3f}, {row.high:.3f}]"),
        Cell(str(row.pairs) if row.pairs else None),
        Cell(verdict, _TONES[row.verdict]),
    )


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


def _facts(result: BenchResult) -> Block:
    segment = result.segment
    counted = "one run of each side, in which a benchmark is executed once"
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
