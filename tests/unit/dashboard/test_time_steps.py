"""Runs shared out over steps."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from nanna_ci.dashboard.time_steps import COMPARED_RUNS, plan_steps, spread_intervals, spread_values, usual_value
from nanna_ci.measure.history.records import BenchmarkValue, Metric

VALUES = st.lists(st.none() | st.floats(0, 1e9), max_size=400)


@given(st.integers(0, 20_000), st.integers(2, 300))
def test_every_run_is_in_one_step_and_there_are_no_more_steps_than_asked_for(runs, most):
    steps = plan_steps(runs, most)
    ranges = list(steps.ranges())
    assert len(steps) == len(ranges) <= most
    assert [at for start, end in ranges for at in range(start, end)] == list(range(runs))
    assert all(end - start == 1 for start, end in ranges[steps.exact_from :])


def test_the_newer_half_of_many_runs_has_a_step_for_each():
    steps = plan_steps(5000, 120)
    ranges = list(steps.ranges())
    assert len(steps) - steps.exact_from == 60
    assert {end - start for start, end in ranges[: steps.exact_from - 1]} == {83}


@given(VALUES, st.integers(2, 120))
def test_a_spread_holds_every_value_of_its_runs_and_nothing_is_made_up(values, most):
    steps = plan_steps(len(values), most)
    for (start, end), spread in zip(steps.ranges(), spread_values(values, steps), strict=True):
        measured = [value for value in values[start:end] if value is not None]
        if spread is None:
            assert not measured
        else:
            assert (spread[0], spread[2]) == (min(measured), max(measured))
            assert spread[0] <= spread[1] <= spread[2]


def test_a_peak_among_many_old_runs_stays_in_sight():
    values = [10.0] * 5000
    values[17] = 900.0
    assert spread_values(values, plan_steps(5000, 120))[0] == (10.0, 10.0, 900.0)


def test_an_interval_is_as_wide_as_the_widest_of_its_runs():
    def value(middle: float, low: float | None, high: float | None) -> BenchmarkValue:
        return BenchmarkValue("b", Metric.TIME, "ns", middle, low, high)

    found = spread_intervals([value(10, 9, 12), None, value(11, None, None)], plan_steps(3, 120))
    assert found == ((9, 10, 12), None, (11, 11, 11))
    both = spread_intervals([value(10, 9, 12)] * 3 + [value(20, 5, 21)] * 3, plan_steps(6, 2))
    assert both[0] == (5, 10, 21)


def test_what_is_usual_leaves_out_the_latest_value_and_what_nobody_measured():
    assert usual_value([1.0, None, 3.0, 100.0]) == 2.0
    assert usual_value([1.0, 3.0, None]) == 2.0
    assert usual_value([5.0]) is None
    assert usual_value([1000.0] * 10 + [1.0] * COMPARED_RUNS + [7.0]) == 1.0
