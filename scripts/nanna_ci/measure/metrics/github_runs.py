"""Runs of a workflow on GitHub as records of a history: one of each run's last attempt.

Times come from GitHub's own stamps: a job is created when what it needs is done, so that its queue is the wait for a
runner. A job that was cancelled or skipped has no times: they would say how long nothing was done.
"""

from __future__ import annotations

import datetime
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from nanna_ci.forge.github_api import PER_PAGE, GithubApi, Page
from nanna_ci.foundation.errors import MalformedData, UsageError, shorten
from nanna_ci.foundation.json_data import (
    JsonObject,
    JsonValue,
    as_count,
    as_list,
    as_object,
    as_text,
    as_texts,
    describe,
)
from nanna_ci.foundation.verdict import Verdict
from nanna_ci.measure.history.record_lines import parse_record, render_record
from nanna_ci.measure.history.records import JobRecord, RunIdentity, RunRecord, Series, StepTime
from nanna_ci.pipeline.results import JobState
from nanna_ci.report.github import TOKEN_VARIABLE

ACTIONS_HINTS: Final = {
    403: f"may the token in {TOKEN_VARIABLE} read this repository's Actions?",
    404: f"check both names; for a private repository {TOKEN_VARIABLE} must be allowed to read Actions",
}
_REPOSITORY: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,38})/(?!\.\.?$)[A-Za-z0-9._-]{1,100}")
_WORKFLOW: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,120}\.ya?ml")
_VERDICTS: Final = {
    "success": Verdict.PASS,
    "failure": Verdict.FAIL,
    "timed_out": Verdict.FAIL,
    "startup_failure": Verdict.ERROR,
    **dict.fromkeys(("cancelled", "skipped", "neutral", "action_required", "stale"), Verdict.UNAVAILABLE),
}


@dataclass(frozen=True, slots=True)
class GithubRunHead:
    """A finished run as a list has it, without its jobs; `attempt` is the last one."""

    id: int
    attempt: int
    origin: RunIdentity
    verdict: Verdict


def parse_repository(text: str) -> str:
    """OWNER/REPO. Raises UsageError for anything that is not one."""
    if _REPOSITORY.fullmatch(text) is None:
        raise UsageError(f"--github {shorten(text)} is not a repository", hint="such as --github nanna-coder/nanna")
    return text


def parse_workflow(text: str) -> str:
    """The name of a workflow's file. Raises UsageError for anything that is not one."""
    if _WORKFLOW.fullmatch(text) is None:
        raise UsageError(f"--workflow {shorten(text)} is not the name of a workflow's file", hint="such as ci.yml")
    return text


def runs_url(api_url: str, repository: str, workflow: str, limit: int) -> str:
    """The list of a workflow's finished runs, newest first."""
    query = f"status=completed&per_page={min(limit, PER_PAGE)}"
    return f"{api_url}/repos/{repository}/actions/workflows/{quote(workflow)}/runs?{query}"


def parse_runs(page: Page) -> Iterator[GithubRunHead]:
    """The finished runs of a page; those that still run are left for the next time."""
    for number, item in enumerate(as_list(page.body.get("workflow_runs"), page.source, "workflow_runs")):
        where = f"{page.source}, workflow_runs[{number}]"
        run = as_object(item, where, "it")
        if run.get("status") != "completed":
            continue
        identity, attempt = as_count(run.get("id"), where, "id"), as_count(run.get("run_attempt"), where, "run_attempt")
        started = _time(run, "run_started_at", where)
        if started is None:
            raise MalformedData(where, "run_started_at is missing")
        branch = run.get("head_branch")
        origin = RunIdentity(
            f"github-{identity}-{attempt}",
            as_text(run.get("event"), where, "event"),
            started,
            commit=as_text(run.get("head_sha"), where, "head_sha"),
            branch=as_text(branch, where, "head_branch") if branch else None,
            url=f"{as_text(run.get('html_url'), where, 'html_url')}/attempts/{attempt}",
        )
        yield GithubRunHead(identity, attempt, origin, _verdict(run, where))


def query_run(api: GithubApi, api_url: str, repository: str, head: GithubRunHead) -> RunRecord:
    """A run with its jobs. Raises MalformedData if GitHub lists fewer jobs than it counts, and as every request."""
    url = f"{api_url}/repos/{repository}/actions/runs/{head.id}/attempts/{head.attempt}/jobs?per_page={PER_PAGE}"
    jobs: list[JsonObject] = []
    count, source = 0, url
    for page in api.pages(url, hints=ACTIONS_HINTS):
        source = page.source
        count = as_count(page.body.get("total_count"), source, "total_count")
        found = as_list(page.body.get("jobs"), source, "jobs")
        jobs += [as_object(job, source, f"jobs[{number}]") for number, job in enumerate(found)]
    if len(jobs) != count:
        raise MalformedData(source, f"{len(jobs)} jobs listed of {count}", hint="run this again: the list may be late")
    return record_of_run(head, jobs, source)


def record_of_run(head: GithubRunHead, jobs: Iterable[JsonObject], source: str) -> RunRecord:
    """The record of a run and its jobs as GitHub lists them. Raises MalformedData for what no history could hold."""
    records = []
    names: Counter[str] = Counter()
    for number, job in enumerate(jobs):
        where = f"{source}, jobs[{number}]"
        name = as_text(job.get("name"), where, "name")
        names[name] += 1  # two jobs of a matrix may have one name
        records.append(_job(job, name if names[name] == 1 else f"{name} ({names[name]})", head.origin.started, where))
    ends = [job.begin_s + job.run_s for job in records if job.begin_s is not None and job.run_s is not None]
    record = RunRecord(head.origin, head.verdict, tuple(records), wall_s=max(ends, default=None))
    parse_record(Series.RUNS, render_record(record), source)
    return record


def _job(job: JsonObject, name: str, run_started: datetime.datetime, where: str) -> JobRecord:
    verdict = _verdict(job, where)
    labels = ", ".join(as_texts(_list(job, "labels"), where, "labels")) or None
    created, started, ended = (_time(job, key, where) for key in ("created_at", "started_at", "completed_at"))
    plain = JobRecord(name, verdict, runner=labels)
    if verdict is Verdict.UNAVAILABLE or started is None or ended is None or ended < started:
        return plain
    if started < run_started:  # a re-run of what failed lists what passed before it too
        return JobRecord(name, verdict, JobState.PRESENT.value, labels)
    return JobRecord(
        name,
        verdict,
        JobState.RAN.value,
        labels,
        queue_s=_seconds(created, started),
        run_s=_seconds(started, ended),
        steps=tuple(_steps(job, where)),
        begin_s=_seconds(run_started, started),
    )


def _steps(job: JsonObject, where: str) -> Iterator[StepTime]:
    for number, item in enumerate(as_list(_list(job, "steps"), where, "steps")):
        step = as_object(item, where, f"steps[{number}]")
        seconds = _seconds(*(_time(step, key, where) for key in ("started_at", "completed_at")))
        if seconds is not None and step.get("conclusion") != "skipped":
            yield StepTime(as_text(step.get("name"), where, f"steps[{number}].name"), seconds)


def _list(body: JsonObject, key: str) -> JsonValue:
    """The value, or an empty list: a job that never began has none."""
    value = body.get(key)
    return [] if value is None else value


def _verdict(body: JsonObject, where: str) -> Verdict:
    """A conclusion of a kind that GitHub added since is an error: it is no pass, and no failure of the workspace."""
    conclusion = body.get("conclusion")
    if conclusion is None:
        return Verdict.UNAVAILABLE
    return _VERDICTS.get(as_text(conclusion, where, "conclusion"), Verdict.ERROR)


def _time(body: JsonObject, key: str, where: str) -> datetime.datetime | None:
    value = body.get(key)
    if value is None:
        return None
    try:
        moment = datetime.datetime.fromisoformat(as_text(value, where, key))
        if moment.tzinfo is not None:
            return moment.astimezone(datetime.UTC)
    except (ValueError, OverflowError):
        pass
    raise MalformedData(where, f"{key} is {describe(value)}, not a time such as 2026-11-28T20:41:00Z")


def _seconds(begin: datetime.datetime | None, end: datetime.datetime | None) -> float | None:
    """None too for an end before its begin: clocks of several machines made the stamps."""
    if begin is None or end is None or end < begin:
        return None
    return (end - begin).total_seconds()
