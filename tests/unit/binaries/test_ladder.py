"""The ladder: what moves on, what stops, and that every attempt is recorded."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from nanna_ci.binaries.ladder import AttemptOutcome, Built, Failed, Impossible, Result, climb
from nanna_ci.foundation.errors import ConfigError, NannaError, ToolMissing
from nanna_ci.pipeline.vocabulary import Strategy

BUILT = Built(Path("/nix/store/x"), "x.drv")


def clock_of(*seconds: float) -> Callable[[], float]:
    ticks: Iterator[float] = iter(seconds)
    return lambda: next(ticks)


def test_the_first_that_builds_ends_the_climb() -> None:
    answers: dict[Strategy, Result] = {
        Strategy.NIX: Impossible("another machine"),
        Strategy.NIX_CROSS: Failed("the linker", ("line",)),
        Strategy.BUILDER: BUILT,
    }
    result = climb(list(Strategy), answers.__getitem__, clock_of(0, 1, 1, 4, 4, 9))
    assert [(a.strategy, a.outcome, a.seconds, a.reason) for a in result.attempts] == [
        (Strategy.NIX, AttemptOutcome.IMPOSSIBLE, 1, "another machine"),
        (Strategy.NIX_CROSS, AttemptOutcome.FAILED, 3, "the linker"),
        (Strategy.BUILDER, AttemptOutcome.BUILT, 5, None),
    ]
    assert result.attempts[1].log_tail == ("line",)
    assert (result.chosen, result.built) == (Strategy.BUILDER, BUILT)


def test_nothing_is_chosen_where_all_fail() -> None:
    result = climb([Strategy.NIX, Strategy.BUILDER], lambda _: Failed("no"), clock_of(0, 1, 1, 2))
    assert (result.chosen, result.built, result.only_impossible) == (None, None, False)
    assert len(result.attempts) == 2


def test_a_climb_of_impossible_attempts_is_distinguished() -> None:
    assert climb([Strategy.NIX], lambda _: Impossible("no"), clock_of(0, 1)).only_impossible


@pytest.mark.parametrize("error", [ConfigError("flake .", "there is no attribute x"), ToolMissing("rustc", "gone")])
def test_an_error_is_not_a_reason_to_fall_back(error: NannaError) -> None:
    tried: list[Strategy] = []

    def attempt(strategy: Strategy) -> Result:
        tried.append(strategy)
        raise error

    with pytest.raises(type(error)):
        climb(list(Strategy), attempt, clock_of(0, 1, 2))
    assert tried == [Strategy.NIX]
