"""The connections to one host, by hand: when they are opened, used again, and let go."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from nanna_ci.cache.client import pool as pool_module
from nanna_ci.cache.client.connection import ConnectFailed, Connection, ConnectionListener
from nanna_ci.cache.client.connection_window import ConnectionLimits
from nanna_ci.cache.client.pool import Pool
from nanna_ci.cache.client.request import CacheRequest
from nanna_ci.cache.client.retry_policy import RetryPolicy
from nanna_ci.cache.client.route import HttpOrigin, ProxyRoute
from support.fake_connections import ANSWER, Owner, Wire


class Host:
    """The network of a pool. Sleeps end when `wake` is called; `refuses` is what connecting fails with."""

    def __init__(self) -> None:
        self.wires: dict[Connection, Wire] = {}
        self.refuses: ConnectFailed | None = None
        self.slept: list[float] = []
        self.log: list[str] = []
        self.owner = Owner()
        self.pool: Pool
        self._waking = asyncio.Event()

    async def open_connection(
        self, route: ProxyRoute, addresses: Any, tls: Any, limit: float, to: ConnectionListener
    ) -> Connection:
        if self.refuses is not None:
            raise self.refuses
        connection = Connection(to)
        self.wires[connection] = Wire()
        connection.connection_made(self.wires[connection])
        return connection

    async def query_addresses(self, route: ProxyRoute) -> tuple[Any, ...]:
        return ((socket.AF_INET, ("127.0.0.1", 80)),)

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        await self._waking.wait()

    async def wake(self) -> None:
        self._waking.set()
        await settle()
        self._waking.clear()

    async def submit(self, times: int) -> None:
        for _ in range(times):
            self.pool.submit(CacheRequest(self.owner, None))
        await settle()

    @property
    def open(self) -> list[Connection]:
        return [connection for connection, wire in self.wires.items() if not wire.is_aborted]

    @property
    def busy(self) -> list[Connection]:
        return [connection for connection in self.open if connection.request is not None]


async def settle() -> None:
    for _ in range(8):
        await asyncio.sleep(0)


Play = Callable[[Host], Awaitable[None]]


@pytest.fixture
def play(monkeypatch: pytest.MonkeyPatch) -> Callable[[int, Play], Host]:
    """Run a play with a pool of so many connections."""

    def run(most: int, play: Play) -> Host:
        async def main() -> Host:
            host = Host()
            monkeypatch.setattr(pool_module, "open_connection", host.open_connection)
            monkeypatch.setattr(pool_module, "query_addresses", host.query_addresses)
            policy = RetryPolicy(attempts=3, sleep=host.sleep, uniform=lambda low, high: high)
            limits = ConnectionLimits(near_start=most, near_most=most, far_start=1, far_most=1)
            route = ProxyRoute(HttpOrigin("http", "cache.example.org", 80), None)
            host.pool = Pool(route, limits, policy, None, host.log.append)
            await settle()
            try:
                await play(host)
            finally:
                await host.pool.close()
            return host

        return asyncio.run(main())

    return run


def test_connections_are_opened_as_they_are_needed_and_used_again(play: Callable[[int, Play], Host]) -> None:
    async def story(host: Host) -> None:
        await host.submit(2)
        assert len(host.open) == 2
        host.open[0].data_received(ANSWER)
        await host.submit(1)
        assert len(host.open) == 2
        await host.submit(5)
        assert len(host.open) == 4

    assert play(4, story).pool.peak_connections == 4


def test_half_of_the_connections_are_let_go_after_a_reset(play: Callable[[int, Play], Host]) -> None:
    async def story(host: Host) -> None:
        await host.submit(100)
        host.busy[0].connection_lost(ConnectionResetError("reset"))
        assert len(host.open) == 7
        for connection in host.busy[:3]:
            connection.data_received(ANSWER)
        await settle()
        assert len(host.open) == 4
        host.busy[0].data_received(ANSWER)
        await settle()
        assert len(host.open) == 4
        assert host.slept == [0.5]

    play(8, story)


def test_idle_connections_over_the_limit_are_let_go_too(play: Callable[[int, Play], Host]) -> None:
    async def story(host: Host) -> None:
        await host.submit(8)
        for connection in host.busy[1:]:
            connection.data_received(ANSWER)
        host.busy[0].connection_lost(ConnectionResetError("reset"))
        await settle()
        assert len(host.open) == 4

    play(8, story)


def test_nothing_is_sent_while_the_host_wants_a_pause(play: Callable[[int, Play], Host]) -> None:
    async def story(host: Host) -> None:
        await host.submit(4)
        host.busy[0].data_received(b"HTTP/1.1 429 No\r\nRetry-After: 9\r\nContent-Length: 0\r\n\r\n")
        for connection in host.busy:
            connection.data_received(ANSWER)
        await host.submit(4)
        assert (host.busy, host.slept) == ([], [9.0])
        await host.wake()
        assert 2 <= len(host.busy) <= 3  # half; and the answers since then allow one more

    host = play(4, story)
    assert host.log == ["cache.example.org: HTTP 429; attempt 2 of 3 in 9.0 s"]


def test_an_old_connection_that_was_closed_is_replaced_by_a_new_one(play: Callable[[int, Play], Host]) -> None:
    async def story(host: Host) -> None:
        await host.submit(2)
        for connection in host.busy:
            connection.data_received(ANSWER)
        await host.submit(1)
        (stale,) = host.busy
        stale.connection_lost(None)
        await settle()
        (fresh,) = host.busy
        assert fresh.served == 0  # not the other old one
        fresh.data_received(ANSWER)

    host = play(2, story)
    assert host.owner.events == [("answered", "hi")] * 3
    assert (host.owner.tally.retries, host.slept, host.log) == (0, [], [])


def test_a_host_that_takes_no_more_connections_is_queried_over_those_there_are(
    play: Callable[[int, Play], Host],
) -> None:
    async def story(host: Host) -> None:
        await host.submit(2)
        host.refuses = ConnectFailed("cannot connect to cache.example.org: no", may_pass=True)
        await host.submit(10)
        for _ in range(20):
            for connection in host.busy:
                connection.data_received(ANSWER)
            await settle()

    host = play(8, story)
    assert host.owner.events == [("answered", "hi")] * 12
    assert host.slept == []


def test_a_host_that_nobody_reaches_is_left_alone_longer_each_time_and_then_given_up(
    play: Callable[[int, Play], Host],
) -> None:
    async def story(host: Host) -> None:
        host.refuses = ConnectFailed("cannot connect to cache.example.org: no", may_pass=True)
        await host.submit(50)
        assert host.slept == [0.5]
        await host.wake()
        assert host.slept == [0.5, 1.0]
        await host.wake()
        await host.submit(1)

    host = play(8, story)
    assert host.owner.events == [("failed", "cannot connect to cache.example.org: no")] * 51


def test_what_an_owner_no_longer_wants_is_not_sent(play: Callable[[int, Play], Host]) -> None:
    async def story(host: Host) -> None:
        other = Owner()
        await host.submit(3)
        host.pool.submit(CacheRequest(other, None))
        host.pool.discard(host.owner)
        host.busy[0].data_received(ANSWER)
        await settle()
        (busy,) = host.busy
        assert busy.request is not None
        assert busy.request.owner is other

    play(1, story)
