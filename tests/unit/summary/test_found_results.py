"""Results out of downloaded artifacts: the layout as GitHub leaves it, and everything that can be wrong with it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from nanna_ci.foundation.verdict import Verdict
from nanna_ci.measure.history.records import FlakyTest
from nanna_ci.pipeline.results import JobResult, JobState, render_result
from nanna_ci.summary import found_results
from nanna_ci.summary.found_results import FoundResult, read_results

UNIT, LINT = "unit-x86_64-linux-stable", "fmt-x86_64-linux-stable"
COUNTS = {"passed": 2, "flaky": 1, "failed": 0, "skipped": 4}
JUNIT = """<testsuites><testsuite name="demo">
<testcase name="one" time="0.1"/><testcase name="two"/>
<testcase name="shaky"><flakyFailure message="once"/></testcase>
<testcase name="a"><skipped/></testcase><testcase name="b"><skipped/></testcase>
<testcase name="c"><skipped/></testcase><testcase name="d"><skipped/></testcase>
</testsuite></testsuites>"""
PASSED = JobResult(UNIT, Verdict.PASS, 1.0, JobState.BUILT, evidence={"tests": COUNTS})


def place(folder: Path, job: str = UNIT, artifact: str = UNIT, within: str = ".nanna-ci/jobs") -> Path:
    """The folder of a job in an artifact, as `upload-artifact` and `download-artifact` leave it."""
    path = folder / f"job-{artifact}" / within / job
    path.mkdir(parents=True)
    return path


def keep(folder: Path, result: JobResult, **where: str) -> Path:
    path = place(folder, result.id, **where)
    (path / "result.json").write_bytes(render_result(result))
    return path


def only(folder: Path) -> FoundResult:
    (found,) = read_results(folder)
    return found


def test_a_folder_that_is_not_there_has_no_results(tmp_path: Path) -> None:
    assert read_results(tmp_path / "none") == []
    (tmp_path / "file").touch()
    assert read_results(tmp_path / "file") == []
    assert read_results(tmp_path) == []


def test_results_are_found_where_either_route_leaves_them(tmp_path: Path) -> None:
    lint = replace(PASSED, id=LINT, evidence={})
    keep(tmp_path, lint, artifact="a", within="subject/.nanna-ci/jobs")
    keep(tmp_path, PASSED, artifact="a")
    keep(tmp_path, lint, artifact="b", within="jobs")
    assert [(one.machine, one.job, one.result) for one in read_results(tmp_path)] == [
        ("a", UNIT, PASSED),
        ("a", LINT, lint),
        ("b", LINT, lint),
    ]


def test_the_folder_of_a_local_run_is_read_too(tmp_path: Path) -> None:
    path = tmp_path / "jobs" / UNIT
    path.mkdir(parents=True)
    (path / "result.json").write_bytes(render_result(PASSED))
    assert only(tmp_path) == FoundResult("", UNIT, PASSED, executed=3)


def test_tests_are_counted_by_the_result_and_flaky_ones_named_by_its_junit(tmp_path: Path) -> None:
    (keep(tmp_path, PASSED) / "junit.xml").write_text(JUNIT)
    found = only(tmp_path)
    assert (found.result, found.executed, found.flaky) == (PASSED, 3, (FlakyTest("demo shaky", 2),))


def test_tests_are_counted_by_junit_where_the_result_does_not_count_them(tmp_path: Path) -> None:
    bare = replace(PASSED, evidence={})
    path = keep(tmp_path, bare)
    assert only(tmp_path).executed is None
    (path / "junit.xml").write_text(JUNIT)
    assert only(tmp_path).executed == 3


@pytest.mark.parametrize(
    "counts",
    [[], "3", {"passed": -1}, {"passed": True}, {"passed": 1.5}, {"passed": "3"}, {"flaky": None}],
)
def test_counts_that_are_none_are_refused(counts: object, tmp_path: Path) -> None:
    keep(tmp_path, replace(PASSED, evidence={"tests": counts}))
    found = only(tmp_path)
    assert found.result is None
    assert "evidence.tests" in str(found.problem)


def test_a_result_and_a_junit_file_that_disagree_are_refused(tmp_path: Path) -> None:
    path = keep(tmp_path, replace(PASSED, evidence={"tests": COUNTS | {"passed": 9}}))
    (path / "junit.xml").write_text(JUNIT)
    assert only(tmp_path).problem == "junit.xml: it counts other tests than result.json"


def test_a_pass_with_failed_tests_is_refused(tmp_path: Path) -> None:
    keep(tmp_path, replace(PASSED, evidence={"tests": COUNTS | {"failed": 2}}))
    assert only(tmp_path).problem == "result.json: it passed, with 2 failed tests"


def test_a_junit_file_with_a_document_type_is_refused(tmp_path: Path) -> None:
    (keep(tmp_path, PASSED) / "junit.xml").write_text("<!DOCTYPE x>" + JUNIT)
    assert "DOCTYPE" in str(only(tmp_path).problem)


def test_the_result_of_another_job_is_named(tmp_path: Path) -> None:
    (place(tmp_path) / "result.json").write_bytes(render_result(replace(PASSED, id=LINT)))
    assert only(tmp_path).problem == f"result.json: it is the result of another job, '{LINT}'"


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"null", b"\xff", b"[" * 100_000, b'{"schemaVersion": 2}'])
def test_a_result_that_cannot_be_read_is_named(data: bytes, tmp_path: Path) -> None:
    (place(tmp_path) / "result.json").write_bytes(data)
    found = only(tmp_path)
    assert (found.job, found.result) == (UNIT, None)
    assert str(found.problem).startswith("result.json: ")


def test_a_result_that_run_job_would_not_write_is_no_result(tmp_path: Path) -> None:
    body = json.loads(render_result(PASSED)) | {"state": None}
    (place(tmp_path) / "result.json").write_text(json.dumps(body))
    assert "a pass without a state" in str(only(tmp_path).problem)


def test_a_result_over_the_limit_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    size = (keep(tmp_path, PASSED) / "result.json").stat().st_size
    monkeypatch.setattr(found_results, "RESULT_LIMIT_BYTES", size)
    assert only(tmp_path).result == PASSED
    monkeypatch.setattr(found_results, "RESULT_LIMIT_BYTES", size - 1)
    assert only(tmp_path).problem == f"result.json: it is over {size - 1:,} bytes"


@pytest.mark.parametrize("put", [os.mkfifo, lambda path: path.symlink_to("/dev/zero"), Path.mkdir])
@pytest.mark.parametrize("name", ["result.json", "junit.xml"])
def test_what_is_no_plain_file_is_named_and_never_waited_for(
    put: Callable[[Path], None], name: str, tmp_path: Path
) -> None:
    path = keep(tmp_path, PASSED)
    (path / name).unlink(missing_ok=True)
    put(path / name)
    found = only(tmp_path)
    assert found.result is None
    assert str(found.problem).startswith(f"{name}: ")


@pytest.mark.parametrize("name", ["result.json", "junit.xml"])
def test_a_link_to_a_good_file_is_no_file(name: str, tmp_path: Path) -> None:
    path = keep(tmp_path / "results", PASSED)
    (path / "junit.xml").write_text(JUNIT)
    assert only(tmp_path / "results").result == PASSED
    (path / name).rename(tmp_path / name)
    (path / name).symlink_to(tmp_path / name)
    assert only(tmp_path / "results").problem == f"{name}: it is a link"


def test_links_are_named_and_never_followed(tmp_path: Path) -> None:
    real = keep(tmp_path / "elsewhere", PASSED)
    results = tmp_path / "results"
    place(results, LINT).rmdir()
    (results / f"job-{UNIT}/.nanna-ci/jobs/{UNIT}").symlink_to(real, target_is_directory=True)
    (results / "job-other").symlink_to(tmp_path / "elsewhere" / f"job-{UNIT}", target_is_directory=True)
    assert read_results(results) == [
        FoundResult("other", "other", None, "its artifact is not a folder"),
        FoundResult(UNIT, UNIT, None, "its folder is a link"),
    ]
    deep = tmp_path / "deep" / "job-x" / ".nanna-ci"
    deep.mkdir(parents=True)
    (deep / "jobs").symlink_to(real.parent, target_is_directory=True)
    assert read_results(tmp_path / "deep") == []


def test_only_artifacts_of_jobs_are_searched_and_not_without_end(tmp_path: Path) -> None:
    (tmp_path / "cache-analytics/jobs" / UNIT).mkdir(parents=True)
    (tmp_path / "cache-analytics/jobs" / UNIT / "result.json").write_bytes(render_result(PASSED))
    keep(tmp_path, PASSED, within="a/b/c/d/e/jobs")
    assert read_results(tmp_path) == []
