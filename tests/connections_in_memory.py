"""The bulk client without a network: a wire that goes nowhere, and an owner that notes what it is told."""

from __future__ import annotations

import asyncio

from nanna_ci.cache.client.request import Request, Tally
from nanna_ci.cache.client.wire import Answer

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
    """Notes what becomes of its requests: `told` are kind and detail."""

    def __init__(self) -> None:
        self.tally = Tally()
        self.told: list[tuple[str, str]] = []

    def message(self, request: Request) -> bytes:
        return b"GET /\r\n\r\n"

    def target(self, request: Request) -> str:
        return "/"

    def answered(self, request: Request, answer: Answer) -> None:
        self.told.append(("answered", answer.body.decode()))

    def refused(self, request: Request, problem: str) -> None:
        self.told.append(("refused", problem))

    def failed(self, request: Request, problem: str) -> None:
        self.told.append(("failed", problem))
