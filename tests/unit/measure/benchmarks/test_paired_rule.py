"""The rule over pairs: its answers at and beside each limit, and the arithmetic of its false alarms."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import pytest

from nanna_ci.foundation.errors import MalformedData
from nanna_ci.measure.benchmarks.paired_rule import (
    PairDecision,
    PairVerdict,
    chance_of_warning,
    decide_pairs,
    pair_ratio,
    rank_for,
)

NOT_RATIOS = [math.nan, math.inf, -math.inf, 0.0, -1.0]


def decide(ratios: Sequence[float], *, limit: float = 2.0, benchmarks: int = 20) -> PairDecision:
    return decide_pairs(ratios, regression_ratio=limit, benchmarks=benchmarks)


def pairs_with(low: float, median: float, high: float) -> list[float]:
    """25 ratios whose 5th smallest, 13th and 5th largest are those, in an order that helps nobody."""
    ordered = [low] * 5 + [(low + median) / 2] * 7 + [median] + [(median + high) / 2] * 7 + [high] * 5
    return ordered[::2] + ordered[1::2]


def test_five_pairs_pass_with_a_median_of_1_05_and_not_with_more() -> None:
    assert decide([9, 9, 1.05, 0.9, 0.9]).verdict is PairVerdict.PASS
    more = decide([9, 9, math.nextafter(1.05, 2), 0.9, 0.9])
    assert (more.verdict, more.low, more.high) == (PairVerdict.MORE_PAIRS, None, None)


@pytest.mark.parametrize("pairs", [0, 1, 4, *range(6, 25)])
def test_other_numbers_of_pairs_decide_nothing_however_good_or_bad(pairs: int) -> None:
    for ratio in (0.5, 1.0, 5.0):
        decision = decide([ratio] * pairs)
        assert (decision.verdict, decision.pairs) == (PairVerdict.MORE_PAIRS, pairs)
        assert decision.median == (ratio if pairs else None)


def test_25_pairs_warn_where_low_is_over_1_and_the_median_over_1_10() -> None:
    decision = decide(pairs_with(1.01, 1.2, 1.5))
    assert (decision.verdict, decision.low, decision.median, decision.high) == (PairVerdict.WARN, 1.01, 1.2, 1.5)


@pytest.mark.parametrize(
    ("low", "median", "high", "verdict"),
    [
        (1.0, 1.2, 1.5, PairVerdict.PASS),
        (math.nextafter(1, 2), 1.2, 1.5, PairVerdict.WARN),
        (1.05, 1.10, 1.5, PairVerdict.PASS),
        (1.05, math.nextafter(1.10, 2), 1.5, PairVerdict.WARN),
        (1.5, 1.8, 2.0, PairVerdict.FAIL),
        (1.5, 1.8, math.nextafter(2, 1), PairVerdict.WARN),
        (0.99, 2.5, 9.0, PairVerdict.PASS),
        (1.05, 1.10, 9.0, PairVerdict.PASS),
    ],
)
def test_each_limit_decides_exactly_at_its_number(low: float, median: float, high: float, verdict: PairVerdict) -> None:
    assert decide(pairs_with(low, median, high)).verdict is verdict


def test_the_regression_ratio_is_the_one_that_is_given() -> None:
    assert decide(pairs_with(1.2, 1.4, 1.5), limit=1.5).verdict is PairVerdict.FAIL
    assert decide(pairs_with(1.2, 1.4, 2.9), limit=3).verdict is PairVerdict.WARN


@pytest.mark.parametrize("limit", [math.nan, math.inf, 1.0, 0.0, -2.0])
def test_a_regression_ratio_that_could_never_fail_a_benchmark_is_refused(limit: float) -> None:
    with pytest.raises(ValueError, match="regression ratio"):
        decide([1.0] * 25, limit=limit)


def test_exactly_equal_counts_pass_and_a_constant_rise_warns() -> None:
    assert decide([1.0] * 5).verdict is PairVerdict.PASS
    assert decide([1.0] * 25).verdict is PairVerdict.PASS
    assert decide([1.08] * 25).verdict is PairVerdict.PASS
    assert decide([1.2] * 25).verdict is PairVerdict.WARN
    assert decide([2.0] * 25).verdict is PairVerdict.FAIL


def test_an_improvement_is_reported_by_the_same_measure_and_passes() -> None:
    faster = decide(pairs_with(0.6, 0.8, 0.99))
    assert (faster.verdict, faster.improved) == (PairVerdict.PASS, True)
    assert "faster" in faster.reason
    assert not decide(pairs_with(0.6, 0.8, 1.0)).improved
    assert not decide(pairs_with(0.6, 0.95, 0.99)).improved
    five = decide([0.5] * 5)
    assert not five.improved
    assert "too few to call it faster" in five.reason
    assert "too few" not in decide([0.5, 0.5, 0.5, 0.5, 1.0]).reason


@pytest.mark.parametrize("wrong", NOT_RATIOS)
@pytest.mark.parametrize("pairs", [1, 5, 25])
def test_a_ratio_that_is_not_positive_and_finite_is_refused_and_named(wrong: float, pairs: int) -> None:
    with pytest.raises(MalformedData, match=rf"^crc32: the ratio of pair {pairs} is .*not a positive number"):
        decide_pairs([1.0] * (pairs - 1) + [wrong], regression_ratio=2.0, benchmarks=1, name="crc32")


@pytest.mark.parametrize("wrong", NOT_RATIOS)
def test_a_baseline_or_value_of_zero_nan_or_less_is_refused(wrong: float) -> None:
    with pytest.raises(MalformedData, match=r"^crc32: the value of base is"):
        pair_ratio(wrong, 1.0, "crc32")
    with pytest.raises(MalformedData, match=r"^crc32: the value of head is"):
        pair_ratio(1.0, wrong, "crc32")
    assert pair_ratio(4.0, 6.0, "crc32") == 1.5


@pytest.mark.parametrize(("base", "head"), [(1e-300, 1e300), (1e300, 1e-300)])
def test_a_ratio_beyond_what_a_number_holds_is_refused(base: float, head: float) -> None:
    with pytest.raises(MalformedData, match="the ratio of head to base is"):
        pair_ratio(base, head, "crc32")


def test_more_pairs_than_the_rule_has_ranks_for_are_refused() -> None:
    with pytest.raises(ValueError, match="26 pairs"):
        decide([1.0] * 26)


def test_the_chance_of_a_false_warning_is_the_binomial_sum() -> None:
    assert chance_of_warning(5) == (1 + 25 + 300 + 2300 + 12650) / 2**25
    assert f"{chance_of_warning(5):.4%} {20 * chance_of_warning(5):.2%}" == "0.0455% 0.91%"


def test_the_rank_falls_so_that_a_run_stays_under_1_percent() -> None:
    steps = {1: 5, 20: 5, 21: 5, 22: 4, 127: 4, 128: 3, 1029: 3, 1030: 2, 12905: 2, 12906: 1, 335544: 1, 10**9: 1}
    assert {count: rank_for(count) for count in steps} == steps
    for count in itertools.chain(range(1, 2000), range(2000, 330_000, 997)):
        rank = rank_for(count)
        assert count * chance_of_warning(rank) < 0.01
        assert rank == 5 or count * chance_of_warning(rank + 1) >= 0.01


@pytest.mark.parametrize("benchmarks", [0, -1])
def test_a_run_of_no_benchmarks_has_no_rank(benchmarks: int) -> None:
    with pytest.raises(ValueError, match="benchmarks"):
        rank_for(benchmarks)


def test_with_many_benchmarks_one_low_pair_more_is_enough_against_a_warning() -> None:
    ratios = [0.9] * 4 + [1.2] * 21
    assert decide(ratios, benchmarks=20).verdict is PairVerdict.WARN
    assert decide(ratios, benchmarks=100).verdict is PairVerdict.PASS


def test_exhausting_the_signs_of_25_pairs_gives_the_chance_of_a_warning() -> None:
    """Each ratio is slow or fast with equal chance: the share of warnings, counted over the number of slow ones."""
    warned = sum(
        math.comb(25, slow)
        for slow in range(26)
        if decide([1.2] * slow + [1 / 1.2] * (25 - slow)).verdict is not PairVerdict.PASS
    )
    assert warned / 2**25 == chance_of_warning(5)
