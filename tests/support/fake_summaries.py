"""Runs to sum up, made up: of a few jobs, of many with large logs, and with everything hostile in their texts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from nanna_ci.foundation.verdict import Verdict
from nanna_ci.measure.history.records import FlakyTest, JobTests
from nanna_ci.pipeline.results import JobResult, JobState
from nanna_ci.summary.accounting import account
from nanna_ci.summary.command_answers import CommandAnswers
from nanna_ci.summary.expectations import ExpectedRun, PlannedMachine
from nanna_ci.summary.found_results import FoundResult
from nanna_ci.summary.measures import measures_of
from nanna_ci.summary.step_summary import RunSummary

RUN_URL: Final = "https://github.com/me/mine/actions/runs/7/attempts/1"
UNIT, LINT, BUILD, IMAGE = "unit-x86_64-linux-stable", "fmt-x86_64-linux-stable", "build-x86_64-linux", "image-a"
NEEDS: Final = {"plan": "success", "jobs": "success", "pipeline-tests": "success"}
HOSTILE: Final = (
    "a | b `c` *d* [e](https://evil.invalid)",
    "@team #1 <script>alert(1)</script> www.evil.invalid :rocket: $x$",
    "::set-output name=verdict::pass",
    " ::error::x%0A::error::y",
    "##[add-mask]x and more ##[error]y",
    "```",
    "````` text",
    "<!-- nanna-ci: ci-summary -->",
    "right to left \u202egnp.exe",
    "half of a pair \ud800",
    "\r::stop-commands::z\r\nlast",
    "\x1b[2J\x1b[31mred",
)
BENCH: Final[Mapping[str, Any]] = {
    "schemaVersion": 1,
    "command": "bench",
    "verdict": "fail",
    "benchmarks": [
        {"name": "parse", "metric": "time", "unit": "ns", "base": 100.0, "head": 250.0, "median": 2.5, "low": 2.2,
         "high": 2.9, "pairs": 25, "verdict": "fail", "reason": "at least 120 % slower"},
        {"name": "render", "metric": "time", "unit": "ns", "base": 90.0, "head": 90.0, "median": 1.0, "low": 0.9,
         "high": 1.1, "pairs": 5, "verdict": "pass", "reason": None},
    ],
    "vanished": ["gone"],
}  # fmt: skip
COVERAGE: Final[Mapping[str, Any]] = {
    "schemaVersion": 1,
    "command": "coverage",
    "verdict": "pass",
    "lineRate": 0.75,
    "crates": [{"name": "core", "coveredLines": 30, "lines": 40}],
    "patch": {"coveredLines": 3, "lines": 4, "uncovered": [{"path": "src/lib.rs", "line": 7}]},
}
CACHE: Final[Mapping[str, Any]] = {
    "schemaVersion": 1,
    "command": "cache-analytics",
    "verdict": "pass",
    "hitRate": {"paths": 0.912, "bytes": None, "buildSeconds": None},
}


def passed(job: str, **evidence: Any) -> JobResult:
    return JobResult(job, Verdict.PASS, 1.5, JobState.BUILT, evidence=evidence)


def found(*results: JobResult, executed: int | None = 3, flaky: tuple[str, ...] = ()) -> list[FoundResult]:
    named = tuple(FlakyTest(name, 2) for name in flaky)
    counted = (executed or 0) - len(flaky)
    return [
        FoundResult(one.id, one.id, one, None, executed, JobTests(one.id, counted, 0, len(flaky), 0, named))
        for one in results
    ]


def run_summary(
    results: Sequence[FoundResult],
    *,
    needs: Mapping[str, str] = NEEDS,
    answers: CommandAnswers | None = None,
    skips: Sequence[str] = (),
    also: Sequence[str] = (),
    event: str = "push",
) -> RunSummary:
    """The summary of a run that planned the jobs of `results` and `also`."""
    ids = [*dict.fromkeys([*(one.job for one in results), *also])]
    machines = tuple(PlannedMachine(job, (job,), frozenset(skips) & {job}) for job in ids)
    answered = account(needs, tuple(NEEDS), ExpectedRun(machines), results, event)
    given = answers or CommandAnswers({})
    return RunSummary(answered, measures_of(given, answered.results), url=RUN_URL, problems=given.problems)


def answers(*bodies: Mapping[str, Any]) -> CommandAnswers:
    return CommandAnswers({body["command"]: (body,) for body in bodies})


def red_run() -> RunSummary:
    """A run with one of everything: failed, absent, skipped, flaky, built, measured."""
    failed = JobResult(
        LINT,
        Verdict.FAIL,
        0.7,
        JobState.BUILT,
        reason="1 file is not formatted",
        failing_tests=("src/lib.rs:7",),
        log_tail=("Diff in src/lib.rs:7:", "-fn  a() {}", "+fn a() {}"),
        reproduce="nix build .#checks.x86_64-linux.fmt",
    )
    built = passed(BUILD, executables=[{"name": "demo", "sizeBytes": 2_000_000, "sha256": "ab" * 32}])
    image = passed(IMAGE, outputs={"out": {"path": "/nix/store/x-image", "narHash": "sha256-AAAA"}})
    skipped = JobResult("deny-x86_64-linux-stable", Verdict.UNAVAILABLE, reason="no advisory database")
    tested = found(passed(UNIT, tests={"passed": 2, "flaky": 1}), flaky=("demo net::retry",))
    return run_summary(
        [*tested, *found(failed, built, image, skipped)],
        needs={**NEEDS, "pipeline-tests": "cancelled"},
        answers=answers(BENCH, COVERAGE, CACHE),
        skips=(skipped.id,),
        also=("doc-x86_64-linux-stable",),
    )


def green_run() -> RunSummary:
    """A run in which everything passed and nobody measured anything."""
    return run_summary(found(passed(UNIT), passed(LINT)))


def hostile_run(line: str) -> RunSummary:
    """One text wherever a job, a workflow or a program can put its own."""
    failed = JobResult(
        UNIT,
        Verdict.FAIL,
        reason=line,
        failing_tests=(line,),
        log_tail=(line, "between", line),
        reproduce=line,
        evidence={"warnings": [line], "outputs": {"out": {"path": line, "narHash": line}}},
    )
    image = passed(IMAGE, outputs={"out": {"path": line, "narHash": line}})
    unplanned = FoundResult(line, line, None, line)
    bench = {
        **BENCH,
        "benchmarks": [{**BENCH["benchmarks"][0], "name": line, "metric": line, "reason": line, "verdict": "fail"}],
        "vanished": [line],
    }
    summary = run_summary(
        [*found(failed, image), *found(passed(LINT), flaky=(line,))],
        needs={**NEEDS, line: line},
        answers=answers(bench, {**COVERAGE, "crates": [{"name": line, "coveredLines": 1, "lines": 2}]}),
        event=line,
    )
    lost = account(NEEDS, (), ExpectedRun(()), [unplanned], "push").unplanned
    return RunSummary(summary.account, summary.measures, line, line, (line, *lost))


def large_run(jobs: int, log_bytes: int) -> RunSummary:
    """`jobs` failed jobs, each with a log of its own."""
    lines = log_bytes // 100
    return run_summary(
        found(
            *(
                JobResult(
                    f"unit-{number}-stable",
                    Verdict.FAIL,
                    1.0,
                    reason=f"{number} tests failed",
                    failing_tests=tuple(f"suite{number}::test_{test}" for test in range(30)),
                    log_tail=tuple(f"{number} {line} {'é' * 40}" for line in range(lines)),
                    reproduce=f"nix build .#checks.x86_64-linux.unit-{number}",
                )
                for number in range(jobs)
            )
        )
    )
