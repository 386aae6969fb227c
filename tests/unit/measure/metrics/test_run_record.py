from __future__ import annotations

import datetime
from typing import Any

import pytest

from nanna_ci.foundation.verdict import Verdict
from nanna_ci.measure.history.records import JobRecord, RunIdentity
from nanna_ci.measure.metrics.run_record import record_of_results
from nanna_ci.pipeline.results import JobResult, JobState, unavailable

ORIGIN = RunIdentity("local-1", "local", datetime.datetime(2026, 11, 28, tzinfo=datetime.UTC))


def record(evidence: dict[str, Any]) -> JobRecord:
    result = JobResult("a", Verdict.PASS, 2.5, JobState.BUILT, evidence=evidence)
    (job,) = record_of_results(ORIGIN, [result], Verdict.PASS, 3.0).jobs
    return job


def test_a_job_keeps_its_verdict_its_time_and_the_sizes_that_its_evidence_has():
    assert record({"executables": [{"sizeBytes": 5}, {"sizeBytes": 7}]}).artifact_bytes == 12
    assert record({"image": {"sizeBytes": 9}}).image_bytes == 9
    plain = record({})
    assert (plain.verdict, plain.state, plain.run_s) == (Verdict.PASS, "built", 2.5)
    assert (plain.artifact_bytes, plain.image_bytes, plain.queue_s) == (None, None, None)


@pytest.mark.parametrize(
    "evidence",
    [
        {"executables": []},
        {"executables": [{"sizeBytes": 5}, {}]},
        {"executables": [{"sizeBytes": True}]},
        {"executables": "many", "image": []},
        {"image": {"sizeBytes": -1}},
    ],
)
def test_a_size_that_is_not_all_known_is_none(evidence: dict[str, Any]):
    job = record(evidence)
    assert (job.artifact_bytes, job.image_bytes) == (None, None)


def test_a_job_that_did_not_run_is_kept_without_times():
    run = record_of_results(ORIGIN, [unavailable("a", "needs a Mac")], Verdict.UNAVAILABLE, 1.0)
    assert run.jobs == (JobRecord("a", Verdict.UNAVAILABLE),)
    assert run.wall_s == 1.0
