"""The pull request of an update in GitHub's REST API: found, opened, or renewed; never more than one."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from nanna_ci.forge.github_api import PER_PAGE, GithubApi
from nanna_ci.foundation.errors import RequestRefused
from nanna_ci.foundation.json_data import JsonObject, as_count, as_object, as_text
from nanna_ci.updates.update_branch import BRANCH, ProposedCommit

_HINTS: Final = {
    403: "the token needs `pull-requests: write`, and a workflow's own token that Settings > Actions > General "
    "lets it create pull requests",
    404: "check the repository's name, and that the token may read it",
}


@dataclass(frozen=True, slots=True)
class PullRequest:
    """A pull request, and what was done with it; None: it is not opened yet."""

    number: int | None
    page: str | None
    says: str


@dataclass(frozen=True, slots=True)
class PullRequestText:
    """`body` ends with `marker`, which names the content: a body that has it is left as it is, whoever edited it."""

    title: str
    body: str
    marker: str


class UpdatePullRequests:
    """The pull requests of one repository from our branch. Each method raises as `GithubApi.send` does."""

    def __init__(self, api: GithubApi, api_url: str, repository: str) -> None:
        self._api = api
        self._url = f"{api_url}/repos/{repository}"
        self._repository = repository

    def query_default_branch(self) -> str:
        """The branch that the update is for."""
        answer = self._api.send("GET", self._url, hints=_HINTS)
        return as_text(answer.json_object().get("default_branch"), answer.url, "default_branch")

    def propose(self, text: PullRequestText, base: str, proposed: ProposedCommit, *, dry_run: bool) -> PullRequest:
        """One open pull request with this text. One that somebody closed over the very same commit stays closed."""
        found = self._find(base)
        is_open = [one for one in found if one.get("state") == "open"]
        if is_open:
            return self._renew(is_open[0], text, dry_run=dry_run)
        for one in found:
            head = as_object(one.get("head"), self._url, "head")
            if head.get("sha") == proposed.commit and one.get("merged_at") is None:
                return _pull_request(one, "closed by somebody: it stays so")
        if dry_run:
            return PullRequest(None, None, "would be opened")
        content = {"title": text.title, "body": text.body, "head": BRANCH, "base": base}
        try:
            return _pull_request(self._send("POST", "pulls", content, 201), "opened")
        except RequestRefused as error:
            if error.status != 422 or "already exists" not in error.explanation:
                raise
            return self._renew(next(one for one in self._find(base) if one.get("state") == "open"), text, dry_run=False)

    def _renew(self, one: JsonObject, text: PullRequestText, *, dry_run: bool) -> PullRequest:
        body = one.get("body")
        if isinstance(body, str) and text.marker in body:
            return _pull_request(one, "unchanged")
        if dry_run:
            return _pull_request(one, "would be updated")
        number = as_count(one.get("number"), self._url, "number")
        return _pull_request(
            self._send("PATCH", f"pulls/{number}", {"title": text.title, "body": text.body}, 200), "updated"
        )

    def _find(self, base: str) -> Sequence[JsonObject]:
        """Those of our branch, the newest first; GitHub looks only at the owner of a fork, not at its name."""
        head = quote(f"{self._repository.partition('/')[0]}:{BRANCH}", safe=":")
        url = f"{self._url}/pulls?state=all&head={head}&base={quote(base, safe='')}&per_page={PER_PAGE}"
        answer = self._api.send("GET", url, hints=_HINTS)
        found = []
        for item in answer.json_array():
            one = as_object(item, answer.url, "a pull request")
            side = as_object(one.get("head"), answer.url, "head")
            place = side.get("repo")
            name = place.get("full_name") if isinstance(place, Mapping) else None
            if side.get("ref") == BRANCH and isinstance(name, str) and name.lower() == self._repository.lower():
                found.append(one)
        return found

    def _send(self, method: str, path: str, content: Mapping[str, str], status: int) -> JsonObject:
        data = json.dumps(content).encode()
        url = f"{self._url}/{path}"
        return self._api.send(method, url, content=data, accept=frozenset({status}), hints=_HINTS).json_object()


def _pull_request(one: JsonObject, says: str) -> PullRequest:
    source = "a pull request"
    return PullRequest(
        as_count(one.get("number"), source, "number"), as_text(one.get("html_url"), source, "html_url"), says
    )
