"""What the JUnit files of a run say of its tests, job by job."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from nanna_ci.foundation.visible_text import visible
from nanna_ci.measure.history.records import FlakyTest, JobTests, TimedTest
from nanna_ci.pipeline.junit import JunitReport, TestStatus, read_junit

SLOWEST: Final = 10
"""Tests that a history keeps of each job, the slowest."""


def read_job_tests(jobs_folder: Path) -> tuple[JobTests, ...]:
    """The tests of every job below a folder of `ID/junit.xml`, by id; a job without such a file has none.

    Raises MalformedData for a file that is not JUnit.
    """
    files = sorted(jobs_folder.glob("*/junit.xml"))
    return tuple(summarise_tests(path.parent.name, read_junit(path)[1]) for path in files)


def summarise_tests(job: str, report: JunitReport) -> JobTests:
    """The tests of one job. Setup scripts are no tests, and a skipped test has no time."""
    cases = [case for case in report.cases if not case.is_setup_script]
    # also where they are to fail, and count as failed: whether a test is flaky does not depend on what becomes of it
    flaky = tuple(FlakyTest(visible(case.full_name), case.attempts) for case in cases if case.passed_later)
    timed = [
        TimedTest(visible(case.full_name), case.seconds)
        for case in cases
        if case.seconds is not None and case.status is not TestStatus.SKIPPED
    ]
    return JobTests(
        job,
        passed=report.count(TestStatus.PASSED),
        failed=report.count(TestStatus.FAILED),
        flaky=report.count(TestStatus.FLAKY),
        skipped=report.count(TestStatus.SKIPPED),
        flaky_tests=flaky,
        slowest=tuple(sorted(timed, key=lambda test: (-test.seconds, test.name))[:SLOWEST]),
    )
