"""`plan`: the jobs for an event."""

from __future__ import annotations

import argparse
import json

from nanna_ci.foundation.context import Context
from nanna_ci.foundation.verdict import Verdict
from nanna_ci.pipeline.definition import find_pipeline, load_pipeline
from nanna_ci.pipeline.job_plan import Event, Job, matrix_entries, parallel_jobs, plan_jobs
from nanna_ci.report.blocks import Block, Cell, Document, Facts, Notice, Table, Tone
from nanna_ci.report.outcome import Outcome


def execute(arguments: argparse.Namespace, context: Context) -> Outcome:
    """The plan. A plan without a job fails: an empty run must not be green."""
    path = find_pipeline(context.config, context.ports.environ, context.ports.cwd)
    pipeline = load_pipeline(path)
    jobs = plan_jobs(pipeline, Event(arguments.event))
    budget = pipeline.budget.parallel_jobs
    parallel = len(parallel_jobs(jobs))
    jobs_fact = f"{len(jobs)}, at most {parallel} machines at once (budget: {budget})"
    facts = Facts((("Pipeline", str(path)), ("Jobs", jobs_fact)))
    blocks: list[Block] = [facts, _table(jobs)]
    if not jobs:
        blocks = [
            facts,
            Notice(Tone.BAD, f"No job runs for {arguments.event}: {path} has no [[test]], [[target]] or [[image]]."),
        ]
    elif parallel > budget:
        blocks.insert(0, Notice(Tone.WARN, f"{parallel} machines at once are over the budget of {budget}."))
    return Outcome(
        verdict=Verdict.PASS if jobs else Verdict.FAIL,
        document=Document(f"Plan for {arguments.event}: {len(jobs)} jobs", tuple(blocks)),
        data={"event": arguments.event, "jobs": [_job_to_json(job) for job in jobs]},
        outputs={"matrix": json.dumps({"include": matrix_entries(jobs)})} if arguments.format == "github" else {},
    )


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
