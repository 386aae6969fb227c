"""Test results of a run: in-toto's shape, and that nothing counts as passed but what ran and passed."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from nanna_ci.foundation.errors import ConfigError, GateFailed, MalformedData
from nanna_ci.foundation.verdict import Verdict
from nanna_ci.pipeline.results import JobResult, JobState, render_result
from nanna_ci.supply_chain.evidence.run_results import (
    RunResults,
    make_test_result,
    parse_test_result,
    read_run,
    refuse_other_sources,
)
from support.fake_derivations import store_path

DRV, OUT = store_path("build.drv"), store_path("build")
NAR_HASH = "sha256-LbXiveH5eUEkha8XR9pBxtn5ULy4lx/kP0YI2XCrS5U="
EVIDENCE = {"derivation": str(DRV), "outputs": {"out": {"path": str(OUT), "narHash": NAR_HASH}}}


def job(name: str, verdict: Verdict, **facts: Any) -> JobResult:
    state = JobState.BUILT if verdict is Verdict.PASS else None
    return JobResult(name, verdict, 1.0, state, None if verdict is Verdict.PASS else "why", **facts)


def predicate(*jobs: JobResult) -> dict[str, Any]:
    return make_test_result(RunResults(jobs, None), {}, [{"name": "pipeline.toml", "digest": {"sha256": "0" * 64}}])


PASS, FAIL = job("a", Verdict.PASS), job("b", Verdict.FAIL)
ERROR, UNAVAILABLE = job("c", Verdict.ERROR), job("d", Verdict.UNAVAILABLE)


@pytest.mark.parametrize(
    ("jobs", "result"),
    [
        ((PASS,), "PASSED"),
        ((PASS, UNAVAILABLE), "WARNED"),
        ((PASS, FAIL), "FAILED"),
        ((PASS, ERROR), "FAILED"),
        ((UNAVAILABLE,), "FAILED"),
    ],
)
def test_the_result_is_the_worst_and_what_never_ran_has_passed_nothing(
    jobs: tuple[JobResult, ...], result: str
) -> None:
    assert predicate(*jobs)["result"] == result


def test_the_predicate_has_the_fields_of_the_specification() -> None:
    made = predicate(PASS, FAIL, ERROR, UNAVAILABLE)
    assert made["configuration"] == [{"name": "pipeline.toml", "digest": {"sha256": "0" * 64}}]
    assert (made["passedTests"], made["warnedTests"], made["failedTests"]) == (["a"], [], ["b", "c"])
    assert made["notRun"] == [{"name": "d", "reason": "why"}]


def test_what_was_written_is_read() -> None:
    found = parse_test_result(predicate(job("a", Verdict.PASS, evidence=EVIDENCE), UNAVAILABLE), "x")
    assert found.result == "WARNED"
    assert found.verdicts == {"a": Verdict.PASS, "d": Verdict.UNAVAILABLE}
    assert found.outputs == {str(OUT): NAR_HASH}


@pytest.mark.parametrize(
    ("key", "value", "problem"),
    [
        ("result", "PASSED", "which its jobs do not give"),
        ("passedTests", ["a", "d"], "name jobs that it does not have"),
        ("passedTests", [], "'a' is pass"),
        ("notRun", [], "'d' is unavailable"),
        ("jobs", [], "name jobs that it does not have"),
        ("warnedTests", "a", "not an array"),
    ],
)
def test_lists_that_contradict_the_jobs_are_refused(key: str, value: Any, problem: str) -> None:
    changed = {**copy.deepcopy(predicate(PASS, UNAVAILABLE)), key: value}
    with pytest.raises(MalformedData, match=problem):
        parse_test_result(changed, "x")


def put(folder: Path, *jobs: JobResult) -> Path:
    for one in jobs:
        (folder / "jobs" / one.id).mkdir(parents=True)
        (folder / "jobs" / one.id / "result.json").write_bytes(render_result(one))
    return folder


def test_a_runs_folder_is_read_by_job_with_its_beginning(tmp_path: Path) -> None:
    folder = put(tmp_path / "20261128T105431Z-23450", FAIL, job("a", Verdict.PASS, evidence=EVIDENCE))
    run = read_run(folder)
    assert ([one.id for one in run.jobs], run.started) == (["a", "b"], "2026-11-28T10:54:31Z")
    assert (run.derivations(), run.derivers()) == ({"a": DRV}, {OUT: DRV})
    assert {path: str(nar_hash) for path, nar_hash in run.nar_hashes().items()} == {OUT: NAR_HASH}


def test_a_folder_without_results_is_a_mistake_and_a_spoiled_one_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no jobs/JOB/result\.json"):
        read_run(tmp_path)
    (put(tmp_path, PASS) / "jobs/a/result.json").write_text("{}")
    with pytest.raises(MalformedData):
        read_run(tmp_path)


def test_a_run_of_another_source_is_refused_and_an_unknown_one_is_not() -> None:
    run = RunResults((job("a", Verdict.PASS, evidence=EVIDENCE),), None)
    refuse_other_sources(run, {DRV: True})
    refuse_other_sources(run, {DRV: None})
    with pytest.raises(GateFailed, match="the job a tested another source"):
        refuse_other_sources(run, {DRV: False})
