"""A treemap keeps its promise: areas as sizes, everything inside, nothing over anything else."""

from __future__ import annotations

import itertools
import math

from hypothesis import given
from hypothesis import strategies as st

from nanna_ci.report.treemap import Rectangle, squarify

PLACE = Rectangle(10.0, 20.0, 400.0, 300.0)
sizes = st.lists(st.floats(0, 1e12, allow_nan=False), max_size=12).map(lambda some: sorted(some, reverse=True))


def area(one: Rectangle) -> float:
    return one.width * one.height


@given(sizes)
def test_areas_are_to_each_other_as_sizes(values: list[float]) -> None:
    total = math.fsum(values)
    for value, one in zip(values, squarify(values, PLACE), strict=True):
        assert math.isclose(area(one), area(PLACE) * value / total if total else 0.0, rel_tol=1e-6, abs_tol=1e-3)


@given(sizes)
def test_every_rectangle_is_inside_and_none_covers_another(values: list[float]) -> None:
    drawn = squarify(values, PLACE)
    slack = 1e-6 * PLACE.width
    for one in drawn:
        assert one.x >= PLACE.x - slack
        assert one.y >= PLACE.y - slack
        assert one.x + one.width <= PLACE.x + PLACE.width + slack
        assert one.y + one.height <= PLACE.y + PLACE.height + slack
    for one, other in itertools.combinations(drawn, 2):
        wide = min(one.x + one.width, other.x + other.width) - max(one.x, other.x)
        high = min(one.y + one.height, other.y + other.height) - max(one.y, other.y)
        assert min(wide, high) <= slack


def test_equal_sizes_are_near_to_squares() -> None:
    for one in squarify([1.0] * 12, PLACE):
        assert max(one.width / one.height, one.height / one.width) < 2
