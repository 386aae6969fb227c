"""The results in a folder of downloaded artifacts, read as what others wrote: named, bounded, no links followed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from nanna_ci.foundation.errors import MalformedData
from nanna_ci.foundation.guarded_read import MEBIBYTE, read_file
from nanna_ci.foundation.json_data import JsonValue, as_count, as_object
from nanna_ci.foundation.verdict import Verdict
from nanna_ci.measure.history.records import FlakyTest, JobTests
from nanna_ci.measure.tests.job_tests import summarise_tests
from nanna_ci.pipeline.job_plan import runs_tests
from nanna_ci.pipeline.junit import MAXIMUM_BYTES, JunitReport, TestStatus, parse_junit
from nanna_ci.pipeline.results import JobResult, parse_result

ARTIFACT_PREFIX = "job-"
RESULT_LIMIT_BYTES = 16 * MEBIBYTE
_JOBS_FOLDER = "jobs"
_DEEPEST = 4  # job-ID/subject/.nanna-ci/jobs


@dataclass(frozen=True, slots=True)
class FoundResult:
    """A result.json that lay in an artifact, or `problem`: why what lay there is no result.

    `machine` is the artifact's name without its prefix, "" in the folder of a local run. `executed` is how many tests
    of the workspace ran, None if nothing says so; `tests` is what its JUnit file says of them.
    """

    machine: str
    job: str
    result: JobResult | None
    problem: str | None = None
    executed: int | None = None
    tests: JobTests | None = None

    @property
    def flaky(self) -> tuple[FlakyTest, ...]:
        """The tests that failed first."""
        return () if self.tests is None else self.tests.flaky_tests


def read_results(folder: Path) -> list[FoundResult]:
    """All results below `folder`: of artifacts `job-ID`, and of a run folder's `jobs`. None if it is not there."""
    try:
        children = sorted(folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return []
    found: list[FoundResult] = []
    for child in children:
        if child.name == _JOBS_FOLDER and child.is_dir():
            found += _of_jobs(child, "")
        elif child.name.startswith(ARTIFACT_PREFIX):
            found += _of_artifact(child, child.name.removeprefix(ARTIFACT_PREFIX))
    return found


def _of_artifact(folder: Path, machine: str) -> Iterator[FoundResult]:
    if folder.is_symlink() or not folder.is_dir():
        yield FoundResult(machine, machine, None, "its artifact is not a folder")
        return
    for root, folders, _ in os.walk(folder):  # follows no links
        path = Path(root)
        folders.sort()
        if path.name == _JOBS_FOLDER and path != folder:
            folders.clear()
            yield from _of_jobs(path, machine)
        elif len(path.relative_to(folder).parts) >= _DEEPEST:
            folders.clear()


def _of_jobs(folder: Path, machine: str) -> Iterator[FoundResult]:
    for job in sorted(folder.iterdir()):
        if job.is_symlink():
            yield FoundResult(machine, job.name, None, "its folder is a link")
        elif job.is_dir() and os.path.lexists(job / "result.json"):
            yield _read(job, machine)


def _read(folder: Path, machine: str) -> FoundResult:
    try:
        result = _result(folder)
        report = _junit(folder / "junit.xml") if runs_tests(result.id) else None
        counts = _counts(result, report)
    except MalformedData as error:
        return FoundResult(machine, folder.name, None, error.message)
    except OSError as error:
        return FoundResult(machine, folder.name, None, f"{Path(str(error.filename)).name}: {error.strerror}")
    executed = None if counts is None else sum(counts.values()) - counts[TestStatus.SKIPPED.value]
    tests = None if report is None else summarise_tests(result.id, report)
    return FoundResult(machine, folder.name, result, None, executed, tests)


def _result(folder: Path) -> JobResult:
    result = parse_result(read_file(folder / "result.json", RESULT_LIMIT_BYTES, follow_links=False), "result.json")
    if result.id != folder.name:
        raise MalformedData("result.json", f"it is the result of another job, {result.id!r:.100}")
    return result


def _junit(path: Path) -> JunitReport | None:
    if not os.path.lexists(path):
        return None
    if path.is_symlink():
        raise MalformedData("junit.xml", "it is a link")
    return parse_junit(read_file(path, MAXIMUM_BYTES, follow_links=False), "junit.xml")


def _counts(result: JobResult, report: JunitReport | None) -> dict[str, int] | None:
    """Tests by status, as the result has them, else as the JUnit file has; None if neither says.

    Raises:
        MalformedData: these are no counts, the two disagree, or a pass has failed tests.
    """
    statuses = [status.value for status in TestStatus]
    given = result.evidence.get("tests")
    if given is None:
        counts = None if report is None else report.counts
    else:
        counts = {status: as_count(_member(given, status), "result.json", "evidence.tests") for status in statuses}
        if report is not None and counts != report.counts:
            raise MalformedData("junit.xml", "it counts other tests than result.json")
    if counts and result.verdict is Verdict.PASS and counts[TestStatus.FAILED.value]:
        raise MalformedData("result.json", f"it passed, with {counts[TestStatus.FAILED.value]} failed tests")
    return counts


def _member(counts: JsonValue, status: str) -> JsonValue:
    return as_object(counts, "result.json", "evidence.tests").get(status, 0)
