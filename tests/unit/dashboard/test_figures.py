"""Figures as charts and as JSON."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nanna_ci.dashboard.figures import Figure, FigureUnit, Panel, panel_block, panel_to_json, value_text
from nanna_ci.dashboard.time_steps import plan_steps, spread_values


def panel(values: list[float | None], unit: FigureUnit = FigureUnit.SECONDS) -> Panel:
    steps = plan_steps(len(values), 4)
    figure = Figure("a", unit, spread_values(values, steps), values[-1], None)
    return Panel("jobs", "Jobs", (figure,), steps, tuple(f"day {at}" for at in range(len(values))))


@pytest.mark.parametrize(
    ("unit", "value", "text"),
    [
        (FigureUnit.SECONDS, 75.0, "1 min 15 s"),
        (FigureUnit.SHARE, 0.875, "87.5 %"),
        (FigureUnit.BYTES, 1.5e6, "1.5 MB"),
        (FigureUnit.NANOSECONDS, 1.234e6, "1.23 ms"),
        (FigureUnit.NANOSECONDS, 0.4, "0.4 ns"),
        (FigureUnit.COUNT, 12_345_678.0, "12.3 M"),
        (FigureUnit.COUNT, 12.0, "12"),
    ],
)
def test_a_value_has_its_unit(unit, value, text):
    assert value_text(value, unit) == text


@pytest.mark.parametrize("high", [0.0, 0.003, 1.0, 59.0, 61.0, 1300.0, 90_000.0, 1e300])
@pytest.mark.parametrize("unit", [FigureUnit.SECONDS, FigureUnit.BYTES])
def test_an_axis_begins_at_nothing_and_reaches_every_value(unit, high):
    (trend,) = panel_block(panel([high], unit)).trends
    assert trend.ticks[0] == (0, "0")
    assert trend.ticks[-1][0] >= high
    assert len({label for _, label in trend.ticks}) == 3


@given(st.floats(1e-3, 1e15), st.floats(1, 4))
def test_an_axis_of_a_benchmark_holds_all_values_and_its_labels_differ(low, ratio):
    (trend,) = panel_block(panel([low, low * ratio], FigureUnit.NANOSECONDS)).trends
    assert trend.ticks[0][0] <= low
    assert low * ratio <= trend.ticks[-1][0]
    assert len({label for _, label in trend.ticks}) == 3
    if ratio > 2.01:
        assert trend.ticks[0][0] == 0


def test_an_axis_of_a_steady_benchmark_is_near_its_values():
    (trend,) = panel_block(panel([1.81e6, 3.02e6], FigureUnit.NANOSECONDS)).trends
    assert [label for _, label in trend.ticks] == ["1.6 ms", "2.4 ms", "3.2 ms"]


def test_an_axis_of_high_shares_begins_where_its_label_says():
    (trend,) = panel_block(panel([0.93, 0.95], FigureUnit.SHARE)).trends
    assert trend.ticks[0] == (0.9, "90 %")
    (trend,) = panel_block(panel([0.03, 0.95], FigureUnit.SHARE)).trends
    assert trend.ticks[0] == (0, "0")


def test_a_chart_that_folds_runs_says_how_many():
    block = panel_block(panel([float(at) for at in range(22)]))
    assert block.note == "shaded: up to 10 runs a step"
    assert block.ends == ("day 0", "day 20", "day 21")
    assert panel_block(panel([1.0, 2.0])).note == ""


def test_what_the_last_run_did_not_measure_is_unknown():
    (trend,) = panel_block(panel([1.0, None])).trends
    assert trend.text is None
    assert panel_to_json(panel([1.0, None]))["figures"][0]["latest"] is None


def test_json_has_for_each_step_its_runs_and_its_range():
    body = panel_to_json(panel([1.0, 5.0, 2.0, 3.0, 4.0, 4.5]))
    assert body["steps"] == [
        {"first": "day 0", "runs": 2},
        {"first": "day 2", "runs": 2},
        {"first": "day 4", "runs": 1},
        {"first": "day 5", "runs": 1},
    ]
    assert body["figures"][0]["values"] == [[1, 3, 5], [2, 2.5, 3], [4, 4, 4], [4.5, 4.5, 4.5]]
