"""`plan`: the jobs for an event."""

from __future__ import annotations

import argparse
import json

from nanna_ci.foundation.context import Context, Ports
from nanna_ci.foundation.errors import UsageError
from nanna_ci.foundation.verdict import Verdict
from nanna_ci.measure.budgets.budget_rule import BudgetTarget, Measurement, decide_budget
from nanna_ci.measure.budgets.forecast import Forecast, make_forecast
from nanna_ci.measure.budgets.forecast_report import forecast_blocks, forecast_to_json
from nanna_ci.measure.budgets.machine_schedule import ACCOUNT_LIMITS, AccountPlan
from nanna_ci.measure.budgets.recorded_times import recorded_times
from nanna_ci.measure.history.history_place import DEFAULT_PLACE, open_history
from nanna_ci.pipeline.definition import Pipeline, find_pipeline, load_pipeline
from nanna_ci.pipeline.job_plan import Event, Job, Stage, matrix_entries, parallel_jobs, plan_jobs
from nanna_ci.pipeline.subject import source_folder
from nanna_ci.report.blocks import Block, Cell, Document, Facts, Notice, Table, Tone
from nanna_ci.report.outcome import Outcome
from nanna_ci.store.nix import Nix


def execute(arguments: argparse.Namespace, context: Context) -> Outcome:
    """The plan. A plan without a job fails: an empty run must not be green. A forecast warns, and decides nothing."""
    if not arguments.forecast and (arguments.history is not None or arguments.account is not None):
        raise UsageError("--history and --account are for the forecast", hint="add --forecast")
    path = find_pipeline(context.config, context.ports.environ, context.ports.cwd)
    pipeline = load_pipeline(path)
    jobs = plan_jobs(pipeline, Event(arguments.event))
    budget = pipeline.budget.parallel_jobs
    parallel = len(parallel_jobs(jobs))
    over = decide_budget(Measurement(BudgetTarget.PARALLEL_JOBS, parallel), budget, strict=False)
    jobs_fact = f"{len(jobs)}, at most {parallel} machines at once (budget: {budget})"
    facts = Facts((("Pipeline", str(path)), ("Jobs", jobs_fact)))
    blocks: list[Block] = [facts, _table(jobs)]
    if not jobs:
        blocks = [
            facts,
            Notice(Tone.BAD, f"No job runs for {arguments.event}: {path} has no [[test]], [[target]] or [[image]]."),
        ]
    elif over.verdict is Verdict.FAIL:
        blocks.insert(0, Notice(Tone.WARN, f"{parallel} machines at once are over the budget of {budget}."))
    data: dict[str, object] = {"event": arguments.event, "jobs": [_job_to_json(job) for job in jobs], "forecast": None}
    if arguments.forecast and jobs:
        where = arguments.history or DEFAULT_PLACE
        account = AccountPlan(arguments.account or AccountPlan.FREE)
        forecast = _forecast(pipeline, jobs, where, account, context.ports)
        blocks += forecast_blocks(forecast, where, account)
        data["forecast"] = forecast_to_json(forecast, where, account)
    return Outcome(
        verdict=Verdict.PASS if jobs else Verdict.FAIL,
        document=Document(f"Plan for {arguments.event}: {len(jobs)} jobs", tuple(blocks)),
        data=data,
        outputs=_outputs(jobs, pipeline) if arguments.format == "github" else {},
    )


def _outputs(jobs: tuple[Job, ...], pipeline: Pipeline) -> dict[str, str]:
    """All of the plan, and the part of each stage: "" for one without jobs, since GitHub refuses an empty matrix.

    `cache` is the name of the cache to push to, "" without one.
    """
    entries = matrix_entries(jobs)
    parts = {stage: [entry for entry in entries if entry["stage"] == stage.value] for stage in Stage}
    return {"cache": pipeline.cache.name or "", "matrix": json.dumps({"include": entries})} | {
        stage.output: json.dumps({"include": part}) if part else "" for stage, part in parts.items()
    }


def _forecast(pipeline: Pipeline, jobs: tuple[Job, ...], history: str, account: AccountPlan, ports: Ports) -> Forecast:
    """From the runs of this workspace: a local history may have those of others."""
    workspace = str(source_folder(ports.cwd, Nix(ports.run, environ=ports.environ).overrides))
    runs = open_history(history, ports).read_runs()
    limits = ACCOUNT_LIMITS[account]
    times = recorded_times(jobs, [run for run in runs if run.origin.workspace in {None, workspace}], limits)
    return make_forecast(times, limits, pipeline.budget.pipeline_s)


def _table(jobs: tuple[Job, ...]) -> Table:
    return Table(
        header=("Job", "Runner", "Runs", "Needs"),
        rows=tuple(
            (
                Cell(job.id),
                Cell(job.runner),
                Cell(_what_runs(job)),
                Cell(", ".join(job.needs) or "-"),
            )
            for job in jobs
        ),
    )


def _what_runs(job: Job) -> str:
    if job.needs:
        return f"{job.kind.value} {job.image}"
    return _installable(job) or "cargo on the runner"


def _installable(job: Job) -> str | None:
    return None if job.attribute is None else f".#{job.attribute}"


def _job_to_json(job: Job) -> dict[str, object]:
    return {
        "id": job.id,
        "kind": job.kind.value,
        "system": job.system,
        "channel": job.channel.value,
        "runner": job.runner,
        "route": job.route.value,
        "effect": job.effect.value,
        "installable": _installable(job),
        "needs": list(job.needs),
        "skippable": job.skippable,
        "image": job.image,
    }
