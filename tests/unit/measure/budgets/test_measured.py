from __future__ import annotations

import datetime

from nanna_ci.foundation.verdict import Verdict
from nanna_ci.measure.budgets.budget_rule import BudgetTarget, Measurement
from nanna_ci.measure.budgets.measured import measured_from
from nanna_ci.measure.history.records import JobRecord, RunIdentity, RunRecord

STARTED = datetime.datetime(2026, 11, 28, tzinfo=datetime.UTC)


def run(name: str, *jobs: JobRecord, event: str = "push", wall_s: float | None = 100.0) -> RunRecord:
    return RunRecord(RunIdentity(name, event, STARTED), Verdict.PASS, jobs, wall_s)


def of(target: BudgetTarget, measured: tuple[Measurement, ...]) -> list[Measurement]:
    return [one for one in measured if one.target is target]


def test_a_job_whose_output_was_there_before_has_no_time():
    jobs = (
        JobRecord("image-a-x86_64-linux", Verdict.PASS, "present", run_s=0.1),
        JobRecord("image-b-x86_64-linux", Verdict.PASS, "built", run_s=30.0),
        JobRecord("image-c-x86_64-linux", Verdict.UNAVAILABLE),
        JobRecord("container-test-a-x86_64-linux", Verdict.PASS, "ran", run_s=4.0),
        JobRecord("build-x86_64-linux", Verdict.PASS, "built"),
    )
    measured = measured_from(run("now", *jobs), [])
    first, second = of(BudgetTarget.IMAGE, measured)
    assert (first.value, first.note) == (None, "it was present, not built")
    assert (second.value, second.subject) == (30.0, "image-b-x86_64-linux")
    (build,) = of(BudgetTarget.BINARY, measured)
    assert (build.value, build.note) == (None, "its time was not measured")


def test_the_time_of_a_run_with_jobs_left_out_is_not_that_of_the_pipeline():
    whole, part = JobRecord("unit", Verdict.PASS, "ran"), JobRecord("clippy", Verdict.UNAVAILABLE)
    assert of(BudgetTarget.PIPELINE, measured_from(run("a", whole), []))[0].value == 100.0
    (left_out,) = of(BudgetTarget.PIPELINE, measured_from(run("a", whole, part), []))
    assert (left_out.value, left_out.note) == (None, "1 of 2 jobs did not run")


def test_earlier_values_are_those_of_other_runs_of_the_same_event():
    built = JobRecord("build-x86_64-linux", Verdict.PASS, "built", run_s=30.0, artifact_bytes=5)
    present = JobRecord("build-x86_64-linux", Verdict.PASS, "present", artifact_bytes=6)
    history = [run("a", built), run("b", present), run("c", built, event="pull_request"), run("now", built)]
    measured = measured_from(run("now", built), history, machines=30, worst_ratio=1.5)
    assert of(BudgetTarget.BINARY, measured)[0].earlier == (30.0,)
    assert of(BudgetTarget.ARTIFACT, measured)[0].earlier == (5, 6)
    assert of(BudgetTarget.PIPELINE, measured)[0].earlier == (100.0, 100.0)
    assert of(BudgetTarget.PARALLEL_JOBS, measured)[0].value == 30
    assert of(BudgetTarget.REGRESSION, measured)[0].value == 1.5
