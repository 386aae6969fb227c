"""Releases and their assets in GitHub's REST API: one request a method, each answer checked."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, urlsplit

from nanna_ci.forge.github_api import PER_PAGE, GithubApi
from nanna_ci.foundation.errors import MalformedData, RequestRefused, shorten
from nanna_ci.foundation.http_answer import BodyDigest
from nanna_ci.foundation.json_data import JsonObject, JsonValue, as_count, as_object, as_text
from nanna_ci.releases.release_assets import ReleaseAsset
from nanna_ci.releases.release_notes import commit_in
from nanna_ci.report.github import TOKEN_VARIABLE

UPLOADED: Final = "uploaded"
"""The state of an asset that is whole; one that an interrupted upload left is a `starter`."""
_HINTS: Final = {
    403: f"may the token in {TOKEN_VARIABLE} write releases? A job needs `permissions: contents: write`",
    404: f"check the repository's name; the token in {TOKEN_VARIABLE} needs `contents: write`",
}
_COMMIT: Final = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_DIGEST: Final = re.compile(r"sha256:([0-9a-f]{64})")
_BINARY: Final = {"accept": "application/octet-stream"}


@dataclass(frozen=True, slots=True)
class GithubRelease:
    """A release as GitHub has it. `commit` is the one that we recorded in it; None for one that we did not make."""

    id: int
    tag: str
    is_draft: bool
    is_prerelease: bool
    is_immutable: bool
    commit: str | None
    target: str
    page: str
    upload_url: str


@dataclass(frozen=True, slots=True)
class GithubAsset:
    """An asset as GitHub has it; `sha256` is None if the server names no digest."""

    id: int
    name: str
    state: str
    size_bytes: int
    sha256: str | None


@dataclass(frozen=True, slots=True)
class ReleasesApi:
    """The releases of one repository. Each method raises as `GithubApi.send` does, and MalformedData."""

    api: GithubApi
    api_url: str
    repository: str

    def releases(self) -> tuple[GithubRelease, ...]:
        """All releases, and the drafts if the token may write."""
        url = f"{self._base}/releases?per_page={PER_PAGE}"
        return tuple(parse_release(one, "a release") for one in self.api.listed(url, hints=_HINTS))

    def release(self, number: int) -> GithubRelease:
        """One release, draft or not."""
        answer = self.api.send("GET", f"{self._base}/releases/{number}", hints=_HINTS)
        return parse_release(answer.json_object(), answer.url)

    def published(self, tag: str) -> GithubRelease | None:
        """The release of the tag if it is published."""
        url = f"{self._base}/releases/tags/{quote(tag, safe='')}"
        answer = self.api.send("GET", url, accept=frozenset({200, 404}), hints=_HINTS)
        return None if answer.status == 404 else parse_release(answer.json_object(), answer.url)

    def tag_commit(self, tag: str) -> str | None:
        """The commit that the tag has on GitHub; None if it is not there."""
        url = f"{self._base}/commits/tags/{quote(tag, safe='')}"
        answer = self.api.send("GET", url, accept=frozenset({200, 404, 422}), hints=_HINTS)
        if answer.status != 200:
            return None
        commit = as_text(answer.json_object().get("sha"), answer.url, "sha")
        if _COMMIT.fullmatch(commit) is None:
            raise MalformedData(answer.url, f"{shorten(commit)} is no commit")
        return commit

    def assets(self, release: GithubRelease) -> tuple[GithubAsset, ...]:
        """What the release has, by name."""
        url = f"{self._base}/releases/{release.id}/assets?per_page={PER_PAGE}"
        found = (parse_asset(one, "an asset") for one in self.api.listed(url, hints=_HINTS))
        return tuple(sorted(found, key=lambda one: one.name))

    def create(self, tag: str, commit: str, body: str, *, prerelease: bool) -> GithubRelease:
        """A draft."""
        fields = {
            "tag_name": tag,
            "target_commitish": commit,
            "name": tag,
            "body": body,
            "draft": True,
            "prerelease": prerelease,
        }
        url, created = f"{self._base}/releases", frozenset({201})
        answer = self.api.send("POST", url, content=json.dumps(fields).encode(), accept=created, hints=_HINTS)
        return parse_release(answer.json_object(), answer.url)

    def upload(self, release: GithubRelease, asset: ReleaseAsset) -> GithubAsset:
        """Send one file, as it is read."""
        url = f"{checked_upload_url(release.upload_url, self.api_url)}?name={quote(asset.name, safe='')}"
        headers = {"content-type": "application/octet-stream"}
        answer = self.api.send(
            "POST", url, content=asset.content, headers=headers, accept=frozenset({201}), hints=_HINTS
        )
        return parse_asset(answer.json_object(), answer.url)

    def delete(self, asset: GithubAsset) -> None:
        """Delete an asset of a draft; one that is gone is fine."""
        accept = frozenset({204, 404})
        self.api.send("DELETE", f"{self._base}/releases/assets/{asset.id}", accept=accept, hints=_HINTS)

    def publish(self, release: GithubRelease) -> GithubRelease:
        """Make the draft a release that everybody sees."""
        content = json.dumps({"draft": False}).encode()
        answer = self.api.send("PATCH", f"{self._base}/releases/{release.id}", content=content, hints=_HINTS)
        return parse_release(answer.json_object(), answer.url)

    def download_digest(self, asset: GithubAsset) -> BodyDigest:
        """Download all of an asset and hash it."""
        url = f"{self._base}/releases/assets/{asset.id}"
        answer = self.api.send("GET", url, headers=_BINARY, hints=_HINTS, hash_body=True)
        if answer.digest is None:
            raise MalformedData(answer.url, "the asset did not come")
        return answer.digest

    def download(self, asset: GithubAsset) -> bytes:
        """A small asset's bytes."""
        return self.api.send("GET", f"{self._base}/releases/assets/{asset.id}", headers=_BINARY, hints=_HINTS).body

    @property
    def _base(self) -> str:
        return f"{self.api_url}/repos/{self.repository}"


def parse_release(value: JsonValue, source: str) -> GithubRelease:
    """A release of an answer. Raises MalformedData."""
    body = as_object(value, source, "a release")
    text = body.get("body")
    return GithubRelease(
        id=as_count(body.get("id"), source, "id"),
        tag=as_text(body.get("tag_name"), source, "tag_name"),
        is_draft=_flag(body, "draft", source),
        is_prerelease=_flag(body, "prerelease", source),
        is_immutable=body.get("immutable") is True,
        commit=commit_in(text) if isinstance(text, str) else None,
        target=as_text(body.get("target_commitish"), source, "target_commitish"),
        page=as_text(body.get("html_url"), source, "html_url"),
        upload_url=as_text(body.get("upload_url"), source, "upload_url"),
    )


def parse_asset(value: JsonValue, source: str) -> GithubAsset:
    """An asset of an answer. Raises MalformedData."""
    body = as_object(value, source, "an asset")
    digest = body.get("digest")
    match = _DIGEST.fullmatch(digest) if isinstance(digest, str) else None
    return GithubAsset(
        id=as_count(body.get("id"), source, "id"),
        name=as_text(body.get("name"), source, "name"),
        state=as_text(body.get("state"), source, "state"),
        size_bytes=as_count(body.get("size"), source, "size"),
        sha256=None if match is None else match[1],
    )


def checked_upload_url(template: str, api_url: str) -> str:
    """Where to upload, without its template's `{?name,label}`.

    Raises MalformedData for a place that is not the API's own server or its `uploads.`: it would get the token.
    """
    url = template.partition("{")[0]
    try:
        parts, api = urlsplit(url), urlsplit(api_url)
        places = {api.netloc, f"uploads.{api.netloc.removeprefix('api.')}"}
    except ValueError:
        places = set()
    if not places or parts.scheme != api.scheme or parts.netloc not in places or parts.query:
        raise MalformedData(api_url, f"its upload_url is elsewhere: {shorten(template)}")
    return url


def refusal_is(error: RequestRefused, *words: str) -> bool:
    """Whether GitHub refused the content of a request (422), in words such as these."""
    return error.status == 422 and any(word in error.explanation.lower() for word in words)


def _flag(body: JsonObject, key: str, source: str) -> bool:
    value = body.get(key)
    if not isinstance(value, bool):
        raise MalformedData(source, f"{key} is neither true nor false")
    return value
