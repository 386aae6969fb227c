"""`post-summary`: the comment and the alerts of a run, on GitHub."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from typing import Final

from nanna_ci.forge.github_api import GithubApi, check_api_url
from nanna_ci.forge.run_artifacts import RunArtifacts
from nanna_ci.foundation.context import Context
from nanna_ci.foundation.errors import UsageError, shorten
from nanna_ci.foundation.guarded_read import MEBIBYTE
from nanna_ci.foundation.verdict import Verdict
from nanna_ci.foundation.web import Token, WebClient
from nanna_ci.measure.metrics.github_runs import parse_repository
from nanna_ci.pipeline.job_plan import Event
from nanna_ci.report.blocks import Cell, Document, Table
from nanna_ci.report.github import TOKEN_VARIABLE, api_of
from nanna_ci.report.outcome import Outcome
from nanna_ci.summary.alerts import FAILED, Alert, alert_marker
from nanna_ci.summary.finished_run import FinishedRun
from nanna_ci.summary.github_posts import GithubPosts, Post
from nanna_ci.summary.handed_texts import HandedTexts, read_alerts, read_comment

ARTIFACT: Final = "ci-summary"
ARTIFACT_LIMIT_BYTES: Final = 5 * MEBIBYTE
_PASSED: Final = "success"


def execute(arguments: argparse.Namespace, context: Context) -> Outcome:
    """The verdict is pass: what is posted is no judgement, and what cannot be is an error."""
    ports = context.ports
    repository = parse_repository(arguments.repository)
    run_id = _number(arguments.run, "--run")
    pull_request = None if arguments.pull_request is None else _number(arguments.pull_request, "--pull-request")
    folder = None if arguments.folder is None else ports.cwd / arguments.folder
    if folder is not None and not folder.is_dir():
        raise UsageError(f"--from {shorten(arguments.folder)} is not a folder")
    api_url, value = api_of(ports.environ)
    direct = check_api_url(api_url)
    if value is None:
        raise UsageError(f"{TOKEN_VARIABLE} is not set: nothing can be posted", hint="env: of the step")
    token = Token(TOKEN_VARIABLE, value)

    def handed(run: FinishedRun) -> HandedTexts:
        return _downloaded(run, repository, token, context) if folder is None else HandedTexts.of_folder(folder)

    with WebClient(direct=direct, log=context.say) as client:
        api = GithubApi(client, token, now=ports.now, sleep=time.sleep, log=context.say)
        posts = GithubPosts(api, api_url, repository, dry_run=context.dry_run)
        run = posts.query_run(run_id)
        if run.event == "pull_request":
            done = [_comment(posts, run, pull_request, handed, context)]
        else:
            done = list(_alerts(posts, run, handed, context))
    rows = tuple((Cell(post.kind), Cell(post.what), Cell(_shown(post.number)), Cell(post.says)) for post in done)
    document = Document(f"Posts of run {run.id}", (Table(("Kind", "Of", "Number", "Done"), rows),))
    data = {
        "run": run.id,
        "dryRun": context.dry_run,
        "posts": [{"kind": one.kind, "of": one.what, "number": one.number, "says": one.says} for one in done],
    }
    return Outcome(Verdict.PASS, document, data)


def _downloaded(run: FinishedRun, repository: str, token: Token, context: Context) -> HandedTexts:
    """The texts in the run's artifact. A run without one, such as one that was cancelled early, left none."""
    ports, (api_url, _) = context.ports, api_of(context.ports.environ)
    direct = check_api_url(api_url)
    with WebClient(direct=direct, log=context.say, body_limit_bytes=ARTIFACT_LIMIT_BYTES) as client:
        api = GithubApi(client, token, now=ports.now, sleep=time.sleep, log=context.say)
        artifacts = RunArtifacts(api, client, api_url, repository)
        artifact = artifacts.newest(run.id, ARTIFACT)
        is_there = artifact is not None and not artifact.is_expired
        data = artifacts.download(artifact, ARTIFACT_LIMIT_BYTES) if artifact is not None and is_there else None
    source = f"artifact {ARTIFACT} of run {run.id}"
    if data is None:
        context.say(f"{source}: {'there is none' if artifact is None else 'it is expired or deleted'}")
        return HandedTexts.nothing(source)
    return HandedTexts.of_zip(data, source)


def _comment(
    posts: GithubPosts,
    run: FinishedRun,
    number: int | None,
    handed: Callable[[FinishedRun], HandedTexts],
    context: Context,
) -> Post:
    found, why = posts.find_pull_request(run, number)
    if found is None:
        return Post("comment", f"run {run.id}", None, f"none: {why}")
    text = read_comment(handed(run))
    if text is None:
        return Post("comment", f"run {run.id}", None, "none: the run left no text")
    return posts.post_comment(found, context.redactor.redact_value(text), posts.query_author(), run)


def _alerts(
    posts: GithubPosts, run: FinishedRun, handed: Callable[[FinishedRun], HandedTexts], context: Context
) -> Iterator[Post]:
    """By what GitHub says became of the run: an artifact neither hides a failure nor makes one up."""
    event = _alerting_event(posts, run)
    why = "alerts are for pushes to the default branch, and for tags" if event is None else _why_no_alerts(posts, run)
    if why is not None:
        yield Post("issue", f"run {run.id}", None, f"none: {why}")
        return
    failed = f"{FAILED}{event}"
    given = read_alerts(handed(run))
    alerts = [one for one in given or () if not one.key.startswith(FAILED) or one.key == failed]
    if run.conclusion == _PASSED:
        alerts = [alert for alert in alerts if alert.key != failed]
    elif failed not in {alert.key for alert in alerts}:
        what = "without a summary" if given is None else "though `ci-summary` raised no alert: see the jobs after it"
        body = f"{alert_marker(failed)}\n[The run]({run.url}) ended as {run.conclusion}, {what}."
        alerts.append(Alert(failed, f"CI fails on {event}", body, ("ci", "ci-failed")))

    def is_over(key: str) -> bool:
        measured = given is not None and event is Event.PUSH and key.startswith("benchmark-")
        return run.conclusion == _PASSED and (key == failed or measured)

    yield from posts.post_alerts(context.redactor.redact_value(alerts), posts.query_author(), is_over, run)


def _alerting_event(posts: GithubPosts, run: FinishedRun) -> Event | None:
    """What a failure of the run is a failure of; None if it is nobody's but the author's."""
    is_ours = run.repository is not None and run.repository.lower() == posts.repository.lower()
    if run.event != "push" or not is_ours or run.branch is None:
        return None
    if run.branch == posts.query_default_branch():
        return Event.PUSH
    return Event.RELEASE if posts.is_tag(run) else None


def _why_no_alerts(posts: GithubPosts, run: FinishedRun) -> str | None:
    if run.conclusion is None:
        return "the run has not ended"
    newer = posts.query_newer(run)
    return None if newer is None else f"run number {newer} of {shorten(run.branch or '')} is newer, and has ended"


def _number(text: str, flag: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 18 or int(text) == 0:
        raise UsageError(f"{flag} {shorten(text)} is not a number of GitHub's", hint=f"such as {flag} 1234")
    return int(text)


def _shown(number: int | None) -> str:
    return "" if number is None else str(number)
