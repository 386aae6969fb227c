"""The latest figures as OpenMetrics 1.0 text, which Prometheus reads from a file or a page.

Gauges of the last run of each branch and workspace, with the time of that run. What was not measured has no sample.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeVar

from nanna_ci.foundation.verdict import Verdict
from nanna_ci.measure.history.records import (
    BenchmarkRecord,
    CoverageRecord,
    JobRecord,
    Metric,
    RunIdentity,
    RunRecord,
    RunTests,
)

_R = TypeVar("_R", RunRecord, RunTests, CoverageRecord, BenchmarkRecord)
_ANSWERED: Final = {Verdict.PASS: 1, Verdict.FAIL: 0, Verdict.ERROR: 0}
_SECONDS_OF_UNIT: Final = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0}


@dataclass(frozen=True, slots=True)
class _Family:
    """A gauge; the end of its name is its unit, "" for none."""

    name: str
    unit: str
    help: str
    samples: list[tuple[Mapping[str, str], float, float]] = field(default_factory=list)

    def add(self, origin: RunIdentity, value: float | None, **labels: str) -> None:
        """A sample, if there is a value."""
        if value is not None:
            given = {"branch": origin.branch, "workspace": origin.workspace}
            known = {name: text for name, text in given.items() if text is not None}
            self.samples.append(({**known, **labels}, value, origin.started.timestamp()))

    def lines(self) -> Iterator[str]:
        if not self.samples:
            return
        yield f"# TYPE {self.name} gauge"
        if self.unit:
            yield f"# UNIT {self.name} {self.unit}"
        yield f"# HELP {self.name} {_escaped(self.help)}"
        for labels, value, time_s in self.samples:
            shown = ",".join(f'{name}="{_escaped(text)}"' for name, text in labels.items())
            yield f"{self.name}{{{shown}}} {value!r} {time_s:.0f}" if shown else f"{self.name} {value!r} {time_s:.0f}"


def render_open_metrics(
    runs: Sequence[RunRecord],
    tests: Sequence[RunTests],
    coverage: Sequence[CoverageRecord],
    benchmarks: Sequence[BenchmarkRecord],
) -> bytes:
    """The exposition as UTF-8; each series oldest first. Its last line is `# EOF`, also where nothing was measured."""
    families = (*_of_runs(_latest(runs)), *_of_tests(_latest(tests)), *_of_coverage(_latest(coverage)))
    lines = [line for family in (*families, *_of_benchmarks(_latest(benchmarks))) for line in family.lines()]
    return "".join(f"{line}\n" for line in (*lines, "# EOF")).encode("utf-8", "replace")


def _latest(records: Sequence[_R]) -> list[_R]:
    """The last record of each branch and workspace."""
    last = {(record.origin.branch, record.origin.workspace): record for record in records}
    return list(last.values())


def _of_runs(runs: Iterable[RunRecord]) -> list[_Family]:
    passed = _Family("nanna_ci_run_passed", "", "1 if the last run passed, 0 if it did not.")
    wall = _Family("nanna_ci_run_wall_seconds", "seconds", "From the start of the last run to its end.")
    hit_rate = _Family("nanna_ci_run_cache_hit_ratio", "ratio", "Share of paths that a cache had.")
    cache = _Family("nanna_ci_cache_bytes", "bytes", "All that the binary cache holds.")
    job_passed = _Family("nanna_ci_job_passed", "", "1 if the job passed, 0 if it failed or gave no answer.")
    of_jobs: list[tuple[_Family, Callable[[JobRecord], float | None]]] = [
        (job_passed, lambda job: _ANSWERED.get(job.verdict)),
        (
            _Family("nanna_ci_job_queue_seconds", "seconds", "The job's wait for a machine."),
            lambda job: job.queue_s,
        ),
        (_Family("nanna_ci_job_run_seconds", "seconds", "The job's time on its machine."), lambda job: job.run_s),
        (
            _Family("nanna_ci_job_cache_hit_ratio", "ratio", "Share of the job's paths that a cache had."),
            lambda job: job.cache_hit_rate,
        ),
        (
            _Family("nanna_ci_job_artifact_bytes", "bytes", "Executables that the job built."),
            lambda job: job.artifact_bytes,
        ),
        (_Family("nanna_ci_job_image_bytes", "bytes", "The job's image, compressed."), lambda job: job.image_bytes),
    ]
    for run in runs:
        passed.add(run.origin, _ANSWERED.get(run.verdict))
        wall.add(run.origin, run.wall_s)
        hit_rate.add(run.origin, run.cache_hit_rate)
        cache.add(run.origin, run.cache_bytes)
        for family, value in of_jobs:
            for job in run.jobs:
                family.add(run.origin, value(job), job=job.id)
    return [passed, wall, hit_rate, cache, *(family for family, _ in of_jobs)]


def _of_tests(records: Iterable[RunTests]) -> list[_Family]:
    family = _Family("nanna_ci_tests", "", "Tests of the job by how they ended; flaky ones are not among the passed.")
    for record in records:
        for job in record.jobs:
            for status in ("passed", "failed", "flaky", "skipped"):
                family.add(record.origin, getattr(job, status), job=job.job, status=status)
    return [family]


def _of_coverage(records: Iterable[CoverageRecord]) -> list[_Family]:
    family = _Family("nanna_ci_line_coverage_ratio", "ratio", "Share of the crate's lines that tests ran.")
    for record in records:
        for crate in record.crates:
            family.add(record.origin, crate.covered_lines / crate.lines if crate.lines else None, crate=crate.name)
    return [family]


def _of_benchmarks(records: Iterable[BenchmarkRecord]) -> list[_Family]:
    times = _Family("nanna_ci_benchmark_seconds", "seconds", "Time of one iteration.")
    counts = _Family("nanna_ci_benchmark_instructions", "instructions", "Instructions of one iteration.")
    for record in records:
        for value in record.benchmarks:
            if value.metric is Metric.INSTRUCTIONS:
                counts.add(record.origin, value.value, benchmark=value.name)
            elif value.unit in _SECONDS_OF_UNIT:
                times.add(record.origin, value.value * _SECONDS_OF_UNIT[value.unit], benchmark=value.name)
    return [times, counts]


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")
