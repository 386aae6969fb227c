"""The HTTP client for services (httpx): time limits, capped bodies, bounded retries, tokens for their origin only.

It serves Cachix and container and model registries, the probes of caches, and the servers in tested containers. Narinfo
queries in bulk have a client of their own, `nanna_ci.cache.client`; they share only `foundation.retry`.

httpx is imported with the first request: it costs more than most commands take. A request runs as a task that is
cancelled at its deadline, because a time limit for each read does not stop an answer that comes byte by byte.
"""

from __future__ import annotations

import asyncio
import io
import os
import random
import ssl
import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self
from urllib.parse import urljoin, urlsplit, urlunsplit

from nanna_ci.foundation.errors import (
    ConfigError,
    Interrupted,
    MalformedData,
    RequestRefused,
    ServiceUnavailable,
    ToolMissing,
    UsageError,
    shorten,
)
from nanna_ci.foundation.guarded_read import open_file
from nanna_ci.foundation.http_answer import Body, HashedBody, Response
from nanna_ci.foundation.process import check_interrupted
from nanna_ci.foundation.redact import Redactor
from nanna_ci.foundation.retry import TRANSIENT_STATUSES, backoff_s, requested_wait_s

if TYPE_CHECKING:
    import httpx

BODY_LIMIT_BYTES: Final = 64 * 1024 * 1024
_PIECE_BYTES: Final = 256 * 1024
_REDIRECTS: Final = 5
_REDIRECTING: Final = frozenset({301, 302, 303, 307, 308})
_REDIRECTED: Final = frozenset({"GET", "HEAD"})
_OK: Final = frozenset({200, 201, 202, 204})
_REPEATABLE: Final = frozenset({"GET", "HEAD", "PUT", "DELETE"})


class _Passing(Exception):
    """An attempt failed in a way that may pass. `sent`: the service may have seen the request."""

    def __init__(self, problem: str, *, sent: bool, wait_s: float | None = None) -> None:
        super().__init__(problem)
        self.sent = sent
        self.wait_s = wait_s


@dataclass(frozen=True, slots=True)
class Token:
    """A bearer token and the environment variable that it came from; `value` is None if that is not set."""

    variable: str
    value: str | None = field(repr=False)


class WebClient:
    """Requests to services, for one thread; close it, or use it in a `with` statement.

    `timeout_s` limits each step (connect, one read), `deadline_s` a whole request with its retries and waits.
    `direct`: through no proxy, whatever the environment says, and no redirect followed: for servers on this machine.
    `sleep`, `uniform`, `clock` (monotonic) and `now` (Unix time) can be replaced in tests; `log` gets a line per retry.
    """

    def __init__(
        self,
        *,
        timeout_s: float = 30.0,
        deadline_s: float = 300.0,
        attempts: int = 5,
        direct: bool = False,
        body_limit_bytes: int = BODY_LIMIT_BYTES,
        log: Callable[[str], None] = lambda _: None,
        sleep: Callable[[float], None] = time.sleep,
        uniform: Callable[[float, float], float] = random.uniform,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._timeout_s = timeout_s
        self._deadline_s = deadline_s
        self._attempts = attempts
        self._direct = direct
        self._body_limit_bytes = body_limit_bytes
        self._log = log
        self._sleep = sleep
        self._uniform = uniform
        self._clock = clock
        self._now = now
        self._runner = asyncio.Runner()
        self._runner.get_loop().set_exception_handler(_log_fault)
        self._client: httpx.AsyncClient | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close connections."""
        if self._client is not None:
            self._runner.run(self._client.aclose())
            self._client = None
        self._runner.close()

    def request(
        self,
        method: str,
        url: str,
        *,
        token: Token | None = None,
        headers: Mapping[str, str] | None = None,
        content: bytes | Path | None = None,
        accept: frozenset[int] = _OK,
        repeatable: bool | None = None,
        hash_body: bool = False,
    ) -> Response:
        """Send a request, with retries if they may help.

        Connection errors and 429, 500, 502, 503, 504 are tried again; after a request that is not `repeatable`
        (default: GET, HEAD, PUT and DELETE are) only where the service cannot have acted on it. Redirects are followed
        for GET and HEAD; the token goes to no other origin.

        A file as `content` is sent as it is read; with `hash_body` a body of 200 is only hashed, whatever its size.

        Raises ServiceUnavailable, RequestRefused (any other status not in `accept`), MalformedData (body over the
        limit, unknown coding), UsageError (no http or https URL), ConfigError (SSL_CERT_FILE has no certificates).
        """
        host = _host(url)
        may_repeat = method in _REPEATABLE if repeatable is None else repeatable
        coding = "identity" if hash_body else "gzip"
        sent_headers = {"accept-encoding": coding, **{name.lower(): value for name, value in (headers or {}).items()}}
        if token is not None and token.value is not None:
            sent_headers["authorization"] = f"Bearer {token.value}"
        request = _Request(method, url, sent_headers, content, hash_body)
        redactor = Redactor([token.value] if token is not None and token.value else [])
        end = self._clock() + self._deadline_s
        for attempt in range(1, self._attempts + 1):
            try:
                try:
                    response = self._attempt(request, end)
                finally:
                    check_interrupted()
                self._raise_for_passing(response, accept)
            except _Passing as problem:
                problem_text = redactor.redact_text(str(problem))
                wait_s = backoff_s(attempt, self._uniform) if problem.wait_s is None else problem.wait_s
                is_last = attempt == self._attempts or (problem.sent and not may_repeat)
                if is_last or self._clock() + wait_s >= end:
                    raise ServiceUnavailable(host, problem_text, attempts=attempt) from None
                self._log(f"{host}: {problem_text}; attempt {attempt + 1} of {self._attempts} in {wait_s:.1f} s")
                self._sleep(wait_s)
            else:
                if response.status in accept:
                    return response
                explanation = _explanation(response, redactor)
                raise RequestRefused(
                    f"{method} {response.url}", response.status, explanation, hint=_hint(response.status, token)
                )
        raise AssertionError("the last attempt returns or raises")

    def _raise_for_passing(self, response: Response, accept: frozenset[int]) -> None:
        status = response.status
        if status in TRANSIENT_STATUSES and status not in accept:
            wait_s = requested_wait_s(response.headers.get("retry-after"), response.body, self._now())
            raise _Passing(f"HTTP {status}", sent=status != 429, wait_s=wait_s)

    def _attempt(self, request: _Request, end: float) -> Response:
        try:
            import httpx  # noqa: PLC0415 - see the module's docstring
        except ModuleNotFoundError as error:
            raise ToolMissing("httpx", "this Python has no such package", hint="pip install httpx") from error

        if self._client is None:
            self._client = self._made(httpx.AsyncClient)
        try:
            return self._runner.run(self._follow(self._client, request, end - self._clock()))
        except TimeoutError:
            raise _Passing(f"no whole answer within {self._deadline_s:g} s", sent=True) from None
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            raise _Passing(f"cannot connect: {str(error) or 'timed out'}", sent=False) from error
        except httpx.TimeoutException as error:
            raise _Passing(f"silent for {self._timeout_s:g} s", sent=True) from error
        except httpx.InvalidURL:
            raise MalformedData(_shown(request.url), "this URL, or its redirect, is not valid") from None
        except httpx.TransportError as error:
            raise _Passing(f"the connection broke: {error}", sent=True) from error

    def _made(self, kind: type[httpx.AsyncClient]) -> httpx.AsyncClient:
        try:
            return kind(timeout=self._timeout_s, follow_redirects=False, trust_env=not self._direct)
        except OSError as error:  # it reads all certificates now, whatever the request
            if self._direct:
                # no certificates: servers on this machine use plain HTTP
                nobody = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
                return kind(timeout=self._timeout_s, follow_redirects=False, trust_env=False, verify=nobody)
            file = os.environ.get("SSL_CERT_FILE") or "not set, and where this Python looks by itself"
            raise ConfigError("SSL_CERT_FILE", f"{file}: no certificates: {error.strerror or error}") from error

    async def _follow(self, client: httpx.AsyncClient, request: _Request, left_s: float) -> Response:
        async with asyncio.timeout(left_s):
            for _ in range(_REDIRECTS + 1):
                response = await self._once(client, request)
                location = response.headers.get("location")
                stays = self._direct or response.status not in _REDIRECTING or request.method not in _REDIRECTED
                if stays or location is None:
                    return response
                request = request.moved_to(location)
        raise MalformedData(_shown(request.url), f"more than {_REDIRECTS} redirects")

    async def _once(self, client: httpx.AsyncClient, request: _Request) -> Response:
        headers = dict(request.headers)
        if not isinstance(request.content, Path):
            return await self._answer(client, request, headers, request.content)
        with open_file(request.content) as stream:
            headers["content-length"] = str(os.fstat(stream.fileno()).st_size)
            return await self._answer(client, request, headers, _pieces(stream))

    async def _answer(
        self,
        client: httpx.AsyncClient,
        request: _Request,
        headers: dict[str, str],
        content: bytes | AsyncIterator[bytes] | None,
    ) -> Response:
        async with client.stream(request.method, request.url, headers=headers, content=content) as answer:
            shown = _shown(request.url)
            if request.hash_body and answer.status_code == 200:
                hashed = HashedBody(shown, answer.headers.get("content-encoding", ""))
                async for chunk in answer.aiter_raw():
                    hashed.add(chunk)
                return Response(answer.status_code, shown, dict(answer.headers), b"", hashed.digest())
            body = Body(shown, answer.headers.get("content-encoding", ""), self._body_limit_bytes)
            async for chunk in answer.aiter_raw():
                body.add(chunk)
            whole = body.whole()
            if whole is None:
                raise _Passing("the answer was cut short", sent=True)
            return Response(answer.status_code, shown, dict(answer.headers), whole)


async def _pieces(stream: io.BufferedReader) -> AsyncIterator[bytes]:
    while piece := stream.read(_PIECE_BYTES):
        yield piece


def _log_fault(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """As usual, but for a signal that came in the middle of a callback: `request` raises that one again."""
    if not isinstance(context.get("exception"), Interrupted):
        loop.default_exception_handler(context)


@dataclass(frozen=True, slots=True)
class _Request:
    method: str
    url: str
    headers: Mapping[str, str]
    content: bytes | Path | None
    hash_body: bool = False

    def moved_to(self, location: str) -> _Request:
        """The request after a redirect. Another host, port or scheme gets no token."""
        try:
            url = urljoin(self.url, location)
            _host(url)
        except (UsageError, ValueError):
            raise MalformedData(
                _shown(self.url), f"redirects to {shorten(location)}, which is not an http or https URL"
            ) from None
        if _origin(url) == _origin(self.url):
            return replace(self, url=url)
        kept = {name: value for name, value in self.headers.items() if name not in {"authorization", "cookie"}}
        return replace(self, url=url, headers=kept)


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or {"http": 80, "https": 443}.get(parts.scheme)


def _host(url: str) -> str:
    try:
        scheme, host, _ = _origin(url)
    except ValueError:
        scheme, host = "", None
    if scheme not in {"http", "https"} or not host:
        raise UsageError(f"{shorten(url)} is not an http or https URL")
    return host


def _shown(url: str) -> str:
    """A URL for messages: without user, password, query, fragment, which may be secrets."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def _explanation(response: Response, redactor: Redactor) -> str:
    """What the service says about its refusal, if it says it in JSON; without secrets, then bounded."""
    try:
        answer = response.json_object()
    except MalformedData:
        return ""
    message = answer.get("message") or answer.get("error")
    return redactor.redact_text(" ".join(message.split()))[:300] if isinstance(message, str) else ""


def _hint(status: int, token: Token | None) -> str | None:
    if status != 401 or token is None:
        return None
    if token.value is None:
        return f"set {token.variable}"
    return f"the token in {token.variable} was not accepted: has it expired, and may it do this?"
