"""`run-job`: one job, the same here and in CI."""

from __future__ import annotations

import argparse
import difflib
from pathlib import Path

from nanna_ci.foundation.context import Context
from nanna_ci.foundation.errors import UsageError
from nanna_ci.foundation.verdict import Verdict
from nanna_ci.jobs.local_jobs import run_locally
from nanna_ci.pipeline.definition import Pipeline, find_pipeline, load_pipeline
from nanna_ci.pipeline.job_plan import Event, Job, plan_jobs, with_needs
from nanna_ci.pipeline.results import result_to_json
from nanna_ci.pipeline.run_folder import JobFolders, ensure_base
from nanna_ci.pipeline.run_report import details_blocks, failure_blocks, results_table, warning_blocks
from nanna_ci.report.blocks import Document, Facts, Notice
from nanna_ci.report.outcome import VERDICT_TONES, Outcome

JOB_FOLDERS = "jobs"


def execute(arguments: argparse.Namespace, context: Context) -> Outcome:
    """The job's verdict. After a signal what is known is in the folder, and the signal goes on."""
    ports = context.ports
    pipeline = load_pipeline(find_pipeline(context.config, ports.environ, ports.cwd))
    *needed, job = _find_jobs(pipeline, arguments.id)
    folder = _folder(arguments.folder, job.id, ports.cwd)
    folders = JobFolders(lambda id_: folder if id_ == job.id else folder.parent / id_, context.redactor)
    for one in (*needed, job):
        folders.job(one.id).clear()
    try:
        results, interrupted = run_locally((*needed, job), pipeline, folders, context, strict=arguments.strict)
    finally:
        folders.close()
    if interrupted is not None:
        raise interrupted
    result, others = results[job.id], [results[one.id] for one in needed]
    line = f"{job.id}: {result.verdict.value}" + (f": {result.reason}" if result.reason else "")
    files = Facts((("Files", str(folder)),))
    blocks = (
        *warning_blocks([*others, result]),
        *failure_blocks([*others, result]),
        results_table([*others, result]),
        *details_blocks([*others, result]),
        files,
    )
    verdict = result.verdict
    if arguments.strict and verdict is Verdict.UNAVAILABLE:
        verdict, line = Verdict.FAIL, f"{line}; --strict counts that as failure"
    return Outcome(
        verdict=verdict,
        document=Document(job.id, (Notice(VERDICT_TONES[verdict], line), *blocks)),
        data={
            "folder": str(folder),
            "job": result_to_json(result),
            "needed": [result_to_json(other) for other in others],
        },
    )


def _find_jobs(pipeline: Pipeline, job_id: str) -> tuple[Job, ...]:
    """The job with this id, of whatever event, after what it needs. UsageError with the nearest id if there is none."""
    jobs = {job.id: job for event in Event for job in plan_jobs(pipeline, event)}
    if job_id in jobs:
        return with_needs(jobs[job_id], list(jobs.values()))
    near = difflib.get_close_matches(job_id, jobs, n=1)
    hint = f"did you mean {near[0]}?" if near else "`nanna-ci plan` lists the jobs"
    raise UsageError(f"{job_id}: no such job", hint=hint)


def _folder(given: str | None, job_id: str, cwd: Path) -> Path:
    return ensure_base(cwd) / JOB_FOLDERS / job_id if given is None else cwd / given
