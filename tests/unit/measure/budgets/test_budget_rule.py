from __future__ import annotations

import math

import pytest

from nanna_ci.foundation.verdict import Verdict
from nanna_ci.measure.budgets.budget_rule import (
    BudgetTarget,
    Measurement,
    budgets_table,
    budgets_to_json,
    decide_budget,
    decide_budgets,
    over_budget,
)
from nanna_ci.pipeline.definition import Budget

BUDGET = Budget(
    cache_hit_rate=0.85,
    pipeline_s=1200,
    image_s=600,
    binary_s=300,
    parallel_jobs=30,
    cache_bytes=50_000_000_000,
    artifact_bytes=100_000_000,
    regression_ratio=2.0,
)


@pytest.mark.parametrize(
    ("target", "value", "limit", "verdict"),
    [
        (BudgetTarget.CACHE_HIT_RATE, 0.85, 0.85, Verdict.PASS),
        (BudgetTarget.CACHE_HIT_RATE, 0.8499, 0.85, Verdict.FAIL),
        (BudgetTarget.CACHE_HIT_RATE, 0.0, 0.85, Verdict.FAIL),
        (BudgetTarget.PIPELINE, 1200, 1200, Verdict.PASS),
        (BudgetTarget.PIPELINE, 1200.001, 1200, Verdict.FAIL),
        (BudgetTarget.PIPELINE, 0.0, 1200, Verdict.PASS),
        (BudgetTarget.ARTIFACT, 100_000_001, 100_000_000, Verdict.FAIL),
        (BudgetTarget.REGRESSION, 2.0, 2.0, Verdict.PASS),
    ],
)
def test_a_value_at_the_limit_keeps_it_and_one_beyond_fails(
    target: BudgetTarget, value: float, limit: float, verdict: Verdict
):
    for strict in (False, True):
        assert decide_budget(Measurement(target, value), limit, strict=strict).verdict is verdict


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, -1.0])
@pytest.mark.parametrize("target", [BudgetTarget.CACHE_HIT_RATE, BudgetTarget.PIPELINE])
def test_what_no_measurement_gives_fails_strict_or_not(target: BudgetTarget, value: float):
    for strict in (False, True):
        result = decide_budget(Measurement(target, value), 0.5, strict=strict)
        assert result.verdict is Verdict.FAIL
        assert "no measurement" in result.line
        assert (budgets_to_json([result])[0]["value"] is None) == (not math.isfinite(value))


def test_what_was_not_measured_is_not_available_and_fails_under_strict():
    missing = Measurement(BudgetTarget.IMAGE, None, "image-a", note="it was present, not built")
    assert decide_budget(missing, 600, strict=False).verdict is Verdict.UNAVAILABLE
    assert decide_budget(missing, 600, strict=True).verdict is Verdict.FAIL
    (row,) = budgets_table([decide_budget(missing, 600, strict=False)]).rows
    assert [cell.text for cell in row] == [
        "container image: image-a",
        "at most 10 min 00 s",
        "n/a: it was present, not built",
        None,
        None,
    ]


@pytest.mark.parametrize(
    ("earlier", "trend", "text"),
    [
        ((), None, None),
        ((0.0,), None, None),
        ((100.0, 1000.0, 200.0), -0.5, "▼ 50 %"),
        ((99.0,), 100 / 99 - 1, "steady"),
        ((math.nan, 80.0), 0.25, "▲ 25 %"),
    ],
)
def test_a_trend_is_the_change_against_the_median_of_earlier_runs(
    earlier: tuple[float, ...], trend: float | None, text: str | None
):
    result = decide_budget(Measurement(BudgetTarget.PIPELINE, 100, earlier=earlier), 1200, strict=False)
    assert result.trend == (trend if trend is None else pytest.approx(trend))
    assert budgets_table([result]).rows[0][3].text == text


def test_every_target_is_decided_and_what_fails_comes_first():
    measured = [
        Measurement(BudgetTarget.PIPELINE, 60.0),
        Measurement(BudgetTarget.ARTIFACT, 200e6, "build-x86_64-linux"),
        Measurement(BudgetTarget.ARTIFACT, 1e6, "build-aarch64-linux"),
    ]
    results = decide_budgets(BUDGET, measured, strict=False)
    assert [result.measurement.target for result in results] == [
        BudgetTarget.CACHE_HIT_RATE,
        BudgetTarget.PIPELINE,
        BudgetTarget.IMAGE,
        BudgetTarget.BINARY,
        BudgetTarget.PARALLEL_JOBS,
        BudgetTarget.CACHE,
        BudgetTarget.ARTIFACT,
        BudgetTarget.ARTIFACT,
        BudgetTarget.REGRESSION,
    ]
    first = budgets_table(results).rows[0]
    assert [cell.text for cell in first] == [
        "artifacts of a platform: build-x86_64-linux",
        "at most 100.0 MB",
        "200.0 MB",
        None,
        "fail",
    ]
    assert sum(result.verdict is Verdict.FAIL for result in decide_budgets(BUDGET, measured, strict=True)) == 7


def test_jobs_that_lack_a_value_for_one_reason_share_a_row():
    missing = [Measurement(BudgetTarget.IMAGE, None, name, note="it was present, not built") for name in ("a", "b")]
    measured = [Measurement(BudgetTarget.IMAGE, 700.0, name) for name in ("c", "d")]
    table = budgets_table([decide_budget(one, 600, strict=False) for one in (*missing, *measured)])
    assert [row[0].text for row in table.rows] == [
        "container image: c",
        "container image: d",
        "container image: 2 jobs",
    ]


def test_only_what_was_measured_is_over_its_budget():
    measured = [
        Measurement(BudgetTarget.IMAGE, 700.0, "a"),
        Measurement(BudgetTarget.IMAGE, None),
        Measurement(BudgetTarget.PIPELINE, 1.0),
    ]
    assert over_budget(decide_budgets(BUDGET, measured, strict=True)) == (
        "container image: a: 11 min 40 s, limit at most 10 min 00 s",
    )
