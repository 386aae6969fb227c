"""`post-summary`: the comment and the alerts of a run, on GitHub."""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from pathlib import Path

from nanna_ci.forge.github_api import GithubApi, check_api_url
from nanna_ci.foundation.context import Context
from nanna_ci.foundation.errors import UsageError, shorten
from nanna_ci.foundation.verdict import Verdict
from nanna_ci.foundation.web import Token, WebClient
from nanna_ci.measure.metrics.github_runs import parse_repository
from nanna_ci.report.blocks import Cell, Document, Table
from nanna_ci.report.github import TOKEN_VARIABLE, api_of
from nanna_ci.report.outcome import Outcome
from nanna_ci.summary.alerts import Alert, alert_marker
from nanna_ci.summary.github_posts import FinishedRun, GithubPosts, Post
from nanna_ci.summary.handed_texts import read_alerts, read_comment

_PASSED = "success"


def execute(arguments: argparse.Namespace, context: Context) -> Outcome:
    """The verdict is pass: what is posted is no judgement, and what cannot be is an error."""
    ports = context.ports
    repository = parse_repository(arguments.repository)
    run_id = _number(arguments.run, "--run")
    pull_request = None if arguments.pull_request is None else _number(arguments.pull_request, "--pull-request")
    folder = ports.cwd / arguments.folder
    if not folder.is_dir():
        raise UsageError(f"--from {shorten(arguments.folder)} is no folder")
    api_url, value = api_of(ports.environ)
    direct = check_api_url(api_url)
    if value is None:
        raise UsageError(f"{TOKEN_VARIABLE} is not set: nothing can be posted", hint="env: of the step")
    with WebClient(direct=direct, log=context.say) as client:
        api = GithubApi(client, Token(TOKEN_VARIABLE, value), now=ports.now, sleep=time.sleep, log=context.say)
        posts = GithubPosts(api, api_url, repository, dry_run=context.dry_run)
        run = posts.query_run(run_id)
        if run.event == "pull_request":
            done = [_comment(posts, run, pull_request, folder, context)]
        else:
            done = list(_alerts(posts, run, folder, context))
    rows = tuple((Cell(post.kind), Cell(post.what), Cell(_shown(post.number)), Cell(post.says)) for post in done)
    document = Document(f"Posts of run {run.id}", (Table(("Kind", "Of", "Number", "Done"), rows),))
    data = {
        "run": run.id,
        "dryRun": context.dry_run,
        "posts": [{"kind": one.kind, "of": one.what, "number": one.number, "says": one.says} for one in done],
    }
    return Outcome(Verdict.PASS, document, data)


def _comment(posts: GithubPosts, run: FinishedRun, number: int | None, folder: Path, context: Context) -> Post:
    text = read_comment(folder)
    if text is None:
        return Post("comment", f"run {run.id}", None, "none: the run left no text")
    found, why = posts.find_pull_request(run, number)
    if found is None:
        return Post("comment", f"run {run.id}", None, f"none: {why}")
    return posts.post_comment(found, context.redactor.redact_value(text), posts.query_author())


def _alerts(posts: GithubPosts, run: FinishedRun, folder: Path, context: Context) -> Iterator[Post]:
    """By what GitHub says became of the run: an artifact neither hides a failure nor makes one up."""
    is_ours = run.repository is not None and run.repository.lower() == posts.repository.lower()
    if run.event != "push" or not is_ours or run.branch != posts.query_default_branch():
        yield Post("issue", f"run {run.id}", None, "none: alerts are for pushes to the default branch")
        return
    if run.conclusion is None:
        yield Post("issue", f"run {run.id}", None, "none: the run has not ended")
        return
    failed = f"ci-failed-{run.event}"
    given = read_alerts(folder)
    alerts = [alert for alert in given or () if run.conclusion != _PASSED or alert.key != failed]
    if run.conclusion != _PASSED and failed not in {alert.key for alert in alerts}:
        body = f"{alert_marker(failed)}\n[The run]({run.url}) ended as {run.conclusion}, without a summary."
        alerts.append(Alert(failed, f"CI fails on {run.event}", body, ("ci", "ci-failed")))

    def is_over(key: str) -> bool:
        return run.conclusion == _PASSED and (key == failed or (given is not None and key.startswith("benchmark-")))

    yield from posts.post_alerts(context.redactor.redact_value(alerts), posts.query_author(), is_over)


def _number(text: str, flag: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 18 or int(text) == 0:
        raise UsageError(f"{flag} {shorten(text)} is no number of GitHub's", hint=f"such as {flag} 1234")
    return int(text)


def _shown(number: int | None) -> str:
    return "" if number is None else str(number)
