"""What a history holds: a record of each run in each of its series.

A series is a file, SERIES.jsonl, with one record a line, in the order in which runs were recorded. What was not
measured is None, never 0.
"""

from __future__ import annotations

import datetime
import enum
from dataclasses import dataclass
from typing import Final

from nanna_ci.foundation.verdict import Verdict

LOCAL_EVENT: Final = "local"
"""The event of a run on one's own machine, where GitHub's would be `push`."""


class Series(enum.Enum):
    """The files of a history, by the stem of their names."""

    RUNS = "runs"
    TESTS = "tests"
    COVERAGE = "coverage"
    BENCHMARKS = "benchmarks"


@dataclass(frozen=True, slots=True)
class RunIdentity:
    """The run that measured, the head of every record.

    `run` names it within a history: `github-RUN-ATTEMPT`, or `local-` and the name of the run folder. `commit` is the
    full hash, None outside of git. `event` is GitHub's name for what started it, or `local`. `started` is in UTC.
    `url` is the run's page, http or https. `workspace` is the folder of the workspace under CI, where one history has
    runs of several.
    """

    run: str
    event: str
    started: datetime.datetime
    commit: str | None = None
    branch: str | None = None
    url: str | None = None
    workspace: str | None = None


@dataclass(frozen=True, slots=True)
class StepTime:
    """A step of a job."""

    name: str
    seconds: float


@dataclass(frozen=True, slots=True)
class JobRecord:
    """One job of a run.

    `queue_s` is the wait for a machine, `run_s` the time on it; None if nobody measured it, as for an output that was
    there before. `begin_s` is from the run's start to the job's begin on its machine. `state` is how the answer was got
    (built, substituted, present, ran). `cache_hit_rate` is 0 to 1.
    """

    id: str
    verdict: Verdict
    state: str | None = None
    runner: str | None = None
    queue_s: float | None = None
    run_s: float | None = None
    cache_hit_rate: float | None = None
    artifact_bytes: int | None = None
    image_bytes: int | None = None
    steps: tuple[StepTime, ...] = ()
    begin_s: float | None = None


@dataclass(frozen=True, slots=True)
class RunRecord:
    """A line of runs.jsonl. `wall_s` is from the run's start to its end; `cache_bytes` is all that the cache holds."""

    origin: RunIdentity
    verdict: Verdict
    jobs: tuple[JobRecord, ...]
    wall_s: float | None = None
    cache_hit_rate: float | None = None
    cache_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class FlakyTest:
    """A test that failed and then passed without a change; `attempts` counts all of its runs, 2 or more."""

    name: str
    attempts: int


@dataclass(frozen=True, slots=True)
class TimedTest:
    """How long a test took."""

    name: str
    seconds: float


@dataclass(frozen=True, slots=True)
class JobTests:
    """The tests of one job. `slowest` is longest first.

    A flaky test is counted in `flaky` and not in `passed`; in `failed` where flaky tests are to fail. `flaky_tests`
    names both.
    """

    job: str
    passed: int
    failed: int
    flaky: int
    skipped: int
    flaky_tests: tuple[FlakyTest, ...] = ()
    slowest: tuple[TimedTest, ...] = ()


@dataclass(frozen=True, slots=True)
class RunTests:
    """A line of tests.jsonl."""

    origin: RunIdentity
    jobs: tuple[JobTests, ...]


@dataclass(frozen=True, slots=True)
class CrateCoverage:
    """Lines of one crate that can be run, and those that tests ran."""

    name: str
    covered_lines: int
    lines: int


@dataclass(frozen=True, slots=True)
class CoverageRecord:
    """A line of coverage.jsonl: all crates, sorted by name. `tool` wrote the figures, as `cargo-llvm-cov 0.9.1`."""

    origin: RunIdentity
    tool: str | None
    crates: tuple[CrateCoverage, ...]

    @property
    def line_rate(self) -> float | None:
        """0 to 1; None if there is no line to run."""
        lines = sum(crate.lines for crate in self.crates)
        return sum(crate.covered_lines for crate in self.crates) / lines if lines else None


class Metric(enum.Enum):
    """What a benchmark's value counts. Less is better for both."""

    TIME = "time"
    INSTRUCTIONS = "instructions"


@dataclass(frozen=True, slots=True)
class Segment:
    """Where a benchmark ran. Values of two segments are not compared: another machine is no regression."""

    runner: str | None
    cpu: str | None
    toolchain: str | None


@dataclass(frozen=True, slots=True)
class BenchmarkValue:
    """One benchmark: its value in `unit` (`ns`, `instructions`), and the interval that its own run gave."""

    name: str
    metric: Metric
    unit: str
    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class BenchmarkRecord:
    """A line of benchmarks.jsonl."""

    origin: RunIdentity
    segment: Segment
    benchmarks: tuple[BenchmarkValue, ...]


Record = RunRecord | RunTests | CoverageRecord | BenchmarkRecord
