"""The releases of actions in GitHub's REST API: versions, the commit behind a tag, what an action runs on."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import quote

from nanna_ci.forge.github_api import PER_PAGE, GithubApi
from nanna_ci.foundation.errors import GateFailed, MalformedData, RequestRefused, shorten
from nanna_ci.foundation.json_data import JsonObject, as_object, as_text

_VERSION: Final = re.compile(r"v?([0-9]{1,9})(?:\.([0-9]{1,9}))?(?:\.([0-9]{1,9}))?")
_COMMIT: Final = re.compile(r"[0-9a-f]{40}")
_USING: Final = re.compile(r"^[ \t]+using:[ \t]*[\"']?([A-Za-z0-9]+)[\"']?[ \t]*(?:#.*)?\r?$", re.MULTILINE)
_RAW: Final = {"accept": "application/vnd.github.raw+json"}
_MOST_TAGS: Final = 5  # a tag of a tag of a tag


@dataclass(frozen=True, slots=True)
class ActionRelease:
    """A release that is neither a draft nor a pre-release; `version` is its tag."""

    version: str
    numbers: tuple[int, int, int]
    published: datetime.datetime


def parse_version(text: str) -> tuple[int, int, int] | None:
    """The numbers of `v1.2.3`, `1.2` or `v1`; None for what is no such version, as a tag of something else is."""
    found = _VERSION.fullmatch(text)
    return None if found is None else (int(found[1]), int(found[2] or 0), int(found[3] or 0))


@dataclass(frozen=True, slots=True)
class ActionReleases:
    """The releases of any repository. Each method raises as `GithubApi.send` does, and MalformedData."""

    api: GithubApi
    api_url: str
    _known: dict[str, tuple[ActionRelease, ...]] = field(default_factory=dict)

    def query_releases(self, repository: str) -> tuple[ActionRelease, ...]:
        """The hundred newest by GitHub's order, enough for whoever looks once a week; asked for once."""
        if repository not in self._known:
            url = f"{self.api_url}/repos/{repository}/releases?per_page={PER_PAGE}"
            answer = self.api.send("GET", url)
            found = (as_object(one, answer.url, "a release") for one in answer.json_array())
            self._known[repository] = tuple(_releases(found, answer.url))
        return self._known[repository]

    def query_commit(self, repository: str, version: str) -> str:
        """The commit that the tag leads to, through tags of tags. GateFailed if there is no such tag."""
        base = f"{self.api_url}/repos/{repository}/git"
        answer = self.api.send("GET", f"{base}/ref/tags/{quote(version, safe='')}", accept=frozenset({200, 404}))
        if answer.status == 404:
            raise GateFailed(f"{repository} has no tag {version} any more")
        for _ in range(_MOST_TAGS):
            target = as_object(answer.json_object().get("object"), answer.url, "object")
            kind, commit = (as_text(target.get(key), answer.url, f"object.{key}") for key in ("type", "sha"))
            if _COMMIT.fullmatch(commit) is None:
                raise MalformedData(answer.url, f"{shorten(commit)} is no commit")
            if kind == "commit":
                return commit
            if kind != "tag":
                break
            answer = self.api.send("GET", f"{base}/tags/{commit}")
        raise GateFailed(f"the tag {version} of {repository} leads to no commit")

    def query_committed(self, repository: str, commit: str) -> datetime.datetime:
        """When the commit was made, by its own word."""
        answer = self.api.send("GET", f"{self.api_url}/repos/{repository}/git/commits/{commit}")
        committer = as_object(answer.json_object().get("committer"), answer.url, "committer")
        return _time(committer.get("date"), answer.url, "committer.date")

    def query_runtime(self, action: str, commit: str) -> str:
        """What the action's action.yml at that commit says that it runs on. GateFailed if it says nothing."""
        owner, name, *folders = action.split("/")
        for file in ("action.yml", "action.yaml"):
            path = "/".join([*folders, file])
            url = f"{self.api_url}/repos/{owner}/{name}/contents/{quote(path)}?ref={commit}"
            try:
                answer = self.api.send("GET", url, headers=_RAW)
            except RequestRefused as error:
                if error.status != 404:
                    raise
                continue
            if found := _USING.search(answer.body.decode("utf-8", "replace")):
                return found[1]
        raise GateFailed(f"{action} at {commit[:12]} does not say what it runs on")


def _releases(found: Iterator[JsonObject], source: str) -> Iterator[ActionRelease]:
    for one in found:
        version = as_text(one.get("tag_name"), source, "tag_name")
        numbers = parse_version(version)
        published = one.get("published_at")
        if numbers is not None and published is not None and one.get("draft") is False and not one.get("prerelease"):
            yield ActionRelease(version, numbers, _time(published, source, "published_at"))


def _time(value: object, source: str, key: str) -> datetime.datetime:
    text = value if isinstance(value, str) else ""
    try:
        time = datetime.datetime.fromisoformat(text)
    except ValueError:
        time = None
    if time is None or time.tzinfo is None:
        raise MalformedData(source, f"{key} is {shorten(text)}, which is no time")
    return time
