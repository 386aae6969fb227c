"""Change points do not depend on the unit, and are where a level changes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from nanna_ci.measure.benchmarks.change_points import find_change_points

# whole numbers, which a shift and a scale move without rounding
series = st.lists(st.integers(-1000, 1000).map(float), max_size=130)
steps = st.tuples(st.integers(0, 20), st.integers(0, 20)).map(
    lambda parts: [1.0] * (20 + parts[0]) + [9.0] * (20 + parts[1])
)
shifts = st.integers(-(10**6), 10**6).map(float)
scales = st.sampled_from([0.25, 0.5, 2.0, 1024.0])


def places(values: list[float]) -> list[int]:
    return [point.index for point in find_change_points(values)]


@given(st.one_of(series, steps), shifts, scales)
def test_a_shift_and_a_scale_move_no_change(values: list[float], shift: float, scale: float) -> None:
    assert places([value * scale + shift for value in values]) == places(values)


@given(st.lists(st.integers(-1000, 1000).map(float), max_size=130, unique=True))
def test_read_upside_down_the_changes_are_the_same(values: list[float]) -> None:
    assert places([-value for value in values]) == places(values)


@given(st.floats(allow_nan=False, allow_infinity=False), st.integers(0, 200))
def test_a_constant_series_never_changes(value: float, count: int) -> None:
    assert places([value] * count) == []


@given(st.integers(20, 150), st.integers(20, 150), st.floats(-1e6, 1e6), st.floats(1e-3, 1e6))
def test_a_clean_step_is_found_where_it_is(before: int, after: int, level: float, step: float) -> None:
    assert places([level] * before + [level + step] * after) == [before]


@given(series)
def test_changes_are_inside_in_order_and_apart(values: list[float]) -> None:
    found = places(values)
    assert found == sorted(set(found))
    assert all(0 < index < len(values) for index in found)
