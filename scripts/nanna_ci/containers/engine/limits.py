"""The limits of a container, and whether the machine enforces them."""

from __future__ import annotations

import enum
import math
from dataclasses import dataclass
from typing import Final

from nanna_ci.report.units import bytes_text, seconds_text

PIDS: Final = 512
UNREADABLE: Final = "the kernel's answer cannot be read from here"
TMP_BYTES: Final = 256 * 1024 * 1024
BASE_BYTES: Final = 1024 * 1024 * 1024
_PAGE_BYTES: Final = 64 * 1024  # the largest page: kernels round a memory limit to whole ones
_TEST_S: Final = 300  # for everything that is not the start


@dataclass(frozen=True, slots=True)
class ContainerLimits:
    """The most that a container gets. `time_s` is for its whole test; None: the machine refuses such a limit."""

    memory_bytes: int | None
    pids: int | None
    time_s: float


@dataclass(frozen=True, slots=True)
class Controllers:
    """Whether the engine can limit something on this machine; None if it does not say."""

    memory: bool | None = None
    pids: bool | None = None


@dataclass(frozen=True, slots=True)
class Effective:
    """The limits that the kernel enforces on a running container; None if that cannot be read. No limit is infinity."""

    memory_bytes: float | None = None
    pids: float | None = None


class Force(enum.Enum):
    """The outcome of a limit."""

    HELD = "held"
    REFUSED = "refused"
    UNVERIFIED = "unverified"


@dataclass(frozen=True, slots=True)
class LimitReport:
    """One limit as the report shows it; `reason` says why it is not enforced, None if it is."""

    name: str
    wanted: str
    force: Force
    reason: str | None


def plan_limits(image_bytes: int, health_timeout_s: float) -> ContainerLimits:
    """The limits of an image's test. A model is about as large in memory as in its image; twice leaves a margin."""
    return ContainerLimits(BASE_BYTES + 2 * image_bytes, PIDS, health_timeout_s + _TEST_S)


def possible_limits(wanted: ContainerLimits, controllers: Controllers) -> ContainerLimits:
    """The limits without those that the engine would refuse, or drop with a warning."""
    return ContainerLimits(
        None if controllers.memory is False else wanted.memory_bytes,
        None if controllers.pids is False else wanted.pids,
        wanted.time_s,
    )


def report_limits(
    wanted: ContainerLimits, given: ContainerLimits, effective: Effective, refusal: str | None, unread: str = UNREADABLE
) -> tuple[LimitReport, ...]:
    """The outcome of each limit.

    `given` is the limit that was requested; `refusal` is the engine's refusal of it. `unread` is why there is nothing
    in `effective`, if there is nothing.
    """
    assert wanted.memory_bytes is not None
    assert wanted.pids is not None
    because = refusal or "the machine's control groups have no such limit"
    memory = (wanted.memory_bytes + _PAGE_BYTES, given.memory_bytes, effective.memory_bytes)
    pids = (wanted.pids, given.pids, effective.pids)
    return (
        LimitReport("memory", bytes_text(wanted.memory_bytes), *_decide_force(*memory, because, unread)),
        LimitReport("processes", str(wanted.pids), *_decide_force(*pids, because, unread)),
        LimitReport("time", seconds_text(wanted.time_s), Force.HELD, None),
    )


def _decide_force(
    most: int, given: int | None, effective: float | None, because: str, unread: str
) -> tuple[Force, str | None]:
    if given is None:
        return Force.REFUSED, because
    if effective is None:
        return Force.UNVERIFIED, unread
    if effective > most:
        return Force.REFUSED, f"the kernel limits it to {'nothing' if effective == math.inf else f'{effective:.0f}'}"
    return Force.HELD, None
