"""Which figures a page shows."""

from __future__ import annotations

import datetime
from dataclasses import replace

from nanna_ci.dashboard.run_columns import RECENT_RUNS, fold_runs
from nanna_ci.dashboard.trend_panels import JOBS_DRAWN, benchmark_panel, coverage_panel, run_panels
from nanna_ci.foundation.verdict import Verdict
from nanna_ci.measure.history.records import (
    BenchmarkRecord,
    BenchmarkValue,
    CoverageRecord,
    CrateCoverage,
    JobRecord,
    Metric,
    RunIdentity,
    RunRecord,
    Segment,
)
from support.fake_history import fake_records

SEGMENT = Segment("x86_64-linux", "one", "1.90.0")


def identity(number: int) -> RunIdentity:
    started = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC) + datetime.timedelta(days=number)
    return RunIdentity(f"run-{number}", "push", started)


def run(number: int, *jobs: JobRecord) -> RunRecord:
    return RunRecord(identity(number), Verdict.PASS, jobs, 10.0)


def benchmarks(number: int, value: float, segment: Segment = SEGMENT, name: str = "parse") -> BenchmarkRecord:
    return BenchmarkRecord(identity(number), segment, (BenchmarkValue(name, Metric.TIME, "ns", value),))


def test_runs_are_in_the_order_of_their_starts_whatever_that_of_the_lines():
    folded = fold_runs([run(2, JobRecord("a", Verdict.PASS, "built", run_s=2.0)), run(1)])
    assert [one.origin.run for one in folded.runs] == ["run-1", "run-2"]
    assert folded.jobs["a"].run_s == [None, 2.0]


def test_the_time_of_a_job_that_came_from_a_cache_is_no_time_of_the_job():
    folded = fold_runs(
        [run(at, JobRecord("a", Verdict.PASS, state, run_s=1.0)) for at, state in enumerate(("built", "substituted"))]
    )
    assert folded.jobs["a"].run_s == [1.0, None]


def test_a_job_that_no_recent_run_has_is_not_shown():
    old, new = JobRecord("old", Verdict.PASS, "built", run_s=9.0), JobRecord("new", Verdict.PASS, "built", run_s=1.0)
    folded = fold_runs([run(0, old), *(run(at, new) for at in range(1, RECENT_RUNS + 1))])
    assert set(folded.current) == {"new"}


def test_only_so_many_jobs_are_drawn_and_those_that_take_longest():
    jobs = [JobRecord(f"job-{seconds}", Verdict.PASS, "built", run_s=float(seconds)) for seconds in range(1, 41)]
    panel = next(one for one in run_panels(fold_runs([run(0, *jobs), run(1, *jobs)])) if one.name == "jobs")
    assert [figure.name for figure in panel.figures] == [f"job-{seconds}" for seconds in range(40, 40 - JOBS_DRAWN, -1)]


def test_what_was_never_measured_has_no_panel():
    assert [panel.name for panel in run_panels(fold_runs([run(0)]))] == ["wall"]
    assert coverage_panel([]) is None
    assert benchmark_panel([]) is None


def test_another_machine_cuts_the_line_and_is_not_compared():
    other = replace(SEGMENT, cpu="another")
    panel = benchmark_panel(
        [benchmarks(0, 100.0), benchmarks(1, 110.0), benchmarks(2, 50.0, other), benchmarks(3, 60.0, other)]
    )
    assert panel is not None
    (figure,) = panel.figures
    assert figure.breaks == {2}
    assert (figure.latest, figure.usual) == (60.0, 50.0)


def test_a_change_of_level_within_the_last_segment_is_marked_and_one_between_two_is_not():
    def values(first: int, level: float) -> list[float]:
        return [level + at % 7 / 10 for at in range(first, first + 20)]

    other = replace(SEGMENT, cpu="another")
    elsewhere = [benchmarks(at, value, other) for at, value in enumerate(values(0, 500.0))]
    here = [benchmarks(at, value) for at, value in enumerate([*values(20, 100.0), *values(40, 120.0)], start=20)]
    panel = benchmark_panel([*elsewhere, *here])
    assert panel is not None
    assert panel.figures[0].marks == ((40, "2026-02-10: its level changed by +20%"),)
    assert panel.figures[0].breaks == {20}


def test_a_crate_without_lines_has_no_share_of_them():
    record = CoverageRecord(identity(0), None, (CrateCoverage("a", 1, 2), CrateCoverage("empty", 0, 0)))
    panel = coverage_panel([record])
    assert panel is not None
    assert {figure.name: figure.latest for figure in panel.figures} == {"all crates": 0.5, "a": 0.5}


def test_a_long_history_is_as_small_as_a_short_one():
    records = [record for record in fake_records(900, jobs=2) if isinstance(record, RunRecord)]
    panels = run_panels(fold_runs(records))
    assert {len(figure.spreads) for panel in panels if not panel.wide for figure in panel.figures} == {120}
