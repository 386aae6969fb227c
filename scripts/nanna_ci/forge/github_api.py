"""GitHub's REST API: pages by their Link header, rate limits, and refusals in GitHub's own words."""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from nanna_ci.foundation.errors import MalformedData, NannaError, RequestRefused, UsageError, shorten
from nanna_ci.foundation.json_data import JsonObject, JsonValue
from nanna_ci.foundation.retry import LONGEST_WAIT_S, requested_wait_s
from nanna_ci.report.github import API_VARIABLE, TOKEN_VARIABLE

if TYPE_CHECKING:
    from nanna_ci.foundation.http_answer import Response
    from nanna_ci.foundation.web import Token, WebClient

PER_PAGE: Final = 100
"""The most that GitHub puts on a page."""
_MOST_PAGES: Final = 100
_WAITS: Final = 3
_SECONDARY_WAIT_S: Final = 60.0
"""What GitHub's documentation asks for, if the answer names no time itself."""
_UNCHANGED: Final = 304
_OK: Final = frozenset({200})
_LIMITS: Final = frozenset({403, 429})
_EXPLAINED: Final = frozenset({400, 404, 409, 410, 415, 422})
_NO_HINTS: Final[Mapping[int, str]] = {}
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

    def pages(self, url: str, *, etag: str | None = None, hints: Mapping[int, str] = _NO_HINTS) -> Iterator[Page]:
        """The pages of a list from `url` on; none at all if the first still has that `etag`.

        Raises:
            RateLimited: the wait would be over two minutes.
            MalformedData: an answer that is not a page, or pages that lead elsewhere or in a circle.
        """
        seen: set[str] = set()
        following: str | None = url
        while following is not None:
            seen.add(following)
            known = {"if-none-match": etag} if etag is not None and len(seen) == 1 else {}
            accept = frozenset({200, _UNCHANGED}) if known else _OK
            response = self.send("GET", following, headers=known, accept=accept, hints=hints)
            if response.status == _UNCHANGED:
                return
            following = _following(response, following, seen)
            yield Page(response.json_object(), response.url, response.headers.get("etag"), following)

    def listed(self, url: str, *, hints: Mapping[int, str] = _NO_HINTS) -> Iterator[JsonValue]:
        """The items of a list whose pages are arrays. Raises as `pages` does."""
        seen: set[str] = set()
        following: str | None = url
        while following is not None:
            seen.add(following)
            response = self.send("GET", following, hints=hints)
            yield from response.json_array()
            following = _following(response, following, seen)

    def send(
        self,
        method: str,
        url: str,
        *,
        content: bytes | Path | None = None,
        headers: Mapping[str, str] | None = None,
        accept: frozenset[int] = _OK,
        hints: Mapping[int, str] = _NO_HINTS,
        hash_body: bool = False,
    ) -> Response:
        """One request, again after a rate limit of at most two minutes; `hints` say how to mend a refusal, by status.

        What GitHub may have done already, though no answer came, is not sent twice: ServiceUnavailable.

        Raises:
            RateLimited: the wait would be over two minutes.
            RequestRefused: a status that is not in `accept`, with what GitHub says about it.
        """
        sent = {**_HEADERS, **(headers or {})}
        taken = accept | _LIMITS | _EXPLAINED
        for attempt in range(1, _WAITS + 2):
            response = self._client.request(
                method, url, token=self._token, headers=sent, content=content, accept=taken, hash_body=hash_body
            )
            if response.status in accept:
                return response
            wait_s = _limit_wait_s(response, self._now()) if response.status in _LIMITS else None
            if wait_s is None:
                raise RequestRefused(
                    f"{method} {response.url}", response.status, _message(response), hint=hints.get(response.status)
                )
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


def _following(response: Response, url: str, seen: Collection[str]) -> str | None:
    following = _next_url(response.headers.get("link", ""))
    if following is not None and _origin(following) != _origin(url):
        raise MalformedData(response.url, f"its next page is elsewhere: {shorten(following)}")
    if following in seen or (following is not None and len(seen) == _MOST_PAGES):
        raise MalformedData(response.url, f"its pages lead in a circle, or there are over {_MOST_PAGES}")
    return following


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
        body = response.json_object()
    except MalformedData:
        return ""
    errors = body.get("errors")
    details = [one for one in errors if isinstance(one, Mapping)] if isinstance(errors, Sequence) else []
    said = [body.get("message"), *(one.get("message") or one.get("code") for one in details)]
    return " ".join("; ".join(text for text in said if isinstance(text, str)).split())[:300]
