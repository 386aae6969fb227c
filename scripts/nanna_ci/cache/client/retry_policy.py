"""Retries and time limits for a host, and when it counts as down."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from nanna_ci.cache.client.request import CacheRequest
from nanna_ci.foundation.retry import backoff_s

DEADLINE_S: Final = 60.0
DEADLINE_MORE_S: Final = 0.02  # a path: four times what a cache far away takes that keeps only few connections
_MOST_WALKING_S: Final = 600.0  # a cache could refer to paths without end
_DOWN_AFTER: Final = 5
_SHOWN: Final = 10


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """`attempts` a request, `connect_s` for a connection, `answer_s` for a whole answer, however slowly it comes.

    `deadline_s`, and a little more for each path queried, is how long one substituter may take altogether, with its
    retries and the waits that it requests.
    `sleep` and `uniform` can be replaced in tests, `now` is Unix time.
    """

    attempts: int = 5
    connect_s: float = 10.0
    answer_s: float = 30.0
    deadline_s: float = DEADLINE_S
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    uniform: Callable[[float, float], float] = random.uniform
    now: Callable[[], float] = time.time

    def limit_s(self, given: int, walked: int) -> float:
        """How long one substituter may take for paths that were given, and for those that it leads to itself."""
        return self.deadline_s + DEADLINE_MORE_S * given + min(DEADLINE_MORE_S * walked, _MOST_WALKING_S)


class HostFailures:
    """The failures of one host since its last success. `log` gets the first lines about them."""

    def __init__(self, host: str, policy: RetryPolicy, log: Callable[[str], None]) -> None:
        self._host = host
        self._policy = policy
        self._log = log
        self._logged = 0
        self._holds = 0
        self._exhausted = 0

    @property
    def is_down(self) -> bool:
        """Whether so many requests in a row ran out of attempts that the rest need not try."""
        return self._exhausted >= _DOWN_AFTER

    def end(self) -> None:
        """The host succeeded."""
        self._holds = self._exhausted = 0

    def exhausts(self, request: CacheRequest) -> bool:
        """Count a failed attempt; returns whether it was the request's last one."""
        request.attempts += 1
        if request.attempts < self._policy.attempts:
            request.owner.tally.retries += 1
            return False
        self._exhausted += 1
        return True

    def backoff_s(self, attempts: int) -> float:
        """Seconds to wait after so many failed attempts."""
        return backoff_s(attempts, self._policy.uniform)

    def hold_s(self) -> float:
        """Seconds to leave the host alone: longer each time."""
        self._holds += 1
        return self.backoff_s(self._holds)

    def say(self, problem: str, attempts: int, wait_s: float) -> None:
        """A line about a failed attempt and the next one, unless there were many already."""
        self._logged += 1
        if self._logged <= _SHOWN:
            next_one = f"attempt {attempts + 1} of {self._policy.attempts} in {wait_s:.1f} s"
            more = "; no more of these are shown" if self._logged == _SHOWN else ""
            self._log(f"{self._host}: {problem}; {next_one}{more}")
