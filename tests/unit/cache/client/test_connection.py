"""One connection: its listener's calls, and how it is opened."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from nanna_ci.cache.client import connection as connection_module
from nanna_ci.cache.client.connection import ConnectFailed, Connection, open_connection
from nanna_ci.cache.client.request import CacheRequest, RequestTally
from nanna_ci.cache.client.route import HttpOrigin, ProxyRoute
from nanna_ci.cache.client.wire import WireAnswer
from support.fake_connections import ANSWER, Owner, Wire
from support.stand_in_cache import serving


@dataclass
class Heard:
    """A listener that records its calls."""

    events: list[tuple[str, Any]] = field(default_factory=list)

    def answered(self, connection: Connection, request: CacheRequest, answer: WireAnswer) -> None:
        self.events.append(("answered", answer.body))

    def broke(self, connection: Connection, problem: str, *, may_pass: bool) -> None:
        self.events.append((problem, connection.request))


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
def wire() -> Wire:
    return Wire()


@pytest.fixture
def connection(heard: Heard, wire: Wire) -> Connection:
    connection = Connection(heard)
    connection.connection_made(wire)
    return connection


def send(connection: Connection) -> CacheRequest:
    request = CacheRequest(Owner(), None)
    connection.send(request, sent_s=1.0, deadline_s=2.0)
    return request


def test_a_request_is_sent_and_its_answer_reported_and_counted(
    connection: Connection, heard: Heard, wire: Wire
) -> None:
    request = send(connection)
    assert wire.sent == b"GET /\r\n\r\n"
    connection.data_received(ANSWER[:10])
    assert heard.events == []
    connection.data_received(ANSWER[10:])
    assert heard.events == [("answered", b"hi")]
    assert (connection.request, connection.served) == (None, 1)
    assert request.owner.tally == RequestTally(requests=1, received_bytes=len(ANSWER))


def test_bytes_without_a_request_are_the_end_of_it(connection: Connection, heard: Heard) -> None:
    connection.data_received(ANSWER)
    assert heard.events == [("sent an unsolicited answer", None)]


def test_an_end_with_or_without_a_request_is_reported(connection: Connection, heard: Heard) -> None:
    connection.connection_lost(None)
    request = send(connection)
    connection.connection_lost(ConnectionResetError("reset"))
    assert heard.events == [
        ("the connection ended before the answer was whole", None),
        ("the connection broke: reset", request),
    ]


def test_only_one_that_served_and_said_nothing_since_is_stale(connection: Connection) -> None:
    send(connection)
    assert not connection.is_stale
    connection.data_received(ANSWER)
    send(connection)
    assert connection.is_stale
    connection.data_received(b"HTTP")
    assert not connection.is_stale


def test_one_that_was_dropped_tells_nothing_more(connection: Connection, heard: Heard, wire: Wire) -> None:
    send(connection)
    connection.drop()
    assert wire.is_aborted
    connection.data_received(ANSWER)
    connection.connection_lost(None)
    assert heard.events == []


@pytest.fixture
def full_port() -> Iterator[int]:
    """A port where connecting never ends: its queue is full, and nothing accepts."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]


async def opened(ports: list[int], timeout_s: float) -> int:
    """Connect to the first of the ports that answers: which one was it?"""
    route = ProxyRoute(HttpOrigin("http", "cache.example.org", 80), None)
    addresses = tuple((socket.AF_INET, ("127.0.0.1", port)) for port in ports)
    connection = await open_connection(route, addresses, None, timeout_s, Heard())
    assert connection._transport is not None
    port = connection._transport.get_extra_info("peername")[1]
    connection.drop()
    await asyncio.sleep(0)
    return int(port)


def test_an_address_that_does_not_answer_is_left_for_the_next(full_port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection_module, "_NEXT_ADDRESS_S", 0.1)
    with serving() as cache:
        port = int(cache.url.rpartition(":")[2])
        assert asyncio.run(opened([full_port, port], timeout_s=20.0)) == port


def test_no_address_that_answers_within_the_limit_is_a_failure_that_may_pass(full_port: int) -> None:
    with pytest.raises(ConnectFailed, match=r"cannot connect to cache\.example\.org within 0\.1 s") as caught:
        asyncio.run(opened([full_port], timeout_s=0.1))
    assert caught.value.may_pass
