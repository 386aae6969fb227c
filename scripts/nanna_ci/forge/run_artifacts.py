"""Artifacts of a run on GitHub Actions: found by name, and downloaded within a limit. Their content is a stranger's."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from nanna_ci.forge.github_api import PER_PAGE, GithubApi, check_api_url
from nanna_ci.foundation.errors import MalformedData, RequestRefused, UsageError, shorten
from nanna_ci.foundation.json_data import as_count, as_list, as_object
from nanna_ci.foundation.web import WebClient

_HINTS: Final = {
    403: "the job needs `actions: read`",
    404: "the job needs `actions: read`; is --run of this repository?",
}
_DIGEST: Final = re.compile(r"sha256:([0-9a-f]{64})")
_MOVED: Final = 302


@dataclass(frozen=True, slots=True)
class RunArtifact:
    """An artifact as GitHub lists it; `sha256` is of its zip, None where GitHub does not say it."""

    id: int
    name: str
    size_bytes: int
    is_expired: bool
    sha256: str | None


@dataclass(frozen=True, slots=True)
class RunArtifacts:
    """The artifacts of the runs of `repository` (OWNER/REPO).

    `client` fetches what `api` leads to: its own limit for a body holds for an artifact too.
    """

    api: GithubApi
    client: WebClient
    api_url: str
    repository: str

    def newest(self, run: int, name: str) -> RunArtifact | None:
        """The run's artifact of that name: of several attempts, the last one's. None if there is none."""
        listed = sorted(self._listed(run, name), key=lambda one: one.id)
        return listed[-1] if listed else None

    def download(self, artifact: RunArtifact, limit_bytes: int) -> bytes | None:
        """The artifact's zip; None if it is gone by now.

        Raises:
            MalformedData: it is over the limit, by what GitHub says before anything is downloaded or by what comes; or
                it is not what GitHub's digest says.
        """
        source = f"artifact {artifact.name} ({artifact.id})"
        if artifact.size_bytes > limit_bytes:
            raise MalformedData(source, f"{artifact.size_bytes:,} bytes: over {limit_bytes:,}")
        url = f"{self.api_url}/repos/{self.repository}/actions/artifacts/{artifact.id}/zip"
        try:
            answer = self.api.send("GET", url, accept=frozenset({200, _MOVED}), hints=_HINTS)
        except RequestRefused as error:
            if error.status in {404, 410}:
                return None
            raise
        if answer.status == _MOVED:  # a client of servers on this machine follows no redirect by itself
            place = answer.headers.get("location", "")
            if not _is_of_this_machine(place.partition("?")[0]):
                raise MalformedData(source, f"a server on this machine redirects to {shorten(place)}")
            answer = self.client.request("GET", place)  # without the token: the place is none of the API's
        if len(answer.body) > limit_bytes:
            raise MalformedData(source, f"it is over {limit_bytes:,} bytes")
        if artifact.sha256 not in {None, hashlib.sha256(answer.body).hexdigest()}:
            raise MalformedData(source, "it is not what GitHub's digest says")
        return answer.body

    def _listed(self, run: int, name: str) -> Iterator[RunArtifact]:
        url = f"{self.api_url}/repos/{self.repository}/actions/runs/{run}/artifacts"
        for page in self.api.pages(f"{url}?name={quote(name, safe='')}&per_page={PER_PAGE}", hints=_HINTS):
            for item in as_list(page.body.get("artifacts"), page.source, "artifacts"):
                body = as_object(item, page.source, "an artifact")
                if body.get("name") == name:
                    digest = body.get("digest")
                    match = _DIGEST.fullmatch(digest) if isinstance(digest, str) else None
                    yield RunArtifact(
                        as_count(body.get("id"), page.source, "id"),
                        name,
                        as_count(body.get("size_in_bytes"), page.source, "size_in_bytes"),
                        body.get("expired") is True,
                        None if match is None else match[1],
                    )


def _is_of_this_machine(url: str) -> bool:
    try:
        return check_api_url(url)
    except UsageError:
        return False
