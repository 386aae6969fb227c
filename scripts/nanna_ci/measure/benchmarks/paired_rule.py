"""Decides from pairs of measurements, base and head in turn on one machine, whether a benchmark became slower.

Five pairs first: a median ratio of at most 1.05 passes. Otherwise 25 pairs, those five among them. Their L and U are
the r-th smallest and the r-th largest ratio. Slower is what has L > 1 and a median over 1.10: that warns, and fails
where U reaches the regression ratio, that is where a regression of that size cannot be excluded.

Why ranks: if head did not become slower, each ratio is at most 1 with a probability of at least 1/2, and L > 1 takes
that at most r - 1 of 25 are. The probability is P(Bin(25, 1/2) <= r - 1), 0.0455 % for r = 5, whatever the distribution
of the noise, so long as the pairs are independent. The first five pairs and the median can only make it rarer.
docs/measuring.md has the arithmetic.
"""

from __future__ import annotations

import enum
import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from nanna_ci.foundation.errors import MalformedData

FIRST_PAIRS: Final = 5
ALL_PAIRS: Final = 25
PASSING_MEDIAN: Final = 1.05
SLOWER_MEDIAN: Final = 1.10
HIGHEST_RANK: Final = 5
FALSE_WARNINGS_A_RUN: Final = 0.01


class PairVerdict(enum.Enum):
    """What pairs of measurements say. WARN and FAIL need all 25 pairs; MORE_PAIRS is not an answer yet."""

    PASS = "pass"  # noqa: S105 - a verdict, not a password
    MORE_PAIRS = "more-pairs"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class PairDecision:
    """The answer for one benchmark.

    Ratios are head over base, so that 2.0 is twice as slow. `median` is None without pairs. `low` and `high` are L and
    U, None with fewer than 25 pairs. `improved` is for information: 25 pairs show that head is faster by the same
    measure (U < 1, the median below 1/1.10).
    """

    verdict: PairVerdict
    median: float | None
    low: float | None
    high: float | None
    pairs: int
    improved: bool
    reason: str


def pair_ratio(base: float, head: float, name: str) -> float:
    """Head over base of one pair; `name` is the benchmark's, for the error.

    Raises:
        MalformedData: a value that is not a positive finite number. Without a positive base nothing can be compared.
    """
    for side, value in (("base", base), ("head", head)):
        _check_positive(value, name, f"the value of {side}")
    return _check_positive(head / base, name, "the ratio of head to base")


def rank_for(benchmarks: int) -> int:
    """The rank r of L and U for a run of that many benchmarks.

    The highest, and 5 at most, with which a run where nothing became slower warns in less than 1 % of all runs: the
    sum over its benchmarks of P(Bin(25, 1/2) <= r - 1). 5 up to 21 benchmarks, 4 up to 127, 3 up to 1,029, 2 up to
    12,905; with more than 335,544 rank 1 no longer holds the limit.
    """
    if benchmarks < 1:
        raise ValueError(f"a run of {benchmarks} benchmarks")
    for rank in range(HIGHEST_RANK, 1, -1):
        if benchmarks * chance_of_warning(rank) < FALSE_WARNINGS_A_RUN:
            return rank
    return 1


def chance_of_warning(rank: int) -> float:
    """The most that L > 1 can happen to one benchmark that did not become slower: P(Bin(25, 1/2) <= rank - 1)."""
    return sum(math.comb(ALL_PAIRS, count) for count in range(rank)) / 2**ALL_PAIRS


def decide_pairs(
    ratios: Sequence[float], *, regression_ratio: float, benchmarks: int, name: str = "benchmark"
) -> PairDecision:
    """Decide one benchmark, by its name and its ratios, of a run that has that many `benchmarks`.

    Only two numbers of pairs are looked at, 5 and 25: any other below 25 gives MORE_PAIRS, since a rule that looks
    again after each pair would pass sooner or later. At the limits: a median of exactly 1.05 passes after five pairs,
    L of exactly 1 or a median of exactly 1.10 does not warn, U of exactly `regression_ratio` fails.

    Raises:
        MalformedData: a ratio that is not a positive finite number; it names `name` and the pair.
        ValueError: more than 25 pairs, or a `regression_ratio` that nothing could reach or everything would.
    """
    if not (math.isfinite(regression_ratio) and regression_ratio > 1):
        raise ValueError(f"a regression ratio of {regression_ratio}")
    pairs = len(ratios)
    if pairs > ALL_PAIRS:
        raise ValueError(f"{pairs} pairs, where {ALL_PAIRS} decide")
    for number, ratio in enumerate(ratios, 1):
        _check_positive(ratio, name, f"the ratio of pair {number}")
    ordered = sorted(ratios)
    median = statistics.median(ordered) if ordered else None
    if median is None or pairs < ALL_PAIRS:
        return _decide_early(ordered, median)
    rank = rank_for(benchmarks)
    low, high = ordered[rank - 1], ordered[-rank]
    verdict, reason = PairVerdict.PASS, f"median {median:.3f} of {pairs} pairs, not over {SLOWER_MEDIAN:.2f}"
    improved = high < 1 and median < 1 / SLOWER_MEDIAN
    if improved:
        reason = f"faster: median {median:.3f}, between {low:.3f} and {high:.3f} in {pairs} pairs"
    elif median > SLOWER_MEDIAN and low <= 1:
        reason = f"median {median:.3f}, but L is {low:.3f}: {pairs} pairs do not tell it from noise"
    elif median > SLOWER_MEDIAN and high < regression_ratio:
        verdict = PairVerdict.WARN
        reason = f"slower: median {median:.3f}, between {low:.3f} and {high:.3f} in {pairs} pairs"
    elif median > SLOWER_MEDIAN:
        verdict = PairVerdict.FAIL
        reason = (
            f"slower: median {median:.3f}, between {low:.3f} and {high:.3f} in {pairs} pairs: "
            f"{regression_ratio:g} times is not excluded"
        )
    return PairDecision(verdict, median, low, high, pairs, improved, reason)


def _decide_early(ordered: Sequence[float], median: float | None) -> PairDecision:
    """Pass, or more pairs: fewer than 25 never blame anybody."""
    pairs = len(ordered)
    verdict = PairVerdict.MORE_PAIRS
    if median is None or pairs < FIRST_PAIRS:
        reason = f"{pairs} of the {FIRST_PAIRS} pairs that a first answer takes"
    elif pairs > FIRST_PAIRS:
        reason = f"{pairs} of the {ALL_PAIRS} pairs that an answer takes"
    elif median > PASSING_MEDIAN:
        reason = f"median {median:.3f} of {pairs} pairs, over {PASSING_MEDIAN:.2f}: {ALL_PAIRS} pairs decide"
    else:
        verdict = PairVerdict.PASS
        reason = f"median {median:.3f} of {pairs} pairs, at most {PASSING_MEDIAN:.2f}"
        if ordered[-1] < 1:
            reason += f"; lower in all {pairs} pairs, which are too few to call it faster"
    return PairDecision(verdict, median, None, None, pairs, improved=False, reason=reason)


def _check_positive(value: float, name: str, what: str) -> float:
    if not (math.isfinite(value) and value > 0):
        raise MalformedData(
            name,
            f"{what} is {value:g}, not a positive number",
            hint="look at what the benchmark measured; nothing can be compared with it",
        )
    return value
