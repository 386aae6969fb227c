"""Comments and issues on GitHub: finds our own, creates, renews and closes them; nobody else's is touched."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

from nanna_ci.forge.github_api import PER_PAGE, GithubApi
from nanna_ci.foundation.errors import RequestRefused
from nanna_ci.foundation.json_data import JsonObject, as_count, as_list, as_object, as_text
from nanna_ci.summary.alerts import Alert, alert_marker
from nanna_ci.summary.finished_run import FinishedRun, signed
from nanna_ci.summary.handed_texts import key_of_issue
from nanna_ci.summary.pull_request_comment import PostedComment, find_own_comment

WORKFLOW_USER: Final = "github-actions[bot]"
"""Whose a workflow's own token is: such a token may not ask for its user."""
_NEWER: Final = "left alone: it is of a newer run"
_NEWEST_RUNS: Final = 10
_CREATED: Final = frozenset({201})
_HINTS: Final = {
    403: "the job needs `pull-requests: write` for comments, `issues: write` for issues",
    410: "issues are switched off: Settings > General > Features",
    422: "GitHub takes no such text, or the pull request is locked",
}
_READ_HINTS: Final = {403: "the job needs `contents: read` to tell a tag from a branch"}


@dataclass(frozen=True, slots=True)
class Post:
    """What was done with a comment or an issue (or would be); `number` None: it is not made yet."""

    kind: str
    what: str
    number: int | None
    says: str


class GithubPosts:
    """The comments and issues of one repository, OWNER/REPO. `dry_run`: only GET is sent."""

    def __init__(self, api: GithubApi, api_url: str, repository: str, *, dry_run: bool) -> None:
        self._api = api
        self._api_url = api_url
        self._url = f"{api_url}/repos/{repository}"
        self.repository = repository
        self._dry_run = dry_run

    def query_run(self, number: int) -> FinishedRun:
        """The run of that id."""
        body, source = self._get(f"actions/runs/{number}")
        head = body.get("head_repository")
        branch = body.get("head_branch")
        conclusion = body.get("conclusion")
        return FinishedRun(
            as_count(body.get("id"), source, "id"),
            as_count(body.get("workflow_id"), source, "workflow_id"),
            as_count(body.get("run_number"), source, "run_number"),
            as_count(body.get("run_attempt"), source, "run_attempt"),
            as_text(body.get("head_sha"), source, "head_sha"),
            as_text(body.get("event"), source, "event"),
            None if branch is None else as_text(branch, source, "head_branch"),
            None
            if head is None
            else as_text(as_object(head, source, "head_repository").get("full_name"), source, "it"),
            None if conclusion is None else as_text(conclusion, source, "conclusion"),
            as_text(body.get("html_url"), source, "html_url"),
        )

    def query_default_branch(self) -> str:
        """The branch whose failures are everybody's."""
        body, source = self._get("")
        return as_text(body.get("default_branch"), source, "default_branch")

    def query_newer(self, run: FinishedRun) -> int | None:
        """The number of a newer run of the same workflow, branch and event that has ended; None if there is none."""
        branch, event = quote(run.branch or "", safe=""), quote(run.event, safe="")
        query = f"branch={branch}&event={event}&status=completed&per_page={_NEWEST_RUNS}"
        body, source = self._get(f"actions/workflows/{run.workflow}/runs?{query}")
        runs = [as_object(one, source, "a run") for one in as_list(body.get("workflow_runs"), source, "workflow_runs")]
        newest = max((as_count(one.get("run_number"), source, "run_number") for one in runs), default=0)
        return newest if newest > run.number else None

    def is_tag(self, run: FinishedRun) -> bool:
        """Whether the run is of a tag: GitHub names a tag where it names a branch of other runs."""
        url = f"{self._url}/commits/tags/{quote(run.branch or '', safe='')}"
        answer = self._api.send("GET", url, accept=frozenset({200, 404, 422}), hints=_READ_HINTS)
        return answer.status == 200 and answer.json_object().get("sha") == run.commit

    def query_author(self) -> str:
        """The login that the token posts as."""
        try:
            response = self._api.send("GET", f"{self._api_url}/user")
        except RequestRefused as error:
            if error.status != 403:
                raise
            return WORKFLOW_USER
        return as_text(response.json_object().get("login"), response.url, "login")

    def find_pull_request(self, run: FinishedRun, number: int | None) -> tuple[int | None, str]:
        """The open pull request whose head is the run's commit, or None and why there is none."""
        if number is None:
            if run.repository is None or run.branch is None:
                return None, "the run's fork or branch is gone"
            head = quote(f"{run.repository.partition('/')[0]}:{run.branch}", safe=":")
            found = [
                as_object(one, self._url, "it") for one in self._api.listed(f"{self._url}/pulls?state=open&head={head}")
            ]
        else:
            found = [self._get(f"pulls/{number}")[0]]
        for pull in found:
            side = as_object(pull.get("head"), self._url, "head")
            repository = side.get("repo")
            name = None if repository is None else as_object(repository, self._url, "repo").get("full_name")
            if side.get("sha") == run.commit and name == run.repository and pull.get("state") == "open":
                return as_count(pull.get("number"), self._url, "number"), ""
        return None, "no open pull request has the run's commit as its head: it moved on, or is another's"

    def post_comment(self, number: int, text: str, author: str, run: FinishedRun) -> Post:
        """Renew our comment, or make it. One that was deleted meanwhile is made anew; a newer run's is left alone."""
        what, text = f"pull request {number}", signed(text, run)
        own = find_own_comment(list(self._comments(number)), author)
        if own is not None and run.is_before(own.body):
            return Post("comment", what, own.id, _NEWER)
        if own is not None and own.body == text:
            return Post("comment", what, own.id, "unchanged")
        if own is not None:
            if self._dry_run or self._edit(f"issues/comments/{own.id}", {"body": text}):
                return Post("comment", what, own.id, "updated")
        elif self._dry_run:
            return Post("comment", what, None, "created")
        made = self._create(f"issues/{number}/comments", {"body": text})
        comment = _comment(made)
        oldest = find_own_comment(list(self._comments(number)), comment.author)
        if oldest is not None and oldest.id < comment.id:  # another run of this made one at the same time
            self._api.send("DELETE", f"{self._url}/issues/comments/{comment.id}", accept=frozenset({204, 404}))
            if run.is_before(oldest.body):
                return Post("comment", what, oldest.id, _NEWER)
            self._edit(f"issues/comments/{oldest.id}", {"body": text})
            return Post("comment", what, oldest.id, "updated")
        return Post("comment", what, comment.id, "created")

    def post_alerts(
        self, alerts: Sequence[Alert], author: str, is_over: Callable[[str], bool], run: FinishedRun
    ) -> Iterator[Post]:
        """Open or renew the issue of each alert, and close those whose trouble `is_over`, by key.

        What a newer run has posted is left alone.
        """
        issues = self._issues(author)
        for alert in alerts:
            found = [one for one in issues if key_of_issue(one.body) == alert.key]
            yield self._post_alert(alert, found, run)
            yield from (self._close(one.id, alert.key, "a duplicate") for one in found[1:])
        named = {alert.key for alert in alerts}
        for one in issues:
            key = key_of_issue(one.body)
            if key is not None and key not in named and is_over(key):
                is_newer = run.is_before(one.body)
                yield Post("issue", key, one.id, _NEWER) if is_newer else self._close(one.id, key, "over")

    def _post_alert(self, alert: Alert, found: Sequence[PostedComment], run: FinishedRun) -> Post:
        sent = {"title": alert.title, "body": signed(alert.body, run)}
        if found and run.is_before(found[0].body):
            return Post("issue", alert.key, found[0].id, _NEWER)
        if found and found[0].body == sent["body"]:
            return Post("issue", alert.key, found[0].id, "unchanged")
        if found:
            if self._dry_run or self._edit(f"issues/{found[0].id}", sent):
                return Post("issue", alert.key, found[0].id, "updated")
        elif self._dry_run:
            return Post("issue", alert.key, None, "opened")
        made = _issue(self._create("issues", {**sent, "labels": list(alert.labels)}))
        same = [one for one in self._issues(made.author) if one.body.startswith(alert_marker(alert.key) + "\n")]
        if same and same[0].id < made.id:  # another run of this opened one at the same time
            self._close(made.id, alert.key, "a duplicate")
            if run.is_before(same[0].body):
                return Post("issue", alert.key, same[0].id, _NEWER)
            self._edit(f"issues/{same[0].id}", sent)
            return Post("issue", alert.key, same[0].id, "updated")
        return Post("issue", alert.key, made.id, "opened")

    def _close(self, number: int, key: str, why: str) -> Post:
        if not self._dry_run:
            self._edit(f"issues/{number}", {"state": "closed", "state_reason": "completed"})
        return Post("issue", key, number, f"closed: {why}")

    def _comments(self, number: int) -> Iterator[PostedComment]:
        for item in self._api.listed(f"{self._url}/issues/{number}/comments?per_page={PER_PAGE}", hints=_HINTS):
            yield _comment(as_object(item, self._url, "a comment"))

    def _issues(self, author: str) -> list[PostedComment]:
        """Open issues of the author that are alerts, the oldest first."""
        url = f"{self._url}/issues?state=open&labels=ci&creator={quote(author)}&per_page={PER_PAGE}"
        items = [as_object(item, self._url, "an issue") for item in self._api.listed(url, hints=_HINTS)]
        found = [_issue(item) for item in items if "pull_request" not in item]
        ours = [one for one in found if one.author == author and key_of_issue(one.body) is not None]
        return sorted(ours, key=lambda one: one.id)

    def _get(self, path: str) -> tuple[JsonObject, str]:
        response = self._api.send("GET", f"{self._url}/{path}".rstrip("/"), hints=_HINTS)
        return response.json_object(), response.url

    def _create(self, path: str, body: Mapping[str, Any]) -> JsonObject:
        content = json.dumps(body).encode()
        response = self._api.send("POST", f"{self._url}/{path}", content=content, accept=_CREATED, hints=_HINTS)
        return response.json_object()

    def _edit(self, path: str, body: Mapping[str, Any]) -> bool:
        """Whether it was still there."""
        content = json.dumps(body).encode()
        accept = frozenset({200, 404, 410})
        return (
            self._api.send("PATCH", f"{self._url}/{path}", content=content, accept=accept, hints=_HINTS).status == 200
        )


def _comment(item: JsonObject) -> PostedComment:
    return _posted(item, "id")


def _issue(item: JsonObject) -> PostedComment:
    return _posted(item, "number")


def _posted(item: JsonObject, key: str) -> PostedComment:
    user, source = item.get("user"), "what was posted"
    author = "" if user is None else as_text(as_object(user, source, "user").get("login"), source, "login")
    text = item.get("body")
    return PostedComment(
        as_count(item.get(key), source, key), author, "" if text is None else as_text(text, source, "body")
    )
