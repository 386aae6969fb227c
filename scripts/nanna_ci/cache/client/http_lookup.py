"""Queries a substituter over HTTP: nix-cache-info first, then missing paths in bulk if possible, then path by path."""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence
from functools import partial
from typing import Final

from nanna_ci.cache.client.background import run_in_daemon
from nanna_ci.cache.client.cache_credentials import explain_refusal
from nanna_ci.cache.client.cache_info import FILE_NAME, parse_cache_info
from nanna_ci.cache.client.lookup import Lookup, Survey
from nanna_ci.cache.client.pool import Pool
from nanna_ci.cache.client.request import CacheRequest
from nanna_ci.cache.client.route import ProxyRoute, parse_target
from nanna_ci.cache.client.wire import WireAnswer
from nanna_ci.cache.substituters import Substituter
from nanna_ci.foundation.errors import MalformedData, NannaError, RequestRefused, ServiceUnavailable, shorten
from nanna_ci.store.narinfo import NarInfo
from nanna_ci.store.store_path import StorePath

MissingQuery = Callable[[Sequence[str]], frozenset[str]]
"""The hashes that a cache lacks, of those given; it may block."""

_MOST_HASHES: Final = 32_768
_ABSENT: Final = frozenset({404, 410})


class HttpLookup(Lookup):
    """Queries through `pool`, which other substituters on the same host may use too."""

    def __init__(
        self,
        substituter: Substituter,
        survey: Survey,
        pool: Pool,
        *,
        route: ProxyRoute,
        authorization: str | None,
        missing_query: MissingQuery | None,
        verify_archives: bool = False,
    ) -> None:
        super().__init__(substituter, survey)
        self._verify_archives = verify_archives
        self.pool = pool
        self._host = route.origin.host
        self._missing_query = missing_query
        self._prefix = parse_target(substituter.url).rstrip("/")
        self._whole = str(route.origin) if route.is_absolute else ""
        self._before = f"GET {self._whole}{self._prefix}/".encode("ascii")
        self._headers = _headers(route, authorization)
        self._behind = b".narinfo" + self._headers
        self._is_open = False
        self._early: list[StorePath] = []  # wanted before the cache said what it is
        self._unchecked: list[StorePath] = []
        self._is_checking = False
        self._forbidden: list[StorePath] = []
        self._has_answered = False  # for some path, 200 or 404
        self.outstanding = 1
        pool.submit(CacheRequest(self, None))

    def want(self, paths: Sequence[StorePath]) -> None:
        """Query paths that were not queried before."""
        if self.error is not None:
            return
        self.outstanding += len(paths)
        if not self._is_open:
            self._early.extend(paths)
        elif self._missing_query is not None:
            self._unchecked.extend(paths)
            if not self._is_checking:
                self._is_checking = True
                self.survey.spawn(self._query_missing(self._missing_query))
        else:
            self._ask(paths)

    def _ask(self, paths: Sequence[StorePath]) -> None:
        for path in paths:
            self.pool.submit(CacheRequest(self, path))

    def target(self, request: CacheRequest) -> str:
        """The path of the file on the server."""
        if request.archive is not None:
            return parse_target(f"{self.substituter.url}/{request.archive.url}")
        return f"{self._prefix}/{FILE_NAME if request.path is None else f'{request.path.hash}.narinfo'}"

    def message(self, request: CacheRequest) -> bytes:
        """The request as it goes over the wire."""
        if request.archive is not None:
            return f"HEAD {self._whole}{request.target or self.target(request)}".encode("ascii") + self._headers
        if request.path is not None and request.target is None:
            return self._before + request.path.hash.encode("ascii") + self._behind
        target = request.target or self.target(request)
        return f"GET {self._whole}{target}".encode("ascii") + self._headers

    def answered(self, request: CacheRequest, answer: WireAnswer) -> None:
        """An answer of any status except transient ones and redirects."""
        path, status = request.path, answer.head.status
        if self.error is not None:
            return
        if path is None:
            self._open(answer)
            return
        if request.archive is not None:
            self._archive_answered(path, request.archive, status)
        elif status == 200:
            self._has_answered = True
            self._take(path, answer)
        elif status in _ABSENT:
            self._has_answered = True
            self.missing.add(path)
        elif status == 403:
            self._forbidden.append(path)
        elif status == 401:
            self.abandon(self._refusal(request, status))
            return
        else:
            self.failures[path] = f"{self._url(path)}: HTTP {status}"
        self.settle()

    def accept(self, path: StorePath, info: NarInfo) -> None:
        """A path counts at once, or when its archive has been seen too."""
        if not self._verify_archives:
            super().accept(path, info)
        elif _is_in_cache(info.url):
            self.outstanding += 1
            self.pool.submit(CacheRequest(self, path, info))
        else:
            self.no_archive(path, f"{info.url} is not a place in the cache")

    def _archive_answered(self, path: StorePath, info: NarInfo, status: int) -> None:
        if status == 200:
            super().accept(path, info)
        elif status in _ABSENT or status == 403:
            self.no_archive(path, f"{info.url}: HTTP {status}")
        else:
            self.failures[path] = f"{self.substituter.url}/{info.url}: HTTP {status}"

    def elsewhere(self, request: CacheRequest) -> None:
        """The archive is on another server, which is not queried."""
        if self.error is None and request.path is not None and request.archive is not None:
            super().accept(request.path, request.archive)
            self.settle()

    def refused(self, request: CacheRequest, problem: str) -> None:
        """A refused answer that would be the same another time."""
        path = request.path
        if self.error is not None:
            return
        if path is None:
            self.abandon(MalformedData(f"{self.substituter.url}/{FILE_NAME}", problem))
            return
        self.corrupt[path] = f"{self._url(path)}: {problem}"
        self.settle()

    def failed(self, request: CacheRequest, problem: str) -> None:
        """No answer after all attempts."""
        path = request.path
        if self.error is not None:
            return
        if path is None:
            self.abandon(ServiceUnavailable(self._host, problem, attempts=max(1, request.attempts)))
            return
        self.failures[path] = f"{self._url(path)}: {problem}"
        self.settle()

    def abandon(self, error: NannaError) -> None:
        """The substituter cannot be queried: its answers so far do not count, and nothing more is sent."""
        self.pool.discard(self)
        super().abandon(error)

    def forget(self, keep: Container[StorePath]) -> None:
        """Drop all queries and answers except those about the paths of `keep`; requests in flight are completed."""
        dropped = 0
        for waiting in (self._early, self._unchecked):
            kept = [path for path in waiting if path in keep]
            dropped += len(waiting) - len(kept)
            waiting[:] = kept
        if self._is_open:
            dropped += self.pool.discard(self, keep)
        self._forbidden = [path for path in self._forbidden if path in keep]
        self.keep_answers(keep)
        if dropped and self.error is None:
            self.settle(dropped)

    def finish(self) -> None:
        """A bucket that must not be listed says 403 for what it lacks, and Nix takes it so; one that only says 403
        seems to let nobody in."""
        if not self._forbidden or self.error is not None:
            return
        if self._has_answered:
            self.missing.update(self._forbidden)
        else:
            self.abandon(self._refusal(CacheRequest(self, self._forbidden[0]), 403))

    def _url(self, path: StorePath) -> str:
        return f"{self.substituter.url}/{path.hash}.narinfo"

    def _refusal(self, request: CacheRequest, status: int) -> RequestRefused:
        name = FILE_NAME if request.path is None else f"{request.path.hash}.narinfo"
        return RequestRefused(f"GET {self.substituter.url}/{name}", status, "", hint=explain_refusal(self.substituter))

    def _open(self, answer: WireAnswer) -> None:
        """nix-cache-info has come: it is a cache, or cannot be queried."""
        status, source = answer.head.status, f"{self.substituter.url}/{FILE_NAME}"
        if status != 200:
            denied = status in {401, 403}
            hint = explain_refusal(self.substituter) if denied else "is this the URL of a binary cache?"
            self.abandon(RequestRefused(f"GET {source}", status, "", hint=hint))
            return
        try:
            self.priority = parse_cache_info(answer.body, source).priority
        except MalformedData as error:
            self.abandon(error)
            return
        self._is_open = True
        early, self._early = self._early, []
        self.outstanding -= len(early)  # want() counts them again
        self.want(early)
        self.settle()

    def _take(self, path: StorePath, answer: WireAnswer) -> None:
        self.take(path, answer.body, self._url(path))
        if path in self.corrupt and (answer.head.content_type or "").lower().startswith("text/html"):
            self.corrupt[path] = f"{self._url(path)}: is HTML, not a narinfo: a login page or a proxy answered"

    async def _query_missing(self, missing_query: MissingQuery) -> None:
        """Query in bulk what is missing, as long as paths come, and then the narinfo of the rest."""
        while self._unchecked and self.error is None:
            paths = self._unchecked[:_MOST_HASHES]
            del self._unchecked[:_MOST_HASHES]
            hashes = [path.hash for path in paths]
            try:
                missing = await run_in_daemon(partial(missing_query, hashes))
                _check_missing(missing, hashes, self.substituter.url)
            except MalformedData as error:
                self.abandon(error)
                return
            except (ServiceUnavailable, RequestRefused) as error:
                self.survey.log(f"{error.message}; querying {self._host} path by path")
                self._ask([*paths, *self._unchecked])
                self._missing_query = None
                return
            lacking = [path for path in paths if path.hash in missing]
            self.missing.update(lacking)
            self._ask([path for path in paths if path.hash not in missing])
            self.settle(len(lacking))
        self._is_checking = False


def _is_in_cache(url: str) -> bool:
    return not url.startswith("/") and "://" not in url and ".." not in url.split("/")


def _headers(route: ProxyRoute, authorization: str | None) -> bytes:
    lines = [
        "HTTP/1.1",
        f"Host: {route.origin.authority}",
        "User-Agent: nanna-ci",
        "Accept-Encoding: identity",
        *([] if authorization is None else [f"Authorization: {authorization}"]),
        *(
            [f"Proxy-Authorization: {route.proxy.authorization}"]
            if route.is_absolute and route.proxy is not None and route.proxy.authorization
            else []
        ),
    ]
    return (" " + "\r\n".join([*lines, "", ""])).encode("latin-1")


def _check_missing(missing: frozenset[str], hashes: Sequence[str], source: str) -> None:
    stranger = next(iter(missing.difference(hashes)), None)
    if stranger is not None:
        raise MalformedData(source, f"the bulk answer names {shorten(stranger)}, which was not requested")
