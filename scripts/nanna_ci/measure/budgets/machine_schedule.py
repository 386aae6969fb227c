"""When each machine of a run starts and ends, where an account has only so many at once.

A job starts in the order of the plan as soon as a machine is free for it; a job that must wait for macOS lets others
go first. Machines depend on nothing else: what a job needs runs on its own machine.
"""

from __future__ import annotations

import enum
import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final


class AccountPlan(enum.StrEnum):
    """What an account pays GitHub for: it decides how many machines it has at once."""

    FREE = "free"
    PRO = "pro"
    TEAM = "team"
    ENTERPRISE = "enterprise"


@dataclass(frozen=True, slots=True)
class MachineLimits:
    """Machines at once, over all repositories of an account: in `total`, and of those with macOS. At least 1 each."""

    total: int
    macos: int

    def __post_init__(self) -> None:
        if min(self.total, self.macos) < 1:
            raise ValueError(f"{self.total} machines, {self.macos} with macOS: nothing would ever end")


ACCOUNT_LIMITS: Final[Mapping[AccountPlan, MachineLimits]] = {
    AccountPlan.FREE: MachineLimits(20, 5),
    AccountPlan.PRO: MachineLimits(40, 5),
    AccountPlan.TEAM: MachineLimits(60, 5),
    AccountPlan.ENTERPRISE: MachineLimits(500, 50),
}
"""Of GitHub's standard runners, public repositories too: docs.github.com/en/actions/reference/limits, "Job concurrency
limits for GitHub-hosted runners". GitHub may change them, and raises them for those who ask."""


@dataclass(frozen=True, slots=True)
class MachineSchedule:
    """By machine, in the order of the plan: when it starts and ends, and whose end let it start (None: nobody's)."""

    starts_s: tuple[float, ...]
    ends_s: tuple[float, ...]
    after: tuple[int | None, ...]

    @property
    def wall_s(self) -> float:
        """From the first start to the last end; 0 for no machine."""
        return max(self.ends_s, default=0.0)

    @property
    def critical_path(self) -> tuple[int, ...]:
        """The machines that the last one to end waited for, one after the other, and itself."""
        path: list[int] = []
        at = self.ends_s.index(self.wall_s) if self.ends_s else None
        while at is not None:
            path.append(at)
            at = self.after[at]
        return tuple(reversed(path))

    @property
    def machines_at_once(self) -> int:
        """The most that are busy at a moment."""
        moments = sorted([(end, -1) for end in self.ends_s] + [(start, 1) for start in self.starts_s])
        busy = most = 0
        for _, change in moments:
            busy += change
            most = max(most, busy)
        return most


def schedule_machines(seconds: Sequence[float], is_macos: Sequence[bool], limits: MachineLimits) -> MachineSchedule:
    """Start every machine as early as the limits let it; `seconds` is how long each is busy, 0 or more."""
    waiting = {
        macos: [number for number in reversed(range(len(seconds))) if is_macos[number] is macos]
        for macos in (False, True)
    }
    others, macos_only = waiting[False], waiting[True]
    starts, ends = [0.0] * len(seconds), [0.0] * len(seconds)
    after: list[int | None] = [None] * len(seconds)
    busy: list[tuple[float, int]] = []
    busy_macos, now, ended = 0, 0.0, None
    while others or macos_only:
        while len(busy) < limits.total:
            if macos_only and busy_macos < limits.macos and not (others and others[-1] < macos_only[-1]):
                number = macos_only.pop()
                busy_macos += 1
            elif others:
                number = others.pop()
            else:
                break
            starts[number], ends[number], after[number] = now, now + seconds[number], ended
            heapq.heappush(busy, (ends[number], number))
        if not busy:
            break
        now, ended = heapq.heappop(busy)
        busy_macos -= is_macos[ended]
    return MachineSchedule(tuple(starts), tuple(ends), tuple(after))
