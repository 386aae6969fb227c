"""One request for a file of a cache, and who wants it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from nanna_ci.cache.client.wire import WireAnswer
from nanna_ci.store.narinfo import NarInfo
from nanna_ci.store.store_path import StorePath


@dataclass(slots=True)
class RequestTally:
    """Traffic with a cache: requests sent, those of them sent again, bytes of answers with their heads."""

    requests: int = 0
    retries: int = 0
    received_bytes: int = 0


class Owner(Protocol):
    """Who wants a request's answer. One of `answered`, `refused`, `failed` and `elsewhere` is called, once."""

    tally: RequestTally

    def target(self, request: CacheRequest) -> str:
        """The path that a request names at first."""

    def message(self, request: CacheRequest) -> bytes:
        """The request as it goes over the wire."""

    def answered(self, request: CacheRequest, answer: WireAnswer) -> None:
        """An answer of any status except transient ones and redirects."""

    def refused(self, request: CacheRequest, problem: str) -> None:
        """A refused answer that would be the same another time."""

    def failed(self, request: CacheRequest, problem: str) -> None:
        """No answer after all attempts."""

    def elsewhere(self, request: CacheRequest) -> None:
        """The archive is on another server, which is not queried."""


class CacheRequest:
    """What is wanted: the narinfo of `path`, or nix-cache-info if that is None.

    `archive` is the narinfo that came already, if only the archive behind it is to be checked.
    `target` is where a redirect led. `attempts` are those that failed.
    """

    __slots__ = ("archive", "attempts", "owner", "path", "redirects", "target")

    def __init__(self, owner: Owner, path: StorePath | None, archive: NarInfo | None = None) -> None:
        self.owner = owner
        self.path = path
        self.archive = archive
        self.target: str | None = None
        self.attempts = 0
        self.redirects = 0
