"""The budgets of a run, by what its results and artifacts say."""

from __future__ import annotations

import datetime
from dataclasses import replace
from pathlib import Path
from typing import Any

from nanna_ci.foundation.verdict import Verdict
from nanna_ci.measure.budgets.budget_rule import budgets_table
from nanna_ci.measure.history.records import JobRecord, RunIdentity, RunRecord
from nanna_ci.pipeline.definition import load_pipeline
from nanna_ci.summary.command_answers import CommandAnswers
from nanna_ci.summary.run_budgets import budgets_of
from support.fake_summaries import BENCH, BUILD, CACHE, answers, found, passed, run_summary

BUDGET = load_pipeline(Path(__file__).parents[3] / "pipeline.toml").budget


def rows(
    *results: Any, given: CommandAnswers | None = None, history: tuple[RunRecord, ...] = ()
) -> dict[str, list[str]]:
    """Measured, trend and verdict of each target."""
    account = run_summary(found(*results)).account
    table = budgets_table(budgets_of(BUDGET, account, given or CommandAnswers({}), history, machines=7, strict=False))
    return {str(row[0].text): [str(cell.text) for cell in row[2:]] for row in table.rows}


def test_what_a_run_says_is_held_against_the_budgets() -> None:
    built = passed(BUILD, executables=[{"sizeBytes": 60_000_000}, {"sizeBytes": 50_000_000}])
    found_rows = rows(built, given=answers(CACHE, BENCH))
    assert found_rows["cache hit rate"] == ["91.2 %", "None", "pass"]
    assert found_rows[f"binaries of a target: {BUILD}"] == ["1.5 s", "None", "pass"]
    assert found_rows[f"artifacts of a platform: {BUILD}"] == ["110.0 MB", "None", "fail"]
    assert found_rows["slowest benchmark against its base"] == ["2.50", "None", "fail"]
    assert found_rows["machines at once"][0] == "7"


def test_what_nobody_measured_is_not_there() -> None:
    broken = passed(BUILD, executables=[{"sizeBytes": -1}])
    found_rows = rows(broken, given=answers({**CACHE, "hitRate": 1}, {**BENCH, "benchmarks": 1}))
    assert found_rows["cache hit rate"] == ["None", "None", "None"]
    assert found_rows["whole pipeline"] == ["None", "None", "None"]
    assert found_rows["slowest benchmark against its base"] == ["None", "None", "None"]
    assert not any(name.startswith("artifacts of a platform: ") for name in found_rows)


def test_a_trend_is_against_the_history() -> None:
    origin = RunIdentity("github-1-1", "push", datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC))
    job = JobRecord(BUILD, Verdict.PASS, "built", run_s=1.0)
    found_rows = rows(passed(BUILD), history=(RunRecord(origin, Verdict.PASS, (job,)),))
    assert found_rows[f"binaries of a target: {BUILD}"] == ["1.5 s", "▲ 50 %", "pass"]


def test_of_a_job_on_several_machines_the_longest_run_counts() -> None:
    account = run_summary(found(passed(BUILD))).account
    first = account.jobs[0]
    jobs = (first, replace(first, machine="b", result=replace(first.result, seconds=9.0)))
    for order in (jobs, jobs[::-1]):
        table = budgets_table(
            budgets_of(BUDGET, replace(account, jobs=order), CommandAnswers({}), (), machines=None, strict=False)
        )
        assert [str(row[2].text) for row in table.rows if BUILD in str(row[0].text)] == ["9.0 s"]
