"""A made-up run of `ci`: its folder, with a pass, a failure with a long log, and a job that could not run."""

from __future__ import annotations

import json
from pathlib import Path

from nanna_ci.foundation.verdict import Verdict
from nanna_ci.pipeline.results import JobResult, JobState, render_result, unavailable
from nanna_ci.pipeline.run_report import RunReport, report_to_json
from nanna_ci.report.outcome import json_body

LOG_LINES = 400
RESULTS = (
    JobResult("build-x86_64-linux", Verdict.PASS, 61.5, JobState.BUILT),
    JobResult(
        "unit-x86_64-linux-stable",
        Verdict.FAIL,
        12.25,
        JobState.BUILT,
        reason="1 of 40 tests failed",
        failing_tests=("harness::adds <b>two</b> numbers",),
        log_tail=("thread 'adds' panicked", "assertion failed: 2 + 2 == 5"),
        reproduce="nix build .#checks.x86_64-linux.unit",
    ),
    unavailable("unit-aarch64-darwin-stable", "needs aarch64-darwin, this machine is x86_64-linux"),
)


def write_fake_run(folder: Path, *, log: str | None = None) -> None:
    """The files that `ci` writes of RESULTS; `log` is that of the failed job."""
    report = RunReport("push", RESULTS, 75.0, strict=False, interrupted=False, folder=str(folder))
    for result in RESULTS:
        place = folder / "jobs" / result.id
        place.mkdir(parents=True)
        (place / "result.json").write_bytes(render_result(result))
    body = json_body("ci", report.verdict, report_to_json(report))
    (folder / "result.json").write_text(json.dumps(body), encoding="utf-8")
    lines = [f"line {number} of the log" for number in range(LOG_LINES)]
    log = "\n".join([*lines, "assertion failed: 2 + 2 == 5", ""]) if log is None else log
    (folder / "jobs" / RESULTS[1].id / "log.txt").write_text(log, encoding="utf-8")
