"""A record as one line of JSON, and back. Another program may have written the line: it is checked while it is read.

A key that is left out is None: most jobs have few of their figures. An unknown key is refused, so a later version that
adds one must raise SCHEMA_VERSION.
"""

from __future__ import annotations

import datetime
import json
import re
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

from nanna_ci.foundation.errors import MalformedData
from nanna_ci.foundation.json_data import JsonValue, as_list, as_object, describe, load_json
from nanna_ci.foundation.verdict import Verdict
from nanna_ci.foundation.visible_text import visible
from nanna_ci.measure.history.records import (
    BenchmarkRecord,
    BenchmarkValue,
    CoverageRecord,
    CrateCoverage,
    FlakyTest,
    JobRecord,
    JobTests,
    Metric,
    Record,
    RunIdentity,
    RunRecord,
    RunTests,
    Segment,
    Series,
    StepTime,
    TimedTest,
)

SCHEMA_VERSION: Final = 1
_T = TypeVar("_T")
_COMMIT: Final = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_URL: Final = re.compile(r"https?://[!-~]+")
_VERDICTS: Final = {verdict.value: verdict for verdict in Verdict}
_SHOWN: Final[dict[str, str]] = {}  # texts that were looked at: most come in every run, and are kept once
_SHOWN_AT_MOST: Final = 100_000
_METRICS: Final = {metric.value: metric for metric in Metric}


def series_of(record: Record) -> Series:
    """The series that a record belongs to."""
    match record:
        case RunRecord():
            return Series.RUNS
        case RunTests():
            return Series.TESTS
        case CoverageRecord():
            return Series.COVERAGE
        case BenchmarkRecord():
            return Series.BENCHMARKS


def render_record(record: Record) -> bytes:
    """The record as a line of UTF-8 with its newline; the same record gives the same bytes.

    Seconds are rounded to thousandths. What would control a terminal in a name is shown as an escape.
    """
    body = {"schemaVersion": SCHEMA_VERSION, **_origin_to_json(record.origin), **_body(record)}
    text = json.dumps(body, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.encode("utf-8", "backslashreplace") + b"\n"


def parse_record(series: Series, line: bytes, source: str) -> Record:
    """Read one line of a series; `source` says where it stands, as `runs.jsonl, line 17`.

    Raises MalformedData for anything that `render_record` would not have written.
    """
    reader = _Fields(as_object(load_json(line, source, every_value_checked=True), source, "the line"), source)
    version = reader.take("schemaVersion")
    if version != SCHEMA_VERSION:
        raise MalformedData(source, f"schemaVersion is {describe(version)}, only {SCHEMA_VERSION} is known")
    origin = _parse_origin(reader)
    record = _PARSERS[series](origin, reader)
    reader.end()
    return record


class _Fields:
    """The keys of an object, each taken once; `end` refuses what nobody took."""

    __slots__ = ("_body", "_left", "source")

    def __init__(self, body: Mapping[str, JsonValue], source: str) -> None:
        self._body = body
        self._left = len(body)
        self.source = source

    def take(self, key: str) -> JsonValue:
        """The value, None if there is none."""
        value = self._body.get(key)
        if value is not None or key in self._body:
            self._left -= 1
        return value

    def wrong(self, key: str, value: JsonValue, wanted: str) -> MalformedData:
        return MalformedData(self.source, f"{key} is {describe(value)}, not {wanted}")

    def text_or_none(self, key: str) -> str | None:
        value = self.take(key)
        if value is None:
            return None
        if type(value) is not str:
            raise self.wrong(key, value, "text that can be shown")
        if value not in _SHOWN:
            if not value or not (value.isprintable() or visible(value) == value):
                raise self.wrong(key, value, "text that can be shown")
            if len(_SHOWN) >= _SHOWN_AT_MOST:
                return value
            _SHOWN[value] = value
        return _SHOWN[value]

    def text(self, key: str) -> str:
        value = self.text_or_none(key)
        if value is None:
            raise MalformedData(self.source, f"{key} is missing")
        return value

    def number_or_none(self, key: str) -> float | None:
        value = self.take(key)
        if value is None:
            return None
        if (type(value) is not float and type(value) is not int) or value < 0:
            raise self.wrong(key, value, "a number of 0 or more")
        return value

    def number(self, key: str) -> float:
        value = self.number_or_none(key)
        if value is None:
            raise MalformedData(self.source, f"{key} is missing")
        return value

    def rate_or_none(self, key: str) -> float | None:
        value = self.number_or_none(key)
        if value is not None and value > 1:
            raise self.wrong(key, value, "a share of 0 to 1")
        return value

    def count_or_none(self, key: str) -> int | None:
        value = self.take(key)
        if value is None:
            return None
        if type(value) is not int or value < 0:
            raise self.wrong(key, value, "a whole number of 0 or more")
        return value

    def count(self, key: str, *, least: int = 0) -> int:
        value = self.count_or_none(key)
        if value is None or value < least:
            raise self.wrong(key, value, f"a whole number of {least} or more")
        return value

    def choice(self, key: str, choices: Mapping[str, _T]) -> _T:
        value = self.text(key)
        if value not in choices:
            raise self.wrong(key, value, f"one of {', '.join(choices)}")
        return choices[value]

    def items(self, key: str, parse: Callable[[_Fields], _T]) -> tuple[_T, ...]:
        return self.items_of(key, self.take(key), parse)

    def items_of(self, key: str, value: JsonValue, parse: Callable[[_Fields], _T]) -> tuple[_T, ...]:
        if value is None:
            return ()
        made = []
        for item in as_list(value, self.source, key):
            fields = _Fields(as_object(item, self.source, f"an item of {key}"), self.source)
            made.append(parse(fields))
            fields.end()
        return tuple(made)

    def end(self) -> None:
        if self._left:
            raise MalformedData(
                self.source, f"it has an unknown key; its keys are {', '.join(map(visible, self._body))}"
            )


def _present(**items: Any) -> dict[str, Any]:
    """The items that are known: what is left out is None for whoever reads it."""
    return {
        key: visible(value) if isinstance(value, str) else value
        for key, value in items.items()
        if value is not None and value != ()
    }


def _origin_to_json(origin: RunIdentity) -> dict[str, Any]:
    started = origin.started.astimezone(datetime.UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    return _present(
        run=origin.run,
        event=origin.event,
        started=started,
        commit=origin.commit,
        branch=origin.branch,
        url=origin.url,
        workspace=origin.workspace,
    )


def _parse_origin(reader: _Fields) -> RunIdentity:
    run, event, started = reader.text("run"), reader.text("event"), reader.text("started")
    try:
        moment = datetime.datetime.fromisoformat(started)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise reader.wrong("started", started, "a time such as 2026-11-28T19:34:23Z")
    commit, branch, url = (reader.text_or_none(key) for key in ("commit", "branch", "url"))
    if commit is not None and not _COMMIT.fullmatch(commit):
        raise reader.wrong("commit", commit, "a full hash")
    if url is not None and not _URL.fullmatch(url):
        raise reader.wrong("url", url, "an http or https address")
    workspace = reader.text_or_none("workspace")
    return RunIdentity(run, event, moment.astimezone(datetime.UTC), commit, branch, url, workspace)


def _body(record: Record) -> dict[str, Any]:
    match record:
        case RunRecord():
            return _present(
                verdict=record.verdict.value,
                wallSeconds=_rounded(record.wall_s),
                cacheHitRate=record.cache_hit_rate,
                cacheBytes=record.cache_bytes,
                jobs=[_job_to_json(job) for job in record.jobs],
            )
        case RunTests():
            return {"jobs": [_tests_to_json(job) for job in record.jobs]}
        case CoverageRecord():
            crates = [
                _present(name=crate.name, coveredLines=crate.covered_lines, lines=crate.lines)
                for crate in record.crates
            ]
            return {**_present(tool=record.tool), "crates": crates}
        case BenchmarkRecord():
            segment = record.segment
            return {
                "segment": _present(runner=segment.runner, cpu=segment.cpu, toolchain=segment.toolchain),
                "benchmarks": [_benchmark_to_json(value) for value in record.benchmarks],
            }


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)


def _job_to_json(job: JobRecord) -> dict[str, Any]:
    return _present(
        id=job.id,
        verdict=job.verdict.value,
        state=job.state,
        runner=job.runner,
        queueSeconds=_rounded(job.queue_s),
        runSeconds=_rounded(job.run_s),
        beginSeconds=_rounded(job.begin_s),
        cacheHitRate=job.cache_hit_rate,
        artifactBytes=job.artifact_bytes,
        imageBytes=job.image_bytes,
        steps=tuple(_present(name=step.name, seconds=_rounded(step.seconds)) for step in job.steps),
    )


def _tests_to_json(job: JobTests) -> dict[str, Any]:
    return _present(
        job=job.job,
        passed=job.passed,
        failed=job.failed,
        flaky=job.flaky,
        skipped=job.skipped,
        flakyTests=tuple(_present(name=test.name, attempts=test.attempts) for test in job.flaky_tests),
        slowest=tuple(_present(name=test.name, seconds=_rounded(test.seconds)) for test in job.slowest),
    )


def _benchmark_to_json(value: BenchmarkValue) -> dict[str, Any]:
    return _present(
        name=value.name,
        metric=value.metric.value,
        unit=value.unit,
        value=value.value,
        low=value.low,
        high=value.high,
    )


def _parse_step(reader: _Fields) -> StepTime:
    return StepTime(reader.text("name"), reader.number("seconds"))


def _parse_steps(reader: _Fields) -> tuple[StepTime, ...]:
    """Most objects of a history are steps: one with a name seen before is read without the care that words a fault."""
    steps = reader.take("steps")
    if type(steps) is not list:
        return reader.items_of("steps", steps, _parse_step)
    made = []
    for step in steps:
        if type(step) is dict and len(step) == 2:
            name, seconds = step.get("name"), step.get("seconds")
            if type(name) is str and type(seconds) is float and seconds >= 0 and name in _SHOWN:
                made.append(StepTime(_SHOWN[name], seconds))
                continue
        made += reader.items_of("steps", [step], _parse_step)
    return tuple(made)


def _parse_job(reader: _Fields) -> JobRecord:
    return JobRecord(
        reader.text("id"),
        reader.choice("verdict", _VERDICTS),
        reader.text_or_none("state"),
        reader.text_or_none("runner"),
        reader.number_or_none("queueSeconds"),
        reader.number_or_none("runSeconds"),
        reader.rate_or_none("cacheHitRate"),
        reader.count_or_none("artifactBytes"),
        reader.count_or_none("imageBytes"),
        _parse_steps(reader),
        reader.number_or_none("beginSeconds"),
    )


def _parse_run(origin: RunIdentity, reader: _Fields) -> RunRecord:
    return RunRecord(
        origin,
        reader.choice("verdict", _VERDICTS),
        reader.items("jobs", _parse_job),
        reader.number_or_none("wallSeconds"),
        reader.rate_or_none("cacheHitRate"),
        reader.count_or_none("cacheBytes"),
    )


def _parse_job_tests(reader: _Fields) -> JobTests:
    return JobTests(
        reader.text("job"),
        reader.count("passed"),
        reader.count("failed"),
        reader.count("flaky"),
        reader.count("skipped"),
        reader.items("flakyTests", lambda test: FlakyTest(test.text("name"), test.count("attempts", least=2))),
        reader.items("slowest", lambda test: TimedTest(test.text("name"), test.number("seconds"))),
    )


def _parse_tests(origin: RunIdentity, reader: _Fields) -> RunTests:
    return RunTests(origin, reader.items("jobs", _parse_job_tests))


def _parse_crate(reader: _Fields) -> CrateCoverage:
    crate = CrateCoverage(reader.text("name"), reader.count("coveredLines"), reader.count("lines"))
    if crate.covered_lines > crate.lines:
        raise MalformedData(reader.source, f"{crate.covered_lines} lines covered of {crate.lines}")
    return crate


def _parse_coverage(origin: RunIdentity, reader: _Fields) -> CoverageRecord:
    return CoverageRecord(origin, reader.text_or_none("tool"), reader.items("crates", _parse_crate))


def _parse_benchmark(reader: _Fields) -> BenchmarkValue:
    name, metric, unit = reader.text("name"), reader.choice("metric", _METRICS), reader.text("unit")
    value = reader.number("value")
    if value == 0:
        raise reader.wrong("value", value, "more than 0")
    return BenchmarkValue(name, metric, unit, value, reader.number_or_none("low"), reader.number_or_none("high"))


def _parse_benchmarks(origin: RunIdentity, reader: _Fields) -> BenchmarkRecord:
    given = _Fields(as_object(reader.take("segment"), reader.source, "segment"), reader.source)
    segment = Segment(*(given.text_or_none(key) for key in ("runner", "cpu", "toolchain")))
    given.end()
    return BenchmarkRecord(origin, segment, reader.items("benchmarks", _parse_benchmark))


_PARSERS: Final[Mapping[Series, Callable[[RunIdentity, _Fields], Record]]] = {
    Series.RUNS: _parse_run,
    Series.TESTS: _parse_tests,
    Series.COVERAGE: _parse_coverage,
    Series.BENCHMARKS: _parse_benchmarks,
}
