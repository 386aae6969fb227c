"""The page of a history: the last run and what it changed, trends, what is flaky, and tables of jobs and runs."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from nanna_ci.dashboard.figures import FigureUnit, Panel, panel_block, panel_to_json, value_text
from nanna_ci.dashboard.job_timeline import timeline_blocks
from nanna_ci.dashboard.run_columns import RECENT_RUNS, JobColumns, RunColumns
from nanna_ci.dashboard.time_steps import COMPARED_RUNS, usual_value
from nanna_ci.dashboard.trend_panels import slowest_jobs
from nanna_ci.foundation.verdict import Verdict
from nanna_ci.measure.history.records import RunIdentity, RunRecord, RunTests
from nanna_ci.measure.metrics.run_changes import changes_between, changes_blocks
from nanna_ci.report.blocks import Block, Cell, Document, Facts, Heading, Notice, Paragraph, Table, Tone
from nanna_ci.report.outcome import VERDICT_TONES
from nanna_ci.report.units import seconds_text

RUNS_LISTED: Final = 200
_FLAKY_RECORDS: Final = 200
_SAID: Final = {
    Verdict.FAIL: "failed",
    Verdict.ERROR: "gave no answer",
    Verdict.PASS: "passed",
    Verdict.UNAVAILABLE: "could not run",
}
_RUN_PAGE: Final = re.compile(r"(https?://[^/?#]+/[^/?#]+/[^/?#]+)/actions/runs/[0-9]+.*", re.ASCII)
_READING: Final = f"Usual is the median of the {COMPARED_RUNS} times before the latest one."
_SHADED: Final = (
    " Each step of a chart is one run; where it is shaded, one of several runs: the line is their median, the band"
    " reaches from the lowest to the highest of them."
)
_TITLES: Final = {
    "wall": "Time",
    "hitRate": "Cache",
    "coverage": "Coverage",
    "benchmarks": "Benchmarks",
    "sizes": "Sizes",
}


@dataclass(frozen=True, slots=True)
class TrendsReport:
    """A history, folded. `needs` are those of the pipeline's jobs as it is now; `budgets` are blocks of its targets.

    `left_out` counts the runs of other workspaces.
    """

    columns: RunColumns
    panels: tuple[Panel, ...]
    tests: Sequence[RunTests]
    needs: Mapping[str, Sequence[str]]
    budgets: tuple[Block, ...]
    left_out: int = 0


def trends_document(report: TrendsReport) -> Document:
    """The page; of an empty history, how to get one."""
    title = "Trends of the pipeline"
    if not report.columns.runs:
        return Document(title, _first_steps())
    blocks: list[Block] = [*_last_run(report)]
    if len(report.columns.runs) > 1:
        blocks += changes_blocks(changes_between(*report.columns.runs[-2:]))
    if timeline := _timeline(report):
        blocks += [Heading("Critical path of the last run"), *timeline]
    for at, panel in enumerate(report.panels):
        if panel.name in _TITLES:
            blocks.append(Heading(_TITLES[panel.name]))
        if at == 0:
            blocks.append(Paragraph(_READING + (_SHADED if any(one.steps.exact_from for one in report.panels) else "")))
        blocks.append(panel_block(panel))
    if report.budgets:
        blocks += [Heading("Budgets"), *report.budgets]
    blocks += [Heading("Flaky tests"), *_flaky(report.tests)]
    blocks += [Heading("Jobs"), *_jobs(report.columns), Heading("Runs"), *_runs(report.columns.runs)]
    missing = [name for name in _TITLES if name not in {panel.name for panel in report.panels}]
    if missing:
        blocks.append(
            Paragraph(f"Not measured in this history: {', '.join(_TITLES[name].lower() for name in missing)}.")
        )
    return Document(title, tuple(blocks), contents=True)


def _timeline(report: TrendsReport) -> tuple[Block, ...]:
    last = report.columns.runs[-1]
    return timeline_blocks(last.jobs, report.needs, last.wall_s)


def trends_to_json(report: TrendsReport) -> dict[str, Any]:
    """The figures behind the page."""
    runs = report.columns.runs
    return {
        "runs": len(runs),
        "last": None if not runs else _run_to_json(runs[-1]),
        "panels": [panel_to_json(panel) for panel in report.panels],
        "flaky": [
            {"test": name, "job": job, "times": times, "of": of, "last": last}
            for (job, name), (times, of, last) in _flaky_counts(report.tests).items()
        ],
    }


def _run_to_json(record: RunRecord) -> dict[str, Any]:
    origin = record.origin
    return {
        "run": origin.run,
        "started": origin.started.isoformat(),
        "commit": origin.commit,
        "branch": origin.branch,
        "verdict": record.verdict.value,
        "wallSeconds": record.wall_s,
    }


def _first_steps() -> tuple[Block, ...]:
    return (
        Notice(Tone.NEUTRAL, "This history holds no run yet."),
        Paragraph("Every `nanna-ci ci` adds one to .nanna-ci/history, below the folder where it runs."),
        Paragraph(
            "On GitHub, `nanna-ci metrics --history branch:NAME` adds each run to a branch; `nanna-ci report`"
            " with the same --history then makes this page of it."
        ),
    )


def _last_run(report: TrendsReport) -> tuple[Block, ...]:
    runs = report.columns.runs
    last = runs[-1]
    counts = {said: sum(job.verdict is verdict for job in last.jobs) for verdict, said in _SAID.items()}
    said = ", ".join(f"{count} {what}" for what, count in counts.items() if count)
    wall = [run.wall_s for run in runs]
    usual = usual_value(wall)
    took = None if last.wall_s is None else seconds_text(last.wall_s)
    before = "" if usual is None else f"; the {min(COMPARED_RUNS, len(runs) - 1)} runs before: {seconds_text(usual)}"
    origin = last.origin
    others = f"; left out, of other workspaces: {report.left_out:,}" if report.left_out else ""
    return (
        Heading("Last run"),
        Notice(VERDICT_TONES[last.verdict], f"{last.verdict.value}: {said or 'it has no job'}"),
        Facts(
            (
                ("Run", origin.run),
                ("Started", origin.started.strftime("%Y-%m-%d %H:%M UTC")),
                ("Commit", origin.commit),
                ("Branch", origin.branch),
                ("Event", origin.event),
                ("Took", None if took is None else took + before),
                (
                    "Cache hit rate",
                    None if last.cache_hit_rate is None else value_text(last.cache_hit_rate, FigureUnit.SHARE),
                ),
                ("History", f"{len(runs):,} runs since {runs[0].origin.started:%Y-%m-%d}{others}"),
            )
        ),
    )


def _flaky_counts(tests: Sequence[RunTests]) -> dict[tuple[str, str], tuple[int, int, str]]:
    """By job and test: how often it was flaky, in how many of the last records, and when last."""
    recent = sorted(tests, key=lambda record: record.origin.started)[-_FLAKY_RECORDS:]
    counts: dict[tuple[str, str], tuple[int, int, str]] = {}
    for record in recent:
        for job in record.jobs:
            for test in job.flaky_tests:
                times = counts.get((job.job, test.name), (0, 0, ""))[0]
                counts[job.job, test.name] = (times + 1, len(recent), f"{record.origin.started:%Y-%m-%d}")
    return dict(sorted(counts.items(), key=lambda one: (-one[1][0], one[0])))


def _flaky(tests: Sequence[RunTests]) -> tuple[Block, ...]:
    counts = _flaky_counts(tests)
    if not tests:
        return (Paragraph("Not measured: this history holds no results of tests."),)
    if not counts:
        return (Paragraph(f"None in the last {min(len(tests), _FLAKY_RECORDS):,} recorded runs."),)
    rows = tuple(
        (Cell(name), Cell(job), Cell(f"{times} of {of}", Tone.WARN, order=times), Cell(last))
        for (job, name), (times, of, last) in counts.items()
    )
    return (Table(("Test", "Job", "Failed, then passed", "Last"), rows, frozenset({2}), sortable="flaky tests"),)


def _jobs(columns: RunColumns) -> tuple[Block, ...]:
    jobs = columns.current
    timed = slowest_jobs(jobs)
    rows = tuple(_job_row(name, jobs[name]) for name in (*timed, *sorted(jobs.keys() - set(timed))))
    header = ("Job", "Last", "Runner", "Latest", "Usual", "Longest", "Wait", "Hit rate", "Failed")
    note = f"Usual and longest are of the last {COMPARED_RUNS} times measured, failures of the last {RECENT_RUNS} runs."
    return (Paragraph(note), Table(header, rows, frozenset(range(3, 9)), sortable="jobs"))


def _job_row(name: str, job: JobColumns) -> tuple[Cell, ...]:
    last = job.last
    times = [value for value in job.run_s if value is not None][-COMPARED_RUNS:]
    rate = None if last is None else last.cache_hit_rate
    failed = Cell(f"{job.failed} of {job.judged}", Tone.WARN if job.failed else Tone.NEUTRAL, order=job.failed)
    return (
        Cell(name),
        Cell(None) if last is None else Cell(last.verdict.value, VERDICT_TONES[last.verdict]),
        Cell(None if last is None else last.runner),
        _seconds(job.run_s[-1]),
        _seconds(usual_value([*job.run_s, None])),
        _seconds(max(times, default=None)),
        _seconds(job.queue_s[-1]),
        Cell(None) if rate is None else Cell(value_text(rate, FigureUnit.SHARE), order=rate),
        failed if job.judged else Cell(None),
    )


def _seconds(value: float | None) -> Cell:
    return Cell(None) if value is None else Cell(seconds_text(value), order=value)


def _runs(runs: Sequence[RunRecord]) -> tuple[Block, ...]:
    rows = tuple(_run_row(run) for run in reversed(runs[-RUNS_LISTED:]))
    header = ("Run", "Started", "Event", "Branch", "Commit", "Verdict", "Took", "Failed jobs", "Hit rate")
    table = Table(header, rows, frozenset({6, 7, 8}), sortable="runs")
    if len(runs) <= RUNS_LISTED:
        return (table,)
    return (Paragraph(f"The last {RUNS_LISTED:,} of {len(runs):,} runs; the trends above are of all."), table)


def _run_row(run: RunRecord) -> tuple[Cell, ...]:
    origin = run.origin
    failed = sum(job.verdict in {Verdict.FAIL, Verdict.ERROR} for job in run.jobs)
    rate = run.cache_hit_rate
    return (
        Cell(origin.run, link=origin.url),
        Cell(origin.started.strftime("%Y-%m-%d %H:%M"), order=origin.started.timestamp()),
        Cell(origin.event),
        Cell(origin.branch),
        Cell(None if origin.commit is None else origin.commit[:12], link=_commit_page(origin)),
        Cell(run.verdict.value, VERDICT_TONES[run.verdict]),
        _seconds(run.wall_s),
        Cell(str(failed), order=failed),
        Cell(None) if rate is None else Cell(value_text(rate, FigureUnit.SHARE), order=rate),
    )


def _commit_page(origin: RunIdentity) -> str | None:
    """GitHub's page of the run's commit, next to that of the run."""
    page = None if origin.url is None else _RUN_PAGE.fullmatch(origin.url)
    return None if page is None or origin.commit is None else f"{page[1]}/commit/{origin.commit}"
