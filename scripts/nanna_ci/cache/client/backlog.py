"""The requests that wait for a connection to a host, or for their next attempt."""

from __future__ import annotations

from collections import deque

from nanna_ci.cache.client.request import Owner, Request


class Backlog:
    """`ready`: to send in turn; `fresh`: over a new connection, an old one was closed under them; `waiting`: later."""

    __slots__ = ("fresh", "ready", "waiting")

    def __init__(self) -> None:
        self.ready: deque[Request] = deque()
        self.fresh: deque[Request] = deque()
        self.waiting: dict[Request, None] = {}

    def discard(self, owner: Owner) -> None:
        """Forget what an owner asked: nobody wants it any more."""
        for requests in (self.ready, self.fresh):
            kept = [request for request in requests if request.owner is not owner]
            requests.clear()
            requests.extend(kept)
        for request in [request for request in self.waiting if request.owner is owner]:
            del self.waiting[request]

    def empty(self) -> list[Request]:
        """All of them; none remains."""
        requests = [*self.ready, *self.fresh, *self.waiting]
        self.ready.clear()
        self.fresh.clear()
        self.waiting.clear()
        return requests
