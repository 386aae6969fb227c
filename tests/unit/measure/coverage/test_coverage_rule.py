"""The gate on coverage: minimums, what is unknown, and a fall since the last run of a branch."""

from __future__ import annotations

import datetime

import pytest

from nanna_ci.foundation.verdict import Verdict
from nanna_ci.measure.coverage.coverage_rule import CoverageResult, CoverageRule, judge_coverage, percent
from nanna_ci.measure.coverage.patch_lines import PatchCoverage
from nanna_ci.measure.coverage.source_tree import Coverage, SourceTree, place_files
from nanna_ci.measure.history.records import CoverageRecord, CrateCoverage, RunIdentity
from nanna_ci.pipeline.lcov import LcovReport

TIME = datetime.datetime(2026, 11, 28, tzinfo=datetime.UTC)


def coverage(covered: int, lines: int) -> Coverage:
    hits = {line: int(line <= covered) for line in range(1, lines + 1)}
    return place_files(LcovReport({"src/lib.rs": hits} if lines else {}), SourceTree("", {"it": ""}))


def record(run: str, branch: str | None, covered: int, lines: int) -> CoverageRecord:
    return CoverageRecord(RunIdentity(run, "push", TIME, None, branch), None, (CrateCoverage("it", covered, lines),))


def judged(covered: int, lines: int, minimum: float | None = None, **values: object) -> CoverageResult:
    return judge_coverage(coverage(covered, lines), None, CoverageRule(minimum), **values)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("covered", "minimum", "verdict"),
    [
        (8, None, Verdict.PASS),
        (8, 0.8, Verdict.PASS),
        (79, 0.8, Verdict.PASS),
        (7, 0.8, Verdict.FAIL),
        (0, 0.0, Verdict.PASS),
    ],
)
def test_a_rate_at_its_minimum_passes_and_one_below_fails(
    covered: int, minimum: float | None, verdict: Verdict
) -> None:
    assert judged(covered, 10 if covered <= 10 else 98, minimum).verdict is verdict


def test_a_rate_just_below_its_minimum_fails_and_is_not_shown_as_reaching_it() -> None:
    result = judged(79_999, 100_000, 0.8)
    assert result.verdict is Verdict.FAIL
    assert result.reasons == ("tests run 79.9 % of the lines; the minimum is 80 %",)
    assert percent(0.999999) == "99.9 %"
    assert percent(1.0) == "100.0 %"
    assert percent(None) is None


@pytest.mark.parametrize(("strict", "verdict"), [(False, Verdict.UNAVAILABLE), (True, Verdict.FAIL)])
def test_coverage_of_nothing_is_no_pass_and_no_zero(strict: bool, verdict: Verdict) -> None:
    result = judge_coverage(coverage(0, 0), None, CoverageRule(0.0, None, strict))
    assert (result.verdict, result.checks[0].value) == (verdict, None)
    assert "nothing was measured" in result.reasons[0]


@pytest.mark.parametrize("patch", ["git is not installed", None])
@pytest.mark.parametrize(("strict", "verdict"), [(False, Verdict.PASS), (True, Verdict.FAIL)])
def test_a_change_that_was_not_measured_fails_under_strict(patch: str | None, strict: bool, verdict: Verdict) -> None:
    result = judge_coverage(coverage(1, 1), patch, CoverageRule(None, 0.5, strict))
    said = [*result.reasons, *result.warnings]
    assert result.verdict is verdict
    assert said == [f"changed lines are not measured: {patch or 'no --against names a commit to compare with'}"]


def test_a_change_that_nobody_asked_about_is_not_missed() -> None:
    result = judge_coverage(coverage(1, 1), None, CoverageRule(0.5, None, strict=True))
    assert (result.verdict, result.warnings) == (Verdict.PASS, ())


def test_a_change_without_any_line_to_run_passes_under_strict() -> None:
    result = judge_coverage(coverage(1, 1), PatchCoverage("base", 0, 0), CoverageRule(None, 1.0, strict=True))
    assert (result.verdict, result.checks[1].value) == (Verdict.PASS, None)


def test_a_change_below_its_minimum_fails() -> None:
    result = judge_coverage(coverage(1, 1), PatchCoverage("base", 1, 4), CoverageRule(None, 0.5))
    assert result.reasons == ("tests run 25.0 % of the changed lines; the minimum is 50 %",)


@pytest.mark.parametrize(("before", "is_warned"), [(900, True), (805, False), (806, True), (800, False), (1, False)])
def test_a_fall_beyond_half_a_point_is_a_warning_and_no_failure(before: int, is_warned: bool) -> None:
    result = judged(800, 1000, records=[record("r1", "main", before, 1000)], branch="main")
    assert result.verdict is Verdict.PASS
    assert bool(result.warnings) is is_warned
    if is_warned:
        assert result.warnings == (f"line coverage fell from {before / 10} % to 80.0 % since r1, the last on main",)


def test_the_last_run_of_the_same_branch_counts() -> None:
    records = [record("r1", "main", 99, 100), record("r2", "main", 80, 100), record("r3", "other", 100, 100)]
    result = judged(80, 100, records=records, branch="main")
    assert (result.previous, result.warnings) == (records[1], ())
    assert judged(80, 100, records=records, branch="new").previous is None
    assert judged(80, 100, records=[record("r", None, 9, 9)], branch=None).previous is None


def test_a_record_without_lines_is_no_fall() -> None:
    assert judged(1, 2, records=[record("r1", "main", 0, 0)], branch="main").warnings == ()
