"""A run's report: failures first, nothing twice."""

from __future__ import annotations

import json

from nanna_ci.foundation.verdict import Verdict
from nanna_ci.pipeline.results import JobResult, JobState, no_answer, unavailable
from nanna_ci.pipeline.run_report import RunReport, report_document, report_to_json, result_note
from nanna_ci.report.blocks import Bars, Code, Heading, Notice, Paragraph, Table, Tone

PASSED = JobResult("unit", Verdict.PASS, 12.0, JobState.BUILT, evidence={"tests": {"passed": 7, "failed": 0}})
FAILED = JobResult(
    id="clippy",
    verdict=Verdict.FAIL,
    seconds=2.0,
    reason="the build failed with exit code 101",
    failing_tests=("src/lib.rs:1:41: unused variable",),
    log_tail=("error: unused variable",),
    reproduce="./nixw build '.#checks.x86_64-linux.clippy' -L",
)
ABSENT = unavailable("audit", "no cargo-audit")


def report(*results: JobResult, strict: bool = False, interrupted: bool = False) -> RunReport:
    return RunReport("push", results, 14.5, strict, interrupted, "/src/.nanna-ci/runs/1")


def test_the_verdict_comes_first_then_the_failed_job_its_test_its_lines_its_command() -> None:
    blocks = report_document(report(PASSED, FAILED, ABSENT)).blocks
    assert blocks[:6] == (
        Notice(Tone.BAD, "fail: 1 failed (clippy), 1 passed, 1 unavailable (1: no cargo-audit)"),
        Heading("clippy failed"),
        Notice(Tone.BAD, "src/lib.rs:1:41: unused variable"),
        Paragraph("the build failed with exit code 101"),
        Code("error: unused variable", "text"),
        Code("./nixw build '.#checks.x86_64-linux.clippy' -L", "sh"),
    )


def test_the_same_lines_are_reported_once() -> None:
    other = JobResult("doc", Verdict.FAIL, reason="deps failed to build", log_tail=FAILED.log_tail)
    blocks = report_document(report(FAILED, other)).blocks
    assert sum(block == Code("error: unused variable", "text") for block in blocks) == 1
    assert Paragraph("The log says the same as that of clippy.") in blocks


def test_many_failing_tests_are_counted_after_twenty() -> None:
    names = tuple(f"demo tests::number_{number}" for number in range(25))
    failed = JobResult("unit", Verdict.FAIL, reason="25 tests failed", failing_tests=names)
    blocks = report_document(report(failed)).blocks
    assert Notice(Tone.BAD, names[19]) in blocks
    assert Notice(Tone.BAD, names[20]) not in blocks
    assert Paragraph("and 5 more") in blocks


def test_every_job_is_in_the_table_and_only_measured_ones_in_the_chart() -> None:
    blocks = report_document(report(PASSED, ABSENT)).blocks
    table = next(block for block in blocks if isinstance(block, Table))
    assert [[cell.text for cell in row] for row in table.rows] == [
        ["unit", "pass", "built", "12 s", "tests: 7 passed"],
        ["audit", "unavailable", "-", "-", "no cargo-audit"],
    ]
    chart = next(block for block in blocks if isinstance(block, Bars))
    assert chart.items == (("unit", 12.0, "12 s"),)


def test_json_says_the_same() -> None:
    body = json.loads(json.dumps(report_to_json(report(PASSED, ABSENT, strict=True))))
    assert (body["event"], body["strict"], body["interrupted"], body["seconds"]) == ("push", True, False, 14.5)
    assert [job["id"] for job in body["jobs"]] == ["unit", "audit"]
    assert body["summary"].startswith("fail: 1 passed, 1 unavailable")


def test_an_interrupted_run_never_passes_and_says_that_it_is_partial() -> None:
    partial = report(PASSED, interrupted=True)
    assert partial.verdict is Verdict.UNAVAILABLE
    assert partial.line == "interrupted, partial: 1 passed"
    assert report(PASSED, FAILED, interrupted=True).verdict is Verdict.FAIL


def test_a_note_is_one_line() -> None:
    assert result_note(PASSED) == ("unit: pass after 12 s", Tone.GOOD)
    assert result_note(ABSENT) == ("audit: unavailable: no cargo-audit", Tone.WARN)


def test_what_ran_stands_before_what_could_not_and_failures_before_both() -> None:
    blocks = report_document(report(ABSENT, PASSED, FAILED)).blocks
    table = next(block for block in blocks if isinstance(block, Table))
    assert [row[0].text for row in table.rows] == ["clippy", "unit", "audit"]


def test_one_cause_of_several_jobs_is_reported_once_with_their_names() -> None:
    faults = [
        no_answer(name, "no space left on this machine", report=f"/run/{name}/log.txt") for name in ("unit", "doc")
    ]
    blocks = report_document(report(*faults)).blocks
    assert [block for block in blocks if isinstance(block, Heading)] == [Heading("unit, doc: no answer")]
    assert Paragraph("The file to look into, or to report: /run/unit/log.txt") in blocks
    assert report(*faults).line == "error: 2 without an answer (unit, doc: no space left on this machine)"


def test_a_failure_outvotes_an_error_and_an_error_outvotes_a_pass() -> None:
    fault = no_answer("doc", "no space left on this machine")
    assert report(PASSED, fault).verdict is Verdict.ERROR
    assert report(FAILED, fault).verdict is Verdict.FAIL
    assert report(PASSED, fault, ABSENT, strict=True).verdict is Verdict.FAIL
