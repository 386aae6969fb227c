"""The ladder: per target the strategies in order, until one makes an executable for this very system.

Only an attempt that failed, or that is impossible here, moves on, and always for the same target. A missing attribute,
a broken evaluation or configuration is an error and ends the climb: falling back would hide it.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nanna_ci.pipeline.vocabulary import Strategy


class AttemptOutcome(enum.Enum):
    """The outcome of an attempt. IMPOSSIBLE: this machine lacks what the strategy needs; nothing was built."""

    BUILT = "built"
    FAILED = "failed"
    IMPOSSIBLE = "impossible"


@dataclass(frozen=True, slots=True)
class Built:
    """A build succeeded. `folder` has the executables (in `bin`, or itself); `derivation` is None outside of Nix."""

    folder: Path
    derivation: str | None = None


@dataclass(frozen=True, slots=True)
class Failed:
    """A build failed; `log_tail` are its last lines."""

    reason: str
    log_tail: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Impossible:
    """The strategy cannot be tried here."""

    reason: str


Result = Built | Failed | Impossible


@dataclass(frozen=True, slots=True)
class Attempt:
    """One rung: what was tried, its outcome, why, and how long it took."""

    strategy: Strategy
    outcome: AttemptOutcome
    seconds: float
    reason: str | None = None
    log_tail: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LadderResult:
    """All attempts, in order. `chosen` and `built` belong to the last one, and are None if none succeeded."""

    attempts: tuple[Attempt, ...]
    chosen: Strategy | None = None
    built: Built | None = None

    @property
    def only_impossible(self) -> bool:
        """Whether nothing could even be tried: then the result is unavailable rather than a failure."""
        return all(attempt.outcome is AttemptOutcome.IMPOSSIBLE for attempt in self.attempts)


def climb(
    strategies: Sequence[Strategy], attempt: Callable[[Strategy], Result], clock: Callable[[], float]
) -> LadderResult:
    """Try the strategies in order; stop at the first that builds. What `attempt` raises ends the climb."""
    attempts: list[Attempt] = []
    for strategy in strategies:
        started = clock()
        result = attempt(strategy)
        seconds = clock() - started
        match result:
            case Built():
                attempts.append(Attempt(strategy, AttemptOutcome.BUILT, seconds))
                return LadderResult(tuple(attempts), strategy, result)
            case Failed(reason, log_tail):
                attempts.append(Attempt(strategy, AttemptOutcome.FAILED, seconds, reason, log_tail))
            case Impossible(reason):
                attempts.append(Attempt(strategy, AttemptOutcome.IMPOSSIBLE, seconds, reason))
    return LadderResult(tuple(attempts))


def attempts_to_json(climbed: LadderResult) -> list[dict[str, Any]]:
    """The rungs, in the order they were tried."""
    return [
        {
            "strategy": attempt.strategy.value,
            "outcome": attempt.outcome.value,
            "seconds": round(attempt.seconds, 3),
            "reason": attempt.reason,
        }
        for attempt in climbed.attempts
    ]
