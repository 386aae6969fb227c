"""The bulk client without a network: a wire that goes nowhere, and an owner that records its calls."""

from __future__ import annotations

import asyncio

from nanna_ci.cache.client.request import CacheRequest, RequestTally
from nanna_ci.cache.client.wire import WireAnswer

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"


class Wire(asyncio.Transport):
    """A transport that goes nowhere."""

    def __init__(self) -> None:
        super().__init__()
        self.sent = b""
        self.is_aborted = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.sent += data

    def abort(self) -> None:
        self.is_aborted = True


class Owner:
    """Notes what becomes of its requests: `events` are kind and detail."""

    def __init__(self) -> None:
        self.tally = RequestTally()
        self.events: list[tuple[str, str]] = []

    def message(self, request: CacheRequest) -> bytes:
        return b"GET /\r\n\r\n"

    def target(self, request: CacheRequest) -> str:
        return "/"

    def answered(self, request: CacheRequest, answer: WireAnswer) -> None:
        self.events.append(("answered", answer.body.decode()))

    def refused(self, request: CacheRequest, problem: str) -> None:
        self.events.append(("refused", problem))

    def failed(self, request: CacheRequest, problem: str) -> None:
        self.events.append(("failed", problem))

    def elsewhere(self, request: CacheRequest) -> None:
        self.events.append(("elsewhere", ""))
