"""The requests that wait for a connection to a host, or for their next attempt."""

from __future__ import annotations

from collections import deque
from collections.abc import Container

from nanna_ci.cache.client.request import CacheRequest, Owner
from nanna_ci.store.store_path import StorePath


class Backlog:
    """`ready`: to send in turn; `fresh`: over a new connection, an old one was closed under them; `waiting`: later."""

    __slots__ = ("fresh", "ready", "waiting")

    def __init__(self) -> None:
        self.ready: deque[CacheRequest] = deque()
        self.fresh: deque[CacheRequest] = deque()
        self.waiting: dict[CacheRequest, None] = {}

    def discard(self, owner: Owner, keep: Container[StorePath] = ()) -> list[CacheRequest]:
        """Drop an owner's requests, except for the paths of `keep`; returns what was dropped."""
        gone = [
            request
            for requests in (self.ready, self.fresh, self.waiting)
            for request in requests
            if request.owner is owner and (request.path is None or request.path not in keep)
        ]
        without = set(map(id, gone))
        for requests in (self.ready, self.fresh):
            kept = [request for request in requests if id(request) not in without]
            requests.clear()
            requests.extend(kept)
        for request in gone:
            self.waiting.pop(request, None)
        return gone

    def empty(self) -> list[CacheRequest]:
        """All of them; none remains."""
        requests = [*self.ready, *self.fresh, *self.waiting]
        self.ready.clear()
        self.fresh.clear()
        self.waiting.clear()
        return requests
