"""`report`: a page of a history of runs, or of one run."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from nanna_ci.dashboard.run_columns import fold_runs
from nanna_ci.dashboard.run_page import read_run, run_document, run_to_json
from nanna_ci.dashboard.trend_panels import benchmark_panel, coverage_panel, run_panels
from nanna_ci.dashboard.trends_page import TrendsReport, trends_document, trends_to_json
from nanna_ci.foundation.context import Context
from nanna_ci.foundation.errors import UsageError, shorten
from nanna_ci.foundation.verdict import Verdict
from nanna_ci.measure.benchmarks.action_history import action_records, read_action_history
from nanna_ci.measure.benchmarks.bench_history import suite_of
from nanna_ci.measure.budgets.budget_rule import budgets_table, decide_budgets
from nanna_ci.measure.budgets.measured import measured_from
from nanna_ci.measure.history.history import History
from nanna_ci.measure.history.history_folder import HistoryFolder
from nanna_ci.measure.history.history_place import open_history
from nanna_ci.measure.history.records import BenchmarkRecord, RunRecord
from nanna_ci.pipeline.definition import Pipeline, find_pipeline, load_pipeline
from nanna_ci.pipeline.job_plan import Event, plan_jobs
from nanna_ci.pipeline.run_folder import ensure_base
from nanna_ci.report.blocks import Block
from nanna_ci.report.outcome import Outcome

PAGE: Final = "report.html"


def execute(arguments: argparse.Namespace, context: Context) -> Outcome:
    """The page. The verdict is pass if it could be made, whatever it shows."""
    cwd = context.ports.cwd
    pipeline = _find_pipeline(context)
    if arguments.run is not None:
        run = read_run(cwd / arguments.run)
        document = run_document(run, cwd / arguments.run, job_needs(pipeline))
        outcome = Outcome(Verdict.PASS, document, {"run": run_to_json(run), "trends": None})
    else:
        history = open_history(arguments.history, context.ports)
        if arguments.history is not None and isinstance(history, HistoryFolder) and not history.path.is_dir():
            raise UsageError(f"--history {shorten(arguments.history)}: there is no such folder")
        older = () if arguments.data_js is None else _older_benchmarks(cwd / arguments.data_js)
        outcome = _trends(history, older, pipeline)
    if arguments.format == "html" and arguments.output is None:
        arguments.output = str(ensure_base(cwd) / PAGE)
    if arguments.output is not None:
        context.say(f"writes {cwd / arguments.output}")
    return outcome


def _older_benchmarks(path: Path) -> Sequence[BenchmarkRecord]:
    """What github-action-benchmark kept, before there was a history of our own."""
    kept = read_action_history(path)
    return action_records(kept, suite_of(kept, str(path)), str(path))


def _trends(history: History, older: Sequence[BenchmarkRecord], pipeline: Pipeline | None) -> Outcome:
    runs = history.read_runs()
    workspace = runs[-1].origin.workspace if runs else None
    columns = fold_runs([run for run in runs if run.origin.workspace == workspace])
    panels = (
        *run_panels(columns),
        coverage_panel(history.read_coverage()),
        benchmark_panel([*older, *history.read_benchmarks()]),
    )
    report = TrendsReport(
        columns=columns,
        panels=tuple(panel for panel in panels if panel is not None),
        tests=history.read_tests(),
        needs=job_needs(pipeline),
        budgets=_budgets(columns.runs, pipeline),
        left_out=len(runs) - len(columns.runs),
    )
    return Outcome(Verdict.PASS, trends_document(report), {"run": None, "trends": trends_to_json(report)})


def _find_pipeline(context: Context) -> Pipeline | None:
    """The pipeline as it is now, for needs and budgets; None if there is none, unless one was named."""
    ports = context.ports
    path = find_pipeline(context.config, ports.environ, ports.cwd)
    return load_pipeline(path) if context.config is not None or path.exists() else None


def job_needs(pipeline: Pipeline | None) -> Mapping[str, Sequence[str]]:
    """What each job of a push waits for."""
    return {} if pipeline is None else {job.id: job.needs for job in plan_jobs(pipeline, Event.PUSH)}


def _budgets(runs: Sequence[RunRecord], pipeline: Pipeline | None) -> tuple[Block, ...]:
    if pipeline is None or not runs:
        return ()
    results = decide_budgets(pipeline.budget, measured_from(runs[-1], runs), strict=False)
    return (budgets_table(results),)
