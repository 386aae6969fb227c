"""Change points: what is found in planted series, and that the table of critical values is what it says."""

from __future__ import annotations

import itertools
import math
import random
import statistics
import time

import pytest

from nanna_ci.measure.benchmarks.change_points import (
    CRITICAL,
    MAX_P,
    SHORTEST,
    WINDOW,
    ChangePoint,
    find_change_points,
    ranks,
    strongest_cut,
)


def noisy(level: float, count: int, seed: int = 1, spread: float = 0.05) -> list[float]:
    draw = random.Random(seed)
    return [level * math.exp(draw.gauss(0, spread)) for _ in range(count)]


def strength_by_definition(values: list[float], cut: int) -> float:
    """The energy statistic as Matteson and James define it, from all pairs of values."""
    left, right = values[:cut], values[cut:]
    between = statistics.fmean(abs(x - y) for x in left for y in right)
    within = [statistics.fmean(abs(x - y) for x, y in itertools.combinations(part, 2)) for part in (left, right)]
    return len(left) * len(right) / len(values) * (2 * between - within[0] - within[1])


def test_a_planted_step_is_found_at_its_place_with_its_levels() -> None:
    (found,) = find_change_points(noisy(100, 40) + noisy(130, 60, seed=2))
    assert found.index == 40
    assert (found.before, found.after) == (pytest.approx(100, rel=0.02), pytest.approx(130, rel=0.02))
    assert found.ratio == pytest.approx(1.3, rel=0.03)


def test_steps_up_and_down_in_a_long_series_are_each_found() -> None:
    levels = [100.0, 150.0, 100.0, 60.0, 61.0, 200.0]
    values = [one for number, level in enumerate(levels) for one in noisy(level, 123, seed=number)]
    found = find_change_points(values)
    large = [point.index for point in found if abs(point.after / point.before - 1) > 0.05]
    assert len(large) == 4
    assert all(abs(index - place) <= 1 for index, place in zip(large, [123, 246, 369, 615], strict=True))


def test_two_steps_within_one_window_are_both_found() -> None:
    values = noisy(100, 16) + noisy(130, 16, seed=2) + noisy(300, 18, seed=3)
    assert [point.index for point in find_change_points(values)] == [16, 32]
    assert [point.index for point in find_change_points(values[::-1])] == [18, 34]


def test_a_step_shows_after_five_runs_and_not_before() -> None:
    values = noisy(100, 45) + noisy(200, 5, seed=2)
    assert [point.index for point in find_change_points(values)] == [45]
    assert find_change_points(values[:-1]) == []


def test_single_outliers_are_no_change() -> None:
    values = noisy(100, 200)
    for index in (3, 50, 51, 120, 199):
        values[index] *= 50
    assert find_change_points(values) == []


def test_a_constant_series_has_no_change() -> None:
    assert find_change_points([7.0] * 500) == []
    assert find_change_points([0.0] * 500) == []


def test_exact_counts_that_step_once_have_one_change() -> None:
    assert find_change_points([1000.0] * 30 + [1001.0] * 30) == [ChangePoint(30, 1000.0, 1001.0)]
    assert find_change_points([0.0] * 30 + [5.0] * 30)[0].ratio is None


@pytest.mark.parametrize("count", [0, 1, 2, SHORTEST - 1])
def test_a_series_too_short_for_the_test_has_no_change(count: int) -> None:
    assert find_change_points([1.0] * (count // 2) + [9.0] * (count - count // 2)) == []


def test_the_shortest_series_shows_nothing_but_a_clean_cut() -> None:
    assert [point.index for point in find_change_points([*range(7), *range(100, 107)])] == [7]
    assert find_change_points([0, 1, 2, 3, 4, 100, 101, 5, 6, 102, 103, 104, 105, 106]) == []


@pytest.mark.parametrize("wrong", [math.nan, math.inf, -math.inf])
def test_a_value_without_a_rank_is_refused(wrong: float) -> None:
    with pytest.raises(ValueError, match="not finite"):
        find_change_points([1.0] * 20 + [wrong])


def test_what_was_found_stays_found_when_the_history_grows() -> None:
    values = noisy(100, 80) + noisy(140, 200, seed=2)
    for count in range(110, 280, 10):
        assert [point.index for point in find_change_points(values[:count])] == [80]


def test_the_strength_is_the_energy_statistic_of_the_best_cut() -> None:
    draw = random.Random(3)
    for _ in range(40):
        values = [float(draw.randrange(draw.choice([3, 10, 1000]))) for _ in range(draw.randrange(4, 40))]
        strength, index = strongest_cut(values)
        strengths = {cut: strength_by_definition(values, cut) for cut in range(2, len(values) - 1)}
        assert strength == pytest.approx(max(0.0, *strengths.values()))
        assert index == 0 or strengths[index] == pytest.approx(strength)


def test_equal_values_share_a_rank() -> None:
    assert ranks([5, 1, 5, 9, 5]) == [2, 0, 2, 4, 2]


def share_significant(values: list[float], permutations: int, seed: int) -> float:
    """How often a cut in a permutation of the values is significant."""
    draw, limit, found = random.Random(seed), CRITICAL[len(values) - SHORTEST], 0
    for _ in range(permutations):
        draw.shuffle(values)
        found += strongest_cut(values)[0] >= limit
    return found / permutations


@pytest.mark.parametrize("count", [20, 35, WINDOW])
def test_a_permutation_of_ranks_reaches_the_critical_value_once_in_a_thousand(count: int) -> None:
    share = share_significant([float(rank) for rank in range(count)], 12_000, seed=count)
    assert MAX_P / 2.5 < share < 2 * MAX_P  # 12 are expected: 4 to 24 of 12,000


def test_no_permutation_of_13_ranks_is_rare_enough_and_some_of_14_are() -> None:
    assert 2 / math.comb(13, 6) > MAX_P > 2 / math.comb(14, 7)
    clean = strongest_cut([float(rank) for rank in range(14)])[0]
    assert CRITICAL[0] <= clean < CRITICAL[0] + 0.01
    assert len(CRITICAL) == WINDOW - SHORTEST + 1
    assert list(CRITICAL) == sorted(CRITICAL)


@pytest.mark.parametrize(
    "kinds", [[*[0] * 25, *[1] * 25], [number % 3 for number in range(WINDOW)], [*[0] * 40, *range(1, 11)]]
)
def test_equal_values_make_a_false_change_no_more_frequent(kinds: list[int]) -> None:
    draw, found, series = random.Random(5), 0, [float(kind) for kind in kinds]
    for _ in range(4_000):
        draw.shuffle(series)
        found += bool(find_change_points(series))
    assert found < 12  # 4 are expected, and 22 without a second look at ties


def test_a_history_of_5000_runs_is_looked_through_in_a_moment() -> None:
    values = noisy(100, 5_000)
    started_s = time.process_time()
    found = find_change_points(values)
    assert time.process_time() - started_s < 1.0  # 0.02 s on a quiet machine
    assert len(found) <= 3
