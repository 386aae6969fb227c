"""How many connections a host gets: more while it keeps up, half as soon as it does not. Pure; times are given."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

_SLOWDOWN: Final = 2.0
_SMOOTHING: Final = 1 / 16
_NOISE_S: Final = 0.002  # differences below that are our own scheduling


class ConnectionWindow:
    """The number of connections to one host: `start` at first, never over `most`, never under 1.

    As in TCP, every answer allows one more, so that each round doubles them, up to the first sign of overload;
    from half of that on, each round adds one. Growth pauses while answers take more than twice as long as the first
    `start` of them did: requests then wait at the host, and more of them would only wait longer.
    """

    __slots__ = ("_base_s", "_counted", "_first_round", "_halved_s", "_limit", "_most", "_recent_s", "_threshold")

    def __init__(self, start: int, most: int) -> None:
        self._most = max(1, most)
        self._limit = float(max(1, min(start, self._most)))
        self._threshold = math.inf
        self._first_round = int(self._limit)
        self._counted = 0
        self._base_s = 0.0
        self._recent_s = 0.0
        self._halved_s = -math.inf

    @property
    def limit(self) -> int:
        """Connections that may be open now."""
        return int(self._limit)

    def succeed(self, seconds: float) -> None:
        """A request was answered in so many seconds."""
        if self._counted < self._first_round:
            self._counted += 1
            self._base_s += (seconds - self._base_s) / self._counted
            self._recent_s = self._base_s
        else:
            self._recent_s += (seconds - self._recent_s) * _SMOOTHING
        if self._limit < self._most and self._recent_s <= _SLOWDOWN * self._base_s + _NOISE_S:
            self._limit = min(self._most, self._limit + (1.0 if self._limit < self._threshold else 1.0 / self._limit))

    def halve(self, sent_s: float, now_s: float) -> None:
        """A request failed that was sent then: rejected, reset, or not answered in time.

        Those that were sent before the last halving carry no new information.
        """
        if sent_s >= self._halved_s:
            self._halved_s = now_s
            self._limit = self._threshold = max(1.0, self._limit / 2)


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """Connections to a host, at first and at most: near by (this machine, a private network), and far away."""

    near_start: int
    near_most: int
    far_start: int
    far_most: int

    def window(self, *, is_near: bool) -> ConnectionWindow:
        """The window for such a host."""
        start, most = (self.near_start, self.near_most) if is_near else (self.far_start, self.far_most)
        return ConnectionWindow(start, most)
