"""What `ci` keeps of each run in `.nanna-ci/history`, and what it says with that: changes, budgets.

An interrupted run is not kept: its results are partial, and the next run would be compared with them. A history that
cannot be read or written costs its comparison, and a warning: never the run's verdict.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nanna_ci.binaries.origin import query_revision
from nanna_ci.foundation.context import Context
from nanna_ci.foundation.errors import Interrupted, NannaError
from nanna_ci.measure.budgets.budget_rule import (
    BudgetResult,
    budgets_table,
    budgets_to_json,
    decide_budgets,
    over_budget,
)
from nanna_ci.measure.budgets.measured import measured_from
from nanna_ci.measure.coverage.coverage_output import coverage_of_output
from nanna_ci.measure.history.history_folder import HistoryFolder
from nanna_ci.measure.history.records import (
    LOCAL_EVENT,
    CoverageRecord,
    CrateCoverage,
    RunIdentity,
    RunRecord,
    RunTests,
)
from nanna_ci.measure.metrics.run_changes import RunChanges, changes_between, changes_blocks, changes_to_json
from nanna_ci.measure.metrics.run_record import record_of_results
from nanna_ci.measure.tests.job_tests import read_job_tests
from nanna_ci.pipeline.definition import Pipeline
from nanna_ci.pipeline.job_plan import Job, parallel_jobs
from nanna_ci.pipeline.results import JobResult
from nanna_ci.pipeline.run_folder import HISTORY_FOLDER, RunFolder
from nanna_ci.pipeline.run_report import RunReport
from nanna_ci.pipeline.subject import source_folder
from nanna_ci.report.blocks import Block, Heading, Notice, Tone
from nanna_ci.store.nix import Nix


@dataclass(frozen=True, slots=True)
class RunMemory:
    """What the history adds to a run's report; `problem` says why it adds less. An interrupted run has none."""

    budgets: tuple[BudgetResult, ...] = ()
    changes: RunChanges | None = None
    problem: str | None = None

    @property
    def line(self) -> str | None:
        """What changed since the last run, or why nobody knows; None for a first run."""
        return self.problem or (None if self.changes is None else self.changes.line)

    @property
    def over_budget(self) -> tuple[str, ...]:
        """A line for each value beyond its limit."""
        return over_budget(self.budgets)

    def blocks(self) -> tuple[Block, ...]:
        """For the report: the changes, and the budgets."""
        warning = () if self.problem is None else (Notice(Tone.WARN, self.problem),)
        changes = () if self.changes is None else tuple(changes_blocks(self.changes))
        budgets = (Heading("Budgets"), budgets_table(self.budgets)) if self.budgets else ()
        return (*warning, *changes, *budgets)

    def to_json(self) -> dict[str, Any]:
        """Keys of `ci --format json`."""
        return {
            "changes": None if self.changes is None else changes_to_json(self.changes),
            "budgets": budgets_to_json(self.budgets),
        }


def remember_run(
    report: RunReport, jobs: Sequence[Job], pipeline: Pipeline, folder: RunFolder, context: Context
) -> RunMemory:
    """Keep a run in the history, and compare it with the last one of the same workspace there."""
    identity = _identity(folder, context, report.seconds)
    run = record_of_results(identity, report.results, report.verdict, report.seconds)
    history = HistoryFolder(folder.base / HISTORY_FOLDER)
    earlier: list[RunRecord] = []
    problem = None
    try:
        workspace = run.origin.workspace
        earlier = [one for one in history.read_runs() if one.origin.workspace == workspace]
        history.append(run)
        if tests := read_job_tests(folder.path / "jobs"):
            history.append(RunTests(run.origin, tests))
        for coverage in _coverage(report.results):
            history.append(CoverageRecord(run.origin, None, coverage))
    except Interrupted:
        raise
    except NannaError as error:
        hint = f"; {error.hint}" if error.hint else ""
        problem = f"this run is not kept whole in the history: {error.message}{hint}"
    measured = measured_from(run, earlier, machines=len(parallel_jobs(jobs)))
    return RunMemory(
        decide_budgets(pipeline.budget, measured, strict=False),
        None if not earlier else changes_between(earlier[-1], run),
        problem,
    )


def _coverage(results: Sequence[JobResult]) -> Iterator[tuple[CrateCoverage, ...]]:
    """The figures of the run's coverage job, if it has one with an answer."""
    for result in results:
        output = result.evidence.get("outputs", {}).get("out")
        if "lineCoveragePercent" in result.evidence and output is not None:
            yield coverage_of_output(Path(output["path"]))
            return


def _identity(folder: RunFolder, context: Context, seconds: float) -> RunIdentity:
    ports = context.ports
    source = source_folder(ports.cwd, Nix(ports.run, environ=ports.environ).overrides)
    started = datetime.datetime.fromtimestamp(ports.now() - seconds, datetime.UTC).replace(microsecond=0)
    return RunIdentity(
        f"{LOCAL_EVENT}-{folder.path.name}",
        LOCAL_EVENT,
        started,
        commit=query_revision(source, run=ports.run, environ=ports.environ),
        workspace=str(source),
    )
