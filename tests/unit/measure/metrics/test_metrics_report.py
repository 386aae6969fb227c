from __future__ import annotations

import datetime

from nanna_ci.foundation.verdict import Verdict
from nanna_ci.measure.budgets.measured import TREND_RUNS
from nanna_ci.measure.history.records import JobRecord, RunIdentity, RunRecord
from nanna_ci.measure.metrics.metrics_report import (
    MetricsReport,
    comparable_runs,
    metrics_document,
    metrics_to_json,
    total_s,
    usual_figures,
)
from nanna_ci.report.blocks import Table, Tone
from nanna_ci.report.text import render_text

FIRST = datetime.datetime(2026, 11, 28, 10, tzinfo=datetime.UTC)


def run(number: int, *jobs: JobRecord, event: str = "push") -> RunRecord:
    origin = RunIdentity(f"github-{number}-1", event, FIRST + datetime.timedelta(minutes=number))
    return RunRecord(origin, Verdict.PASS, jobs)


def job(run_s: float | None, queue_s: float | None = 1.0, verdict: Verdict = Verdict.PASS) -> JobRecord:
    return JobRecord("unit", verdict, queue_s=queue_s, run_s=run_s, image_bytes=1000)


def report_of(now: JobRecord, *past: JobRecord) -> MetricsReport:
    return MetricsReport("h", False, (), 0, run(99, now), tuple(run(at, one) for at, one in enumerate(past)))


def test_a_run_is_compared_with_the_last_ones_of_its_kind_before_it():
    runs = [run(number) for number in range(40)]
    found = comparable_runs(runs[30], [*reversed(runs), run(5, event="pull_request")])
    assert [one.origin.run for one in found] == [f"github-{number}-1" for number in range(30 - TREND_RUNS, 30)]


def test_what_is_usual_is_the_median_of_runs_that_passed():
    report = report_of(job(9.0), job(1.0), job(3.0), job(500.0), job(2.0, verdict=Verdict.FAIL), job(None))
    usual = usual_figures(job(9.0), report.earlier)
    assert (usual["runSeconds"], usual["totalSeconds"], usual["imageBytes"]) == (3.0, 4.0, 1000)
    assert usual["cacheHitRate"] is None


def test_a_total_needs_both_of_its_parts():
    assert total_s(job(2.0, 3.0)) == 5.0
    assert total_s(job(2.0, None)) is None
    assert total_s(job(None, 3.0)) is None


def run_cell(report: MetricsReport) -> Tone:
    (table,) = [block for block in metrics_document(report).blocks if isinstance(block, Table)]
    return table.rows[0][3].tone


def test_a_job_that_took_much_longer_than_usual_is_marked():
    assert run_cell(report_of(job(16.0), job(10.0))) is Tone.WARN
    assert run_cell(report_of(job(14.0), job(10.0))) is Tone.NEUTRAL
    assert run_cell(report_of(job(3.0), job(1.0))) is Tone.NEUTRAL, "seconds more, but few"
    assert run_cell(report_of(job(3.0))) is Tone.NEUTRAL


def test_what_was_not_measured_reads_n_a():
    text = render_text(metrics_document(report_of(JobRecord("unit", Verdict.PASS))), color=False, width=None)
    assert [line.split()[3:] for line in text.splitlines() if line.startswith("unit")] == [["n/a"] * 7]


def test_no_run_at_all_is_said():
    report = MetricsReport("h", True, (), 0, None)
    assert "No finished run was found." in render_text(metrics_document(report), color=False, width=None)
    assert metrics_to_json(report)["run"] is None
    assert metrics_to_json(report)["jobs"] == []
