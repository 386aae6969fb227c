"""The bulk narinfo client: many paths, queried at several substituters at once, one request a path.

The bottleneck: ceil(paths / connections) times the delay of an answer for a known list, depth times the delay for a
walk; with a server as near as loopback, the processor. Of about 45 µs a path the kernel takes 18 (send, receive),
asyncio and its selector 12; the rest reads the answer (HTTP 3, the narinfo 8) and hands out the next request.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Coroutine, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from nanna_ci.cache.client.background import Tasks
from nanna_ci.cache.client.cache_credentials import find_authorization
from nanna_ci.cache.client.connection_window import ConnectionLimits
from nanna_ci.cache.client.http_lookup import HttpLookup, MissingQuery
from nanna_ci.cache.client.lookup import FolderLookup, Lookup
from nanna_ci.cache.client.pool import Pool
from nanna_ci.cache.client.query_result import QueryProgress, QueryResult, reached_paths
from nanna_ci.cache.client.retry_policy import RetryPolicy
from nanna_ci.cache.client.route import ProxyRoute, decide_route, make_tls_context, parse_origin
from nanna_ci.cache.substituters import Substituter
from nanna_ci.foundation.errors import MalformedData, ServiceUnavailable
from nanna_ci.foundation.process import check_interrupted
from nanna_ci.store.narinfo import NarInfo
from nanna_ci.store.store_path import StorePath

# Connections to one host. A public cache gets twice what Nix would open: HTTP/1.1 has one request on each. One near by
# gets as many as pay: beyond 512 it is the processor that limits, not the delay.
_NEAR_START: Final = 64
_NEAR_MOST: Final = 512
_FAR_START: Final = 8
_FAR_MOST: Final = 50
_SPARE_DESCRIPTORS: Final = 64
_MOST_WALKED: Final = 500_000
_PROGRESS_S: Final = 0.25


def query(
    substituters: Sequence[Substituter],
    paths: Sequence[StorePath],
    *,
    walk: bool = False,
    verify_archives: bool = False,
    concurrency: int | None = None,
    environ: Mapping[str, str],
    missing_queries: Mapping[Substituter, MissingQuery] | None = None,
    netrc: Path | None = None,
    log: Callable[[str], None],
    on_progress: Callable[[QueryProgress], None] | None = None,
    policy: RetryPolicy | None = None,
) -> tuple[QueryResult, ...]:
    """Query every substituter for every path; the answers are in the order of the substituters.

    `walk`: also for all that the paths refer to, as far as any substituter knows. `verify_archives`: of a cache over
    HTTP, too, a path counts only if its archive is there, which takes one more request (HEAD); in a folder that is
    always looked at. `concurrency`: connections to a host at most; None for our own choice. `environ` names proxies,
    certificates, and the token of Cachix caches. `missing_queries` say in bulk what a substituter lacks; the rest
    is then queried path by path. `log` gets a line on a failed attempt, `on_progress` a count now and then.

    A substituter that does not answer within its deadline, or whose references have no end, fails alone: its result has
    an `error`, and what only it led to is in no result.

    Raises:
        ConfigError: of the proxy, the certificates or `netrc`.
    """
    results: list[QueryResult] = []

    async def run() -> None:  # returns nothing: Runner would print it when it restores the signal handler
        limits = _limits(concurrency, len(substituters))
        survey = _Survey(environ, limits, policy or RetryPolicy(), log, walk=walk, verify_archives=verify_archives)
        try:
            for substituter in substituters:
                survey.add(substituter, netrc, (missing_queries or {}).get(substituter))
            results.extend(await survey.query(tuple(dict.fromkeys(paths)), on_progress))
        finally:
            await survey.close()

    with asyncio.Runner() as runner:
        runner.run(run())
    check_interrupted()
    return tuple(results)


def _limits(concurrency: int | None, hosts: int) -> ConnectionLimits:
    share = max(1, (_descriptors() - _SPARE_DESCRIPTORS) // max(1, hosts))
    near, far = (_NEAR_MOST, _FAR_MOST) if concurrency is None else (concurrency, concurrency)
    return ConnectionLimits(_NEAR_START, min(near, share), _FAR_START, min(far, share))


def _descriptors() -> int:
    """Files that this process may have open."""
    try:
        import resource  # noqa: PLC0415 - Unix only
    except ImportError:
        return 512
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return 65_536 if limit == resource.RLIM_INFINITY else limit


class _Survey:
    """One query at several substituters, and what they share."""

    def __init__(
        self,
        environ: Mapping[str, str],
        limits: ConnectionLimits,
        policy: RetryPolicy,
        log: Callable[[str], None],
        *,
        walk: bool,
        verify_archives: bool,
    ) -> None:
        self._verify_archives = verify_archives
        self.known: dict[str, StorePath] = {}
        self.log = log
        self._environ = environ
        self._limits = limits
        self._policy = policy
        self._walk = walk
        self._loop = asyncio.get_running_loop()
        self._begun_s = self._loop.time()
        self._done: asyncio.Future[None] = self._loop.create_future()
        self._lookups: list[Lookup] = []
        self._pools: dict[ProxyRoute, Pool] = {}
        self._tls: ssl.SSLContext | None = None
        self._seen: set[StorePath] = set()
        self._roots: tuple[StorePath, ...] = ()
        self._led: dict[Lookup, int] = {}  # to how many paths each has led first
        self._prune_is_due = False
        self._tasks = Tasks()
        # What is raised in a callback, an interruption too, would only be logged otherwise.
        self._loop.set_exception_handler(self._crashed)

    def add(self, substituter: Substituter, netrc: Path | None, missing_query: MissingQuery | None) -> None:
        """Add a substituter to query."""
        if (folder := substituter.folder) is not None:
            self._lookups.append(FolderLookup(substituter, folder, self))
            return
        origin = parse_origin(substituter.url)
        route = decide_route(origin, self._environ)
        authorization = find_authorization(substituter, origin, netrc, self._environ)
        if origin.is_tls and self._tls is None:
            self._tls = make_tls_context(self._environ)
        pool = self._pools.get(route)
        if pool is None:
            pool = self._pools[route] = Pool(route, self._limits, self._policy, self._tls, self.log)
        lookup = HttpLookup(
            substituter,
            self,
            pool,
            route=route,
            authorization=authorization,
            missing_query=missing_query,
            verify_archives=self._verify_archives,
        )
        self._lookups.append(lookup)

    async def query(
        self, paths: Sequence[StorePath], on_progress: Callable[[QueryProgress], None] | None
    ) -> tuple[QueryResult, ...]:
        """Have every substituter queried, to the end."""
        self.known.update((path.base_name, path) for path in paths)
        self._roots = tuple(paths)
        self._follow(paths)
        self._loop.call_later(self._left_s(), self._expire)
        if on_progress is not None:
            self.spawn(self._tell(on_progress))
        self.settled()
        await self._done
        if self._walk and any(lookup.error is not None for lookup in self._lookups):
            self._prune()  # requests in flight have been answered since
        for lookup in self._lookups:
            lookup.finish()
        return tuple(self._result(lookup) for lookup in self._lookups)

    async def close(self) -> None:
        """End what is still in flight."""
        await self._tasks.cancel()
        for pool in self._pools.values():
            await pool.close()

    def found(self, info: NarInfo, lookup: Lookup) -> None:
        """A path is there: in a walk, its references are wanted too."""
        new = [path for path in info.references if path not in self._seen] if self._walk else []
        if not new:
            return
        led = self._led[lookup] = self._led.get(lookup, 0) + len(new)
        if led > _MOST_WALKED:
            url = lookup.substituter.url
            lookup.abandon(MalformedData(url, f"its references lead to more than {_MOST_WALKED} paths, without end"))
        else:
            self._follow(new)

    def abandoned(self) -> None:
        """A substituter no longer counts: what only it led to is dropped, after the current callback."""
        if self._walk and not self._prune_is_due:
            self._prune_is_due = True
            self._loop.call_soon(self._prune)

    def _prune(self) -> None:
        self._prune_is_due = False
        good = [lookup for lookup in self._lookups if lookup.error is None]
        reached = reached_paths(self._roots, [lookup.found for lookup in good])
        self._seen &= reached
        for lookup in good:
            lookup.forget(reached)
        self.settled()

    def _left_s(self) -> float:
        walked = max(0, len(self._seen) - len(self._roots))
        return self._begun_s + self._policy.limit_s(len(self._roots), walked) - self._loop.time()

    def _expire(self) -> None:
        """Give up on whatever has not answered by the deadline, which grows with the number of queries."""
        left_s = self._left_s()
        if left_s > 0:
            self._loop.call_later(left_s, self._expire)
            return
        spent_s = self._loop.time() - self._begun_s
        for lookup in [lookup for lookup in self._lookups if lookup.outstanding]:
            problem = f"has not given all answers after {spent_s:.0f} s, which is its deadline"
            lookup.abandon(ServiceUnavailable(lookup.substituter.url, problem, attempts=lookup.tally.requests))

    def settled(self) -> None:
        """A substituter has answered every query: perhaps all have."""
        if not self._done.done() and not self._prune_is_due and not any(lookup.outstanding for lookup in self._lookups):
            self._done.set_result(None)

    def spawn(self, work: Coroutine[None, None, None]) -> None:
        """Run `work` concurrently; what it raises ends the whole query."""
        self._tasks.spawn(work)

    def _follow(self, paths: Sequence[StorePath]) -> None:
        if not paths:
            return
        self._seen.update(paths)
        for lookup in self._lookups:
            lookup.want(paths)

    async def _tell(self, on_progress: Callable[[QueryProgress], None]) -> None:
        while True:
            await asyncio.sleep(_PROGRESS_S)
            outstanding = sum(lookup.outstanding for lookup in self._lookups)
            total = len(self._seen) * len(self._lookups)
            on_progress(QueryProgress(max(0, total - outstanding), total))

    def _crashed(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if error is None or self._done.done():
            loop.default_exception_handler(context)
        else:
            self._fail(error)

    def _fail(self, error: BaseException) -> None:
        if not self._done.done():
            self._done.set_exception(error)

    def _result(self, lookup: Lookup) -> QueryResult:
        substituter, tally = lookup.substituter, lookup.tally
        return QueryResult(
            substituter=substituter,
            found=lookup.found,
            missing=frozenset(lookup.missing),
            corrupt=lookup.corrupt,
            failed=lookup.failures,
            hollow=lookup.hollow,
            has_archives=self._verify_archives or isinstance(lookup, FolderLookup),
            priority=lookup.priority if substituter.priority is None else substituter.priority,
            requests=tally.requests,
            bytes_received=tally.received_bytes,
            retries=tally.retries,
            peak_connections=lookup.pool.peak_connections if isinstance(lookup, HttpLookup) else 0,
            seconds=lookup.settled_s - self._begun_s,
            error=lookup.error,
        )
