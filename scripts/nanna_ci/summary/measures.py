"""What a run measured, a row each: caches, coverage, benchmarks. What nobody measured is n/a, and the row says why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from nanna_ci.foundation.errors import MalformedData
from nanna_ci.foundation.json_data import JsonObject, JsonValue, as_list, as_object, as_text, describe
from nanna_ci.foundation.verdict import Verdict
from nanna_ci.pipeline.results import JobResult, JobState
from nanna_ci.report.blocks import Block, Cell, Heading, Paragraph, Table, Tone
from nanna_ci.summary.command_answers import CommandAnswers

ROWS = 30
PASS, WARN, FAIL, VANISHED = "pass", "warn", "fail", "vanished"
_TONES = {PASS: Tone.GOOD, WARN: Tone.WARN, FAIL: Tone.BAD, VANISHED: Tone.BAD}
_NOT_AMONG = "among the artifacts is no result of {}"


@dataclass(frozen=True, slots=True)
class Measure:
    """One row: `value` is None if nobody measured it, and `note` says why then. `details` follow the table."""

    name: str
    value: str | None
    note: str
    tone: Tone = Tone.NEUTRAL
    details: tuple[Block, ...] = ()


@dataclass(frozen=True, slots=True)
class BenchmarkAnswer:
    """A benchmark as `bench` judged it: head over base, with the interval that the rule looked at.

    One that vanished has neither metric nor figures.
    """

    name: str
    metric: str | None
    verdict: str
    median: float | None
    low: float | None
    high: float | None
    reason: str

    @property
    def is_regression(self) -> bool:
        """Whether it is slower than it may be, or probably so, or gone."""
        return self.verdict in {FAIL, VANISHED, WARN}


def measures_of(answers: CommandAnswers, results: Sequence[JobResult]) -> tuple[Measure, ...]:
    """All rows, whatever was measured."""
    return (_job_states(results), _cache(answers), _coverage(answers, results), _benchmarks(answers))


def measure_blocks(measures: Sequence[Measure]) -> Iterator[Block]:
    """The table of all, then the details of each."""
    rows = tuple((Cell(one.name), Cell(one.value, one.tone), Cell(one.note)) for one in measures)
    yield Heading("Measured")
    yield Table(("What", "Value", "Note"), rows)
    for one in measures:
        yield from one.details


def benchmark_answers(answers: CommandAnswers) -> tuple[BenchmarkAnswer, ...]:
    """What `bench` says of each benchmark, and of those that are gone. Raises MalformedData for anything else."""
    return tuple(one for answer in answers.of("bench") for one in _read_benchmarks(answer))


def _job_states(results: Sequence[JobResult]) -> Measure:
    """How passed jobs got their answer: what a cache gave was not built again."""
    states = Counter(result.state for result in results if result.verdict is Verdict.PASS)
    shown = ", ".join(f"{states[state]} {state.value}" for state in JobState if states[state])
    return Measure("Passed jobs", shown or None, "how they got their answer" if shown else "no job passed")


def path_hit_rate(answers: CommandAnswers) -> float | None:
    """The share of paths that the caches had, 0 to 1; None if nobody measured it, or if it cannot be read."""
    try:
        return next((_hit_rates(answer)[0] for answer in answers.of("cache-analytics")), None)
    except MalformedData:
        return None


def _hit_rates(answer: JsonObject) -> tuple[float | None, float | None]:
    """Of paths, and of bytes."""
    rates = as_object(answer.get("hitRate"), "cache-analytics", "hitRate")
    paths, size = (_rate(rates.get(key), "cache-analytics", key) for key in ("paths", "bytes"))
    return paths, size


def _cache(answers: CommandAnswers) -> Measure:
    name = "Cache hit rate"
    for answer in answers.of("cache-analytics"):
        try:
            paths, size = _hit_rates(answer)
        except MalformedData as error:
            return Measure(name, None, error.message, Tone.WARN)
        value = None if paths is None else f"{100 * paths:.1f} %"
        note = f"of paths; of bytes {'n/a' if size is None else f'{100 * size:.1f} %'}"
        return Measure(name, value, note, _TONES.get(str(answer.get("verdict")), Tone.WARN))
    return Measure(name, None, _NOT_AMONG.format("cache-analytics"))


def _coverage(answers: CommandAnswers, results: Sequence[JobResult]) -> Measure:
    """By the command `coverage`, or else by a coverage job's own result."""
    name = "Line coverage"
    for answer in answers.of("coverage"):
        try:
            return _covered(answer, name)
        except MalformedData as error:
            return Measure(name, None, error.message, Tone.WARN)
    for result in results:
        percent = result.evidence.get("lineCoveragePercent")
        if isinstance(percent, int | float) and not isinstance(percent, bool):
            return Measure(name, f"{percent:.1f} %", f"by {result.id}")
    return Measure(name, None, f"{_NOT_AMONG.format('coverage')}, nor of a job that measures it")


def _covered(answer: JsonObject, name: str) -> Measure:
    rate = _rate(answer.get("lineRate"), name, "lineRate")
    crates = [as_object(crate, name, "a crate") for crate in as_list(answer.get("crates"), name, "crates")]
    rows = tuple(
        (
            Cell(as_text(crate.get("name"), name, "name")),
            Cell(str(_number(crate.get("coveredLines"), name, "coveredLines"))),
            Cell(str(_number(crate.get("lines"), name, "lines"))),
        )
        for crate in crates
    )
    note = "of all lines that can be run"
    if (patch := answer.get("patch")) is not None:
        changed = as_object(patch, name, "patch")
        note += f"; of changed lines {changed.get('coveredLines')} of {changed.get('lines')}"
    table = (Heading(name), Table(("Crate", "Lines that ran", "Lines"), rows[:ROWS], frozenset({1, 2}))) if rows else ()
    value = None if rate is None else f"{100 * rate:.1f} %"
    return Measure(name, value, note, _TONES.get(str(answer.get("verdict")), Tone.WARN), (*table, *_more(rows)))


def _benchmarks(answers: CommandAnswers) -> Measure:
    name = "Benchmarks"
    if not answers.of("bench"):
        return Measure(name, None, _NOT_AMONG.format("bench"))
    try:
        found = benchmark_answers(answers)
    except MalformedData as error:
        return Measure(name, None, error.message, Tone.WARN)
    if not found:
        reason = next((str(answer["reason"]) for answer in answers.of("bench") if answer.get("reason")), None)
        return Measure(name, None, reason or "bench measured none", Tone.WARN)
    found = tuple(sorted(found, key=lambda one: not one.is_regression))
    counts = Counter(one.verdict for one in found)
    worst = next((one for one in (FAIL, VANISHED, WARN) if counts[one]), PASS if set(counts) == {PASS} else WARN)
    rows = tuple(
        (
            Cell(one.name),
            Cell(one.metric),
            Cell(_ratio(one.median)),
            Cell(None if one.low is None or one.high is None else f"{one.low:.3f} to {one.high:.3f}"),
            Cell(one.verdict, _TONES.get(one.verdict, Tone.WARN)),
            Cell(one.reason),
        )
        for one in found
    )
    table = Table(("Benchmark", "Metric", "Head / base", "Interval", "Verdict", "Why"), rows[:ROWS], frozenset({2, 3}))
    shown = ", ".join(f"{count} {verdict}" for verdict, count in counts.items())
    reasons = [str(answer["reason"]) for answer in answers.of("bench") if answer.get("reason")]
    note = "; ".join(("head against base", *reasons))
    return Measure(name, shown, note, _TONES[worst], (Heading(name), table, *_more(rows)))


def _read_benchmarks(answer: JsonObject) -> Iterator[BenchmarkAnswer]:
    source = "bench"
    for item in as_list(answer.get("benchmarks"), source, "benchmarks"):
        one = as_object(item, source, "a benchmark")
        name, metric, verdict = (as_text(one.get(key), source, key) for key in ("name", "metric", "verdict"))
        median, low, high = (_optional(one.get(key), source, key) for key in ("median", "low", "high"))
        yield BenchmarkAnswer(
            name, metric, verdict, median, low, high, as_text(one.get("reason") or "", source, "reason")
        )
    for gone in as_list(answer.get("vanished", []), source, "vanished"):
        name = (
            gone if isinstance(gone, str) else as_text(as_object(gone, source, "vanished").get("name"), source, "name")
        )
        yield BenchmarkAnswer(name, None, VANISHED, None, None, None, "it is in the base and not in the head")


def _ratio(value: float | None) -> str | None:
    return None if value is None else f"{value:.3f}"


def _rate(value: JsonValue, source: str, what: str) -> float | None:
    number = _optional(value, source, what)
    if number is not None and not 0 <= number <= 1:
        raise MalformedData(source, f"{what} is {number}, not from 0 to 1")
    return number


def _optional(value: JsonValue, source: str, what: str) -> float | None:
    return None if value is None else _number(value, source, what)


def _number(value: JsonValue, source: str, what: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise MalformedData(source, f"{what} is {describe(value)}, not a number")
    return value


def _more(rows: Sequence[object]) -> tuple[Block, ...]:
    return (Paragraph(f"and {len(rows) - ROWS} more"),) if len(rows) > ROWS else ()
