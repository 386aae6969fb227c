"""Finds where a series of values has changed its level for good: E-divisive, over ranks.

E-divisive (Matteson and James, 2014) cuts a series where the energy distance between the two parts is largest, keeps
the cut if a permutation test finds it significant, and goes on with both parts. MongoDB and Apache Otava look for
changes of benchmarks with it, in windows of 50 values as here.

The distance is that of the values' ranks and not of the values: an outlier then weighs no more than any other value,
nothing depends on the unit, and what the permutation test finds depends on the length alone. Its critical values are
therefore a table: p <= 0.001 takes one look instead of a thousand permutations of each window. The price is that a
large step shows after five runs, where distances of values show it after three.

What is found is reported and decides nothing: one window in a thousand shows a change by chance.
"""

from __future__ import annotations

import bisect
import itertools
import math
import random
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

WINDOW: Final = 50
MAX_P: Final = 0.001
# The smallest part that can be significant, and the strength that p <= 0.001 takes for each length from there to the
# window's: of 200,000 permutations of distinct ranks. A test draws some of them again.
SHORTEST: Final = 14
CRITICAL: Final = (
    30.33, 34.84, 39.37, 40.15, 43.23, 45.47, 48.13, 51.67, 54.26, 57.56, 60.31, 63.76, 67.38, 69.94, 73.48, 76.58,
    80.32, 82.28, 86.41, 89.21, 93.08, 95.80, 99.76, 102.33, 104.33, 108.59, 113.44, 115.18, 118.59, 120.58, 124.11,
    126.51, 129.57, 133.39, 136.55, 141.86, 142.64,
)  # fmt: skip
_FEWEST_OF_A_PART: Final = 2


@dataclass(frozen=True, slots=True)
class ChangePoint:
    """A change of the level before the value at `index`.

    `before` and `after` are the medians from the change before this one, and to the one after it.
    """

    index: int
    before: float
    after: float

    @property
    def ratio(self) -> float | None:
        """Over 1: the values became larger. None if they were 0 before."""
        return self.after / self.before if self.before else None


def find_change_points(values: Sequence[float]) -> list[ChangePoint]:
    """The changes in `values`, which are in the order of their runs, in that order.

    Windows of 50 values start every 25 values, and again at each change, so that a change is near the middle of some
    window. Fewer than 14 values have none.

    Raises:
        ValueError: a value that is not finite.
    """
    if not all(map(math.isfinite, values)):
        raise ValueError("a value that is not finite has no rank")
    if len(values) < SHORTEST:
        return []
    cuts: list[int] = []
    start = 0
    while len(values) - start >= SHORTEST:
        found = [start + index for index in _cuts_of(values[start : start + WINDOW])]
        cuts += found
        if start + WINDOW >= len(values):
            break
        start = max([start + WINDOW // 2, *found[-1:]])
    edges = [0, *cuts, len(values)]
    levels = [statistics.median(values[low:high]) for low, high in itertools.pairwise(edges)]
    return [ChangePoint(*one) for one in zip(cuts, levels, levels[1:], strict=False)]


def _cuts_of(values: Sequence[float]) -> list[int]:
    """Where a window is cut, in order."""
    if len(values) < SHORTEST:
        return []
    limit = CRITICAL[len(values) - SHORTEST]
    strength, index = strongest_cut(ranks(values))
    if strength < limit or (len(set(values)) < len(values) and strongest_cut(_distinct_ranks(values))[0] < limit):
        return []
    after = [index + further for further in _cuts_of(values[index:])]
    return [*_cuts_of(values[:index]), index, *after]


def ranks(values: Sequence[float]) -> list[float]:
    """From 0; equal values share the mean of their ranks."""
    ordered = sorted(values)
    middle = {
        value: (bisect.bisect_left(ordered, value) + bisect.bisect_right(ordered, value) - 1) / 2 for value in ordered
    }
    return [middle[value] for value in values]


def _distinct_ranks(values: Sequence[float]) -> list[float]:
    """Ranks in which equal values are put in an order by chance, which is the same each time.

    The critical values are those of distinct ranks; two values by turns, as counts can be, reach them five times as
    often. Only both together are a change: these ranks alone would find one in a constant series of a thousand.
    """
    draw = random.Random(0)  # noqa: S311 - no secret: it has to be the same each time
    ordered = sorted((value, draw.random(), index) for index, value in enumerate(values))
    places = sorted((index, rank) for rank, (_, _, index) in enumerate(ordered))
    return [float(rank) for _, rank in places]


def strongest_cut(values: Sequence[float]) -> tuple[float, int]:
    """The largest energy statistic of all cuts, and the index before which that cut is; (0, 0) if all are equal.

    The statistic is mn/(m + n) times twice the mean distance between the parts, less the mean distance within each.
    The sums are kept up to date while one value after the other changes sides; `left` is sorted, so that the distances
    of a value to all of it need no loop.
    """
    count = len(values)
    to_all = _distances_to_all(values)
    total = sum(to_all[value] for value in values) / 2
    left: list[float] = []
    left_sum = within_left = 0.0
    within_right = total
    best, best_index = 0.0, 0
    for index, value in enumerate(values):
        others = count - index
        if index >= _FEWEST_OF_A_PART and others >= _FEWEST_OF_A_PART:
            strength = (
                2 * (total - within_left - within_right)
                - 2 * others / (index - 1) * within_left
                - 2 * index / (others - 1) * within_right
            )
            if strength > best:
                best, best_index = strength, index
        place = bisect.bisect_left(left, value)
        to_left = left_sum - 2 * sum(left[:place]) + value * (2 * place - index)
        left.insert(place, value)
        left_sum += value
        within_left += to_left
        within_right -= to_all[value] - to_left
    return best / count, best_index


def _distances_to_all(values: Sequence[float]) -> dict[float, float]:
    """For each value the sum of its distances to all values."""
    ordered = sorted(values)
    everything = sum(ordered)
    distances: dict[float, float] = {}
    below = 0.0
    for place, value in enumerate(ordered):
        distances.setdefault(value, everything - 2 * below + value * (2 * place - len(ordered)))
        below += value
    return distances
