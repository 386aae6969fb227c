"""GitHub's REST API: pages by their Link header, rate limits, and lists that have not changed since.

A page that has not changed costs nothing of the rate limit: its ETag is kept in `.nanna-ci/github-lists.json`.
"""

from __future__ import annotations

import datetime
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from nanna_ci.foundation.errors import MalformedData, NannaError, RequestRefused, UsageError, shorten
from nanna_ci.foundation.guarded_read import MEBIBYTE, read_file
from nanna_ci.foundation.json_data import JsonObject, as_object, as_text, load_json
from nanna_ci.foundation.retry import LONGEST_WAIT_S, requested_wait_s
from nanna_ci.report.files import write_atomic
from nanna_ci.report.github import API_VARIABLE, TOKEN_VARIABLE

if TYPE_CHECKING:
    from nanna_ci.foundation.http_answer import Response
    from nanna_ci.foundation.web import Token, WebClient

PER_PAGE: Final = 100
"""The most that GitHub puts on a page."""
LISTS_FILE: Final = "github-lists.json"
_MOST_PAGES: Final = 100
_WAITS: Final = 3
_SECONDARY_WAIT_S: Final = 60.0
"""What GitHub's documentation asks for, if the answer names no time itself."""
_UNCHANGED: Final = 304
_LIMITS: Final = frozenset({403, 429})
_REFUSALS: Final = {
    403: f"may the token in {TOKEN_VARIABLE} read this repository's Actions?",
    404: f"check both names; for a private repository {TOKEN_VARIABLE} must be allowed to read Actions",
}
_HEADERS: Final = {"accept": "application/vnd.github+json", "x-github-api-version": "2022-11-28"}
_LINK: Final = re.compile(r"<([^<>]*)>((?:\s*;[^,;<>]*)*)")
_NEXT: Final = re.compile(r';\s*rel\s*=\s*"?next"?\s*(?:;|$)', re.IGNORECASE)
_THIS_MACHINE: Final = frozenset({"localhost", "127.0.0.1", "::1"})


class RateLimited(NannaError):
    """The rate limit is used up for longer than anyone should wait."""


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list; `source` names it in errors, without its query."""

    body: JsonObject
    source: str
    etag: str | None
    next_url: str | None


class GithubApi:
    """Requests to the API at `url`; `now` is Unix time. Raises, with every request, as `WebClient.request` does."""

    def __init__(
        self,
        client: WebClient,
        token: Token,
        *,
        now: Callable[[], float],
        sleep: Callable[[float], None],
        log: Callable[[str], None],
    ) -> None:
        self._client = client
        self._token = token
        self._now = now
        self._sleep = sleep
        self._log = log

    def pages(self, url: str, *, etag: str | None = None) -> Iterator[Page]:
        """The pages of a list from `url` on; none at all if the first still has that `etag`.

        Raises:
            RateLimited: the wait would be over two minutes.
            MalformedData: an answer that is not a page, or pages that lead elsewhere or in a circle.
        """
        seen: set[str] = set()
        following: str | None = url
        while following is not None:
            seen.add(following)
            response = self._get(following, etag if len(seen) == 1 else None)
            if response.status == _UNCHANGED:
                return
            page = _page(response, following)
            yield page
            following = page.next_url
            if following in seen or (following is not None and len(seen) == _MOST_PAGES):
                raise MalformedData(page.source, f"its pages lead in a circle, or there are over {_MOST_PAGES}")

    def _get(self, url: str, etag: str | None) -> Response:
        headers = {**_HEADERS, **({} if etag is None else {"if-none-match": etag})}
        accept = frozenset({200, *_LIMITS, *_REFUSALS, *(() if etag is None else (_UNCHANGED,))})
        for attempt in range(1, _WAITS + 2):
            response = self._client.request("GET", url, token=self._token, headers=headers, accept=accept)
            if response.status in {200, _UNCHANGED}:
                return response
            wait_s = _limit_wait_s(response, self._now()) if response.status in _LIMITS else None
            if wait_s is None:
                hint = _REFUSALS.get(response.status)
                raise RequestRefused(f"GET {response.url}", response.status, _message(response), hint=hint)
            if wait_s > LONGEST_WAIT_S or attempt > _WAITS:
                raise self._limited(response.url, wait_s)
            self._log(f"{urlsplit(url).hostname}: rate limit; again in {wait_s:.0f} s")
            self._sleep(wait_s)
        raise AssertionError("the last attempt returns or raises")

    def _limited(self, url: str, wait_s: float) -> RateLimited:
        until = datetime.datetime.fromtimestamp(self._now() + min(wait_s, 86_400.0), datetime.UTC)
        more = f"; {TOKEN_VARIABLE} raises the limit" if self._token.value is None else ""
        return RateLimited(
            f"{urlsplit(url).hostname}: the rate limit is used up until {until:%H:%M} UTC",
            hint=f"run this again then: what was read is kept{more}",
        )


class ListEtags:
    """The ETags of lists that were recorded to their end, each with the newest run that was on it.

    It only saves requests: a file that cannot be read counts as empty.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lists = _read_lists(path)

    def etag(self, key: str, known: Mapping[str, object]) -> str | None:
        """The ETag of a list, if the history has the newest run that was on it."""
        etag, newest = self._lists.get(key, (None, ""))
        return etag if not newest or newest in known else None

    def keep(self, key: str, etag: str | None, newest: str) -> None:
        """Remember a list; `newest` is "" for one that was empty."""
        if etag is None or self._lists.get(key) == (etag, newest):
            return
        self._lists[key] = (etag, newest)
        lists = {name: {"etag": known, "newest": run} for name, (known, run) in sorted(self._lists.items())}
        write_atomic(self._path, (json.dumps({"schemaVersion": 1, "lists": lists}, indent=2) + "\n").encode())


def check_api_url(url: str) -> bool:
    """Whether the API is on this machine. Raises UsageError for what would send a token in the clear."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        parts, host = urlsplit(""), None
    if host and parts.scheme == "http" and host in _THIS_MACHINE:
        return True
    if not host or parts.scheme != "https" or parts.query or parts.fragment:
        raise UsageError(f"{API_VARIABLE} is {shorten(url)}", hint="an https URL; http only for this machine")
    return host in _THIS_MACHINE


def _page(response: Response, url: str) -> Page:
    following = _next_url(response.headers.get("link", ""))
    if following is not None and _origin(following) != _origin(url):
        raise MalformedData(response.url, f"its next page is elsewhere: {shorten(following)}")
    return Page(response.json_object(), response.url, response.headers.get("etag"), following)


def _next_url(link: str) -> str | None:
    return next((found[1] for found in _LINK.finditer(link) if _NEXT.search(found[2])), None)


def _origin(url: str) -> tuple[str, str]:
    try:
        parts = urlsplit(url)
    except ValueError:
        return "", ""
    return parts.scheme, parts.netloc.lower()


def _limit_wait_s(response: Response, now: float) -> float | None:
    """How long a rate limit lasts; None for a refusal that is not about one."""
    headers = response.headers
    if "retry-after" in headers:
        text = headers["retry-after"].strip()
        if text.isascii() and text.isdigit():  # not clamped: an hour is a reason to stop, not to try every two minutes
            return float(text[:9])
        asked = requested_wait_s(text, b"", now)
        return _SECONDARY_WAIT_S if asked is None else asked
    if headers.get("x-ratelimit-remaining", "").strip() == "0":
        reset = headers.get("x-ratelimit-reset", "").strip()
        if not (reset.isascii() and reset.isdigit()):
            return _SECONDARY_WAIT_S
        return max(1.0, float(reset[:12]) - now)
    is_limit = response.status == 429 or "rate limit" in _message(response).lower()
    return _SECONDARY_WAIT_S if is_limit else None


def _message(response: Response) -> str:
    try:
        message = response.json_object().get("message")
    except MalformedData:
        return ""
    return " ".join(message.split())[:300] if isinstance(message, str) else ""


def _read_lists(path: Path) -> dict[str, tuple[str, str]]:
    found = {}
    try:
        body = as_object(load_json(read_file(path, MEBIBYTE), str(path)), str(path), "the file")
        for key, value in as_object(body.get("lists"), str(path), "lists").items():
            one = as_object(value, str(path), key)
            found[key] = (as_text(one.get("etag"), key, "etag"), as_text(one.get("newest"), key, "newest"))
    except (OSError, MalformedData):
        return {}
    return found
