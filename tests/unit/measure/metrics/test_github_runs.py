from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any

import pytest

from nanna_ci.forge.github_api import Page
from nanna_ci.foundation.errors import MalformedData, UsageError
from nanna_ci.foundation.verdict import Verdict
from nanna_ci.measure.history.records import JobRecord, StepTime
from nanna_ci.measure.metrics.github_runs import parse_repository, parse_runs, parse_workflow, record_of_run, runs_url
from support.stand_in_github_api import job_body, run_body


def page(*runs: Mapping[str, Any]) -> Page:
    return Page({"workflow_runs": list(runs)}, "runs", None, None)


def job(**changed: Any) -> JobRecord:
    (head,) = parse_runs(page(run_body(1)))
    (record,) = record_of_run(head, [job_body("unit") | changed], "jobs").jobs
    return record


def test_a_run_is_named_by_its_number_and_its_last_attempt():
    (head,) = parse_runs(page(run_body(5, run_attempt=2)))
    assert (head.id, head.attempt, head.origin.run) == (5, 2, "github-5-2")
    assert head.origin.started == datetime.datetime(2026, 11, 28, 10, 5, tzinfo=datetime.UTC)
    assert head.origin.url == "https://github.com/nanna/coder/actions/runs/5/attempts/2"
    assert (head.origin.commit, head.origin.branch, head.origin.event) == (f"{5:040x}", "main", "push")


def test_a_run_that_still_runs_is_left_for_the_next_time():
    assert list(parse_runs(page(run_body(1, status="in_progress", conclusion=None)))) == []


def test_a_job_has_its_wait_its_time_and_that_of_its_steps():
    record = job()
    assert (record.queue_s, record.run_s, record.begin_s) == (10.0, 30.0, 75.0 - 60.0)
    assert record.steps == (StepTime("Set up Nix", 4.0), StepTime("Run the job", 24.0))
    assert (record.runner, record.state, record.verdict) == ("ubuntu-24.04", "ran", Verdict.PASS)


@pytest.mark.parametrize(
    ("conclusion", "verdict"),
    [
        ("success", Verdict.PASS),
        ("failure", Verdict.FAIL),
        ("timed_out", Verdict.FAIL),
        ("startup_failure", Verdict.ERROR),
        ("cancelled", Verdict.UNAVAILABLE),
        ("skipped", Verdict.UNAVAILABLE),
        ("neutral", Verdict.UNAVAILABLE),
        (None, Verdict.UNAVAILABLE),
        ("a new one", Verdict.ERROR),
    ],
)
def test_only_success_is_a_pass(conclusion: str | None, verdict: Verdict):
    assert job(conclusion=conclusion).verdict is verdict
    (head,) = parse_runs(page(run_body(1, conclusion=conclusion)))
    assert head.verdict is verdict


@pytest.mark.parametrize(
    "changed",
    [
        {"conclusion": "cancelled"},
        {"conclusion": "skipped"},
        {"started_at": None},
        {"completed_at": None},
        {"completed_at": "0001-01-01T00:00:00Z"},
    ],
)
def test_a_job_that_nobody_timed_has_no_times(changed: dict[str, Any]):
    record = job(**changed)
    assert (record.queue_s, record.run_s, record.begin_s, record.state) == (None, None, None, None)


def test_a_job_that_an_earlier_attempt_passed_was_there_before():
    record = job(started_at="2026-11-28T09:00:00Z", completed_at="2026-11-28T09:05:00Z")
    assert (record.state, record.run_s, record.queue_s) == ("present", None, None)


def test_a_job_that_started_before_it_was_created_has_an_unknown_wait():
    assert job(created_at="2026-11-28T10:01:20Z").queue_s is None


def test_a_job_of_a_runner_without_labels_has_no_runner():
    assert job(labels=[]).runner is None


def test_a_run_lasts_from_its_start_to_the_end_of_its_last_job():
    (head,) = parse_runs(page(run_body(1)))
    jobs = [job_body("a"), job_body("b", "2026-11-28T10:09"), job_body("c", conclusion="skipped")]
    assert record_of_run(head, jobs, "jobs").wall_s == 8 * 60 + 45
    assert record_of_run(head, [], "jobs").wall_s is None


def test_jobs_of_one_name_are_told_apart():
    (head,) = parse_runs(page(run_body(1)))
    assert [one.id for one in record_of_run(head, [job_body("a")] * 3, "jobs").jobs] == ["a", "a (2)", "a (3)"]


def test_times_may_have_fractions_and_another_zone():
    assert job(started_at="2026-11-28T11:01:15.500+01:00").queue_s == 10.5


@pytest.mark.parametrize("key", ["id", "run_attempt", "event", "head_sha", "html_url", "run_started_at"])
def test_a_run_without_a_key_that_names_it_is_refused(key: str):
    body = run_body(1)
    del body[key]
    with pytest.raises(MalformedData, match=rf"runs, workflow_runs\[0\]: {key}"):
        list(parse_runs(page(body)))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("name", None),
        ("started_at", "yesterday"),
        ("started_at", "2026-11-28T10:01:15"),
        ("started_at", 5),
        ("labels", "ubuntu"),
        ("steps", {}),
        ("steps", [1]),
        ("conclusion", 1),
    ],
)
def test_a_job_with_a_value_of_another_kind_is_refused(key: str, value: object):
    with pytest.raises(MalformedData, match=r"jobs, jobs\[0\]"):
        job(**{key: value})


@pytest.mark.parametrize("text", ["", "a", "a/b/c", "a/..", "../a", "a /b", "-a/b", "a/b?c", "https://github.com/a/b"])
def test_only_owner_and_repository_are_one(text: str):
    with pytest.raises(UsageError, match="is not a repository"):
        parse_repository(text)
    assert parse_repository("DominicBurkart/nanna-coder") == "DominicBurkart/nanna-coder"


@pytest.mark.parametrize("text", ["", "ci", "../ci.yml", ".yml", "a/b.yml", "ci.yml?x"])
def test_a_workflow_is_named_by_its_file(text: str):
    with pytest.raises(UsageError, match="workflow's file"):
        parse_workflow(text)
    assert parse_workflow("build.yaml") == "build.yaml"


def test_a_list_asks_for_no_more_than_it_needs():
    assert runs_url("https://a", "o/r", "ci.yml", 7).endswith(
        "/o/r/actions/workflows/ci.yml/runs?status=completed&per_page=7"
    )
    assert runs_url("https://a", "o/r", "ci.yml", 700).endswith("per_page=100")


@pytest.mark.parametrize("changed", [{"head_sha": "main"}, {"html_url": "javascript:alert(1)"}, {"event": ""}])
def test_what_no_history_could_hold_is_refused_before_it_is_written(changed: dict[str, Any]):
    with pytest.raises(MalformedData, match="jobs"):
        record_of_run(next(parse_runs(page(run_body(1, **changed)))), [], "jobs")
