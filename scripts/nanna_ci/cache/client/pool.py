"""The connections to one host: a queue of requests over as many connections as the host's limit allows.

No task, timer or future belongs to a request: an answer is handled where it arrives, and its connection sends the next
request at once; a sweep now and then finds those that take too long. Only failures cost a task that waits.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Container
from typing import Final

from nanna_ci.cache.client.background import Tasks
from nanna_ci.cache.client.backlog import Backlog
from nanna_ci.cache.client.connection import Address, ConnectFailed, Connection, open_connection, query_addresses
from nanna_ci.cache.client.connection_window import ConnectionLimits, ConnectionWindow
from nanna_ci.cache.client.request import CacheRequest, Owner
from nanna_ci.cache.client.retry_policy import HostFailures, RetryPolicy
from nanna_ci.cache.client.route import ProxyRoute, follow_redirect, is_near
from nanna_ci.cache.client.wire import WireAnswer
from nanna_ci.foundation.errors import UsageError
from nanna_ci.foundation.retry import TRANSIENT_STATUSES, requested_wait_s
from nanna_ci.store.store_path import StorePath

_REDIRECTS: Final = 5
_TOO_MANY: Final = frozenset({429, 503})
_REDIRECTING: Final = frozenset({301, 302, 303, 307, 308})
_SWEEP_S: Final = 0.5


class Pool:
    """Queries one host, from within the running loop, from the first `submit` on; `close` it.

    `peak_connections` is how many there were at once.
    """

    def __init__(
        self,
        route: ProxyRoute,
        limits: ConnectionLimits,
        policy: RetryPolicy,
        tls: ssl.SSLContext | None,
        log: Callable[[str], None],
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._route = route
        self._limits = limits
        self._policy = policy
        self._tls = tls
        self._failures = HostFailures(route.origin.host, policy, log)
        self._window = ConnectionWindow(1, 1)
        self._addresses: tuple[Address, ...] = ()
        self._backlog = Backlog()
        self._ready, self._fresh = self._backlog.ready, self._backlog.fresh
        self._connections: set[Connection] = set()
        self._idle: list[Connection] = []
        self._width = 0  # connections, those being opened included
        self._holds = 1  # until the host's addresses are known
        self._down: tuple[str, int] | None = None  # the problem, and how often it occurred
        self._pump_is_due = False
        self._tasks = Tasks()
        self._sweep_s = min(_SWEEP_S, policy.answer_s / 4)
        self._sweep_timer = self._loop.call_later(self._sweep_s, self._sweep)
        self.peak_connections = 0
        self._tasks.spawn(self._start())

    def submit(self, request: CacheRequest) -> None:
        """Put a request into the queue. Its owner hears of it later, never from within this call."""
        self._ready.append(request)
        self._pump_soon()

    def discard(self, owner: Owner, keep: Container[StorePath] = ()) -> int:
        """Drop an owner's unsent requests, except for the paths of `keep`; returns how many."""
        return len(self._backlog.discard(owner, keep))

    async def close(self) -> None:
        """End all connections and waits."""
        self._sweep_timer.cancel()
        await self._tasks.cancel()
        for connection in list(self._connections):
            self._forget(connection)
        await asyncio.sleep(0)  # the transports close in the loop's next round

    def answered(self, connection: Connection, request: CacheRequest, answer: WireAnswer) -> None:
        """An answer has come: the connection goes on with the next request, then this one's owner has it."""
        status, location = answer.head.status, answer.head.location
        if status in TRANSIENT_STATUSES:
            self._turned_away(connection, request, answer)
            self._reuse(connection, answer)
        elif status in _REDIRECTING and location is not None:
            self._redirected(request, location)
            self._reuse(connection, answer)
        else:
            self._window.succeed(self._loop.time() - connection.sent_s)
            self._failures.end()
            self._reuse(connection, answer)
            request.owner.answered(request, answer)

    def broke(self, connection: Connection, problem: str, *, may_pass: bool) -> None:
        """A connection ended, with a request under way or without."""
        request, is_stale = connection.request, connection.is_stale
        self._forget(connection)
        if request is not None and not may_pass:
            request.owner.refused(request, problem)
        elif request is not None and is_stale:
            self._fresh.append(request)
        elif request is not None:
            self._window.halve(connection.sent_s, self._loop.time())
            self._retry(request, problem, None)
        self._pump_soon()

    def _time_out(self, connection: Connection, request: CacheRequest) -> None:
        self._forget(connection)
        self._window.halve(connection.sent_s, self._loop.time())
        self._retry(request, f"no whole answer within {self._policy.answer_s:g} s", None)
        self._pump_soon()

    async def _start(self) -> None:
        for attempt in range(1, self._policy.attempts + 1):
            try:
                self._addresses = await query_addresses(self._route)
                break
            except ConnectFailed as error:
                problem = str(error)
            if attempt == self._policy.attempts:
                self._give_up(problem, attempt)
                return
            wait_s = self._failures.backoff_s(attempt)
            self._failures.say(problem, attempt, wait_s)
            await self._policy.sleep(wait_s)
        near = self._route.proxy is None and is_near(str(address[0]) for _, address in self._addresses)
        self._window = self._limits.window(is_near=near)
        self._holds -= 1
        self._pump()

    def _pump_soon(self) -> None:
        if not self._pump_is_due:
            self._pump_is_due = True
            self._loop.call_soon(self._pump)

    def _pump(self) -> None:
        """Give requests to connections, as many as may be open."""
        self._pump_is_due = False
        if self._down is not None:
            self._fail_all(*self._down)
        if self._holds:
            return
        limit = self._window.limit
        while self._idle and (self._width > limit or (self._fresh and self._width == limit)):
            self._forget(self._idle[-1])
        while self._fresh and self._width < limit:
            self._open(self._fresh.popleft())
        while self._ready and (self._idle or self._width < limit):
            if self._idle:
                self._send(self._idle.pop(), self._ready.popleft())
            else:
                self._open(self._ready.popleft())

    def _send(self, connection: Connection, request: CacheRequest) -> None:
        now_s = self._loop.time()
        connection.send(request, now_s, now_s + self._policy.answer_s)

    def _open(self, request: CacheRequest) -> None:
        self._width += 1
        self.peak_connections = max(self.peak_connections, self._width)
        self._tasks.spawn(self._connect(request))

    async def _connect(self, request: CacheRequest) -> None:
        started_s = self._loop.time()
        try:
            connection = await open_connection(self._route, self._addresses, self._tls, self._policy.connect_s, self)
        except ConnectFailed as error:
            self._width -= 1
            self._unconnected(request, error, started_s)
        else:
            self._connections.add(connection)
            self._send(connection, request)

    def _unconnected(self, request: CacheRequest, error: ConnectFailed, started_s: float) -> None:
        self._ready.appendleft(request)
        self._window.halve(started_s, self._loop.time())
        if not error.may_pass or (not self._connections and self._failures.exhausts(request)):
            self._give_up(str(error), max(1, request.attempts))
        elif not self._connections:  # else the host only takes no more of them
            self._hold(request, str(error), None)
        self._pump_soon()

    def _reuse(self, connection: Connection, answer: WireAnswer) -> None:
        if not answer.is_reusable or self._width > self._window.limit or self._fresh:
            self._forget(connection)
        elif self._ready and not self._holds:
            self._send(connection, self._ready.popleft())
        else:
            self._idle.append(connection)
            return
        if (self._ready or self._fresh) and self._width < self._window.limit:
            self._pump()

    def _forget(self, connection: Connection) -> None:
        connection.drop()
        if connection in self._connections:
            self._connections.remove(connection)
            self._width -= 1
        if connection in self._idle:
            self._idle.remove(connection)

    def _turned_away(self, connection: Connection, request: CacheRequest, answer: WireAnswer) -> None:
        status = answer.head.status
        wait_s = requested_wait_s(answer.head.retry_after, answer.body, self._policy.now())
        if status not in _TOO_MANY:
            self._retry(request, f"HTTP {status}", wait_s)
            return
        self._window.halve(connection.sent_s, self._loop.time())
        if self._failures.exhausts(request):
            self._fail(request, f"HTTP {status}")
        else:
            self._ready.appendleft(request)
            self._hold(request, f"HTTP {status}", wait_s)

    def _redirected(self, request: CacheRequest, location: str) -> None:
        request.redirects += 1
        if request.redirects > _REDIRECTS:
            request.owner.failed(request, f"redirects more than {_REDIRECTS} times")
            return
        try:
            here = request.target or request.owner.target(request)
            request.target = follow_redirect(self._route.origin, here, location)
        except UsageError as error:
            if request.archive is not None:  # archives may lie elsewhere: the cache says that it is there
                request.owner.elsewhere(request)
            else:
                request.owner.failed(request, error.message)
        else:
            self._ready.appendleft(request)

    def _retry(self, request: CacheRequest, problem: str, wait_s: float | None) -> None:
        if self._failures.exhausts(request):
            self._fail(request, problem)
            return
        wait_s = self._failures.backoff_s(request.attempts) if wait_s is None else wait_s
        self._failures.say(problem, request.attempts, wait_s)
        self._backlog.waiting[request] = None
        self._tasks.spawn(self._later(request, wait_s))

    async def _later(self, request: CacheRequest, wait_s: float) -> None:
        await self._policy.sleep(wait_s)
        if request in self._backlog.waiting:
            del self._backlog.waiting[request]
            self._ready.appendleft(request)
            self._pump()

    def _hold(self, request: CacheRequest, problem: str, wait_s: float | None) -> None:
        """Send nothing for a while: as long as the host asks for, or longer each time."""
        if wait_s is None:
            if self._holds:
                return
            wait_s = self._failures.hold_s()
        self._failures.say(problem, request.attempts, wait_s)
        self._holds += 1
        self._tasks.spawn(self._release(wait_s))

    async def _release(self, wait_s: float) -> None:
        await self._policy.sleep(wait_s)
        self._holds -= 1
        self._pump()

    def _fail(self, request: CacheRequest, problem: str) -> None:
        """A request ran out of attempts."""
        request.owner.failed(request, problem)
        if self._failures.is_down:
            self._give_up(problem, request.attempts)

    def _give_up(self, problem: str, attempts: int) -> None:
        """The host is down: what is requested from now on fails, in the loop's next round."""
        self._down = self._down or (problem, attempts)
        self._pump_soon()

    def _fail_all(self, problem: str, attempts: int) -> None:
        requests = self._backlog.empty()
        for connection in list(self._connections):
            if connection.request is not None:
                requests.append(connection.request)
                self._forget(connection)
        for request in requests:
            request.attempts = max(request.attempts, attempts)
            request.owner.failed(request, problem)

    def _sweep(self) -> None:
        """End the requests that take too long."""
        now_s = self._loop.time()
        for connection in list(self._connections):
            if connection.request is not None and connection.deadline_s < now_s:
                self._time_out(connection, connection.request)
        self._sweep_timer = self._loop.call_later(self._sweep_s, self._sweep)
