"""`plan`: the jobs for an event."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nanna_ci.outcome import Context, Outcome
    from nanna_ci.pipeline.job_plan import Job
    from nanna_ci.report.blocks import Block, Table

NAME = "plan"
SUMMARY = "show the jobs for an event: needs, runner, installable"
DESCRIPTION = """\
Reads pipeline.toml and shows the jobs that an event asks for: what each runs on, what it builds, what it waits for.
Nothing is built. A pure job is a derivation: build its installable and you have run it.

The file is --config, else $NANNA_CI_CONFIG, else pipeline.toml in the working folder.
--format github gives what a workflow needs to run the jobs: the output `matrix`, for strategy.matrix.

example: nanna-ci plan --event pull_request --format json
"""
DRY_RUN = False
EXTRA_FORMATS = ("github",)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's own flags."""
    events = ("push", "pull_request", "merge_group", "release")
    parser.add_argument("--event", choices=events, default="push", help="what starts the pipeline (default: push)")


def execute(arguments: argparse.Namespace, context: Context) -> Outcome:
    """The plan. A plan without a job is a fail: nothing would be green because nothing ran."""
    import json  # noqa: PLC0415

    from nanna_ci.outcome import Outcome, Verdict  # noqa: PLC0415
    from nanna_ci.pipeline.definition import find_pipeline, load_pipeline  # noqa: PLC0415
    from nanna_ci.pipeline.job_plan import Event, matrix_entries, parallel_jobs, plan_jobs  # noqa: PLC0415
    from nanna_ci.report.blocks import Document, Facts, Notice, Tone  # noqa: PLC0415

    path = find_pipeline(context.config, context.ports.environ, context.ports.cwd)
    pipeline = load_pipeline(path)
    jobs = plan_jobs(pipeline, Event(arguments.event))
    budget = pipeline.budget.parallel_jobs
    parallel = len(parallel_jobs(jobs))
    told = f"{len(jobs)}, at most {parallel} machines at once (budget: {budget})"
    facts = Facts((("Pipeline", str(path)), ("Jobs", told)))
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
    from nanna_ci.report.blocks import Cell, Table  # noqa: PLC0415

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
        return f"container-test {job.image}"
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
