"""`ci`: plans and runs everything that this machine can."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nanna_ci.outcome import Context, Outcome

NAME = "ci"
SUMMARY = "plan and run everything this machine can, in parallel"
DESCRIPTION = """\
Plans the jobs of an event and runs all that this machine can: the pure ones, which are derivations, with one
`nix build --keep-going`; a container test as soon as its image is there, beside that build; then builds by their ladder
of strategies, and on macOS and Windows the host's cargo. What has not changed is already in the store and is not built
again. What cannot run here is `unavailable`, with the reason; --strict turns that into failure.

Results, logs and a report are kept in .nanna-ci/runs/; .nanna-ci/latest is the last run.

example: nanna-ci ci --event pull_request --format json
"""
DRY_RUN = False


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's own flags."""
    events = ("push", "pull_request", "merge_group", "release")
    parser.add_argument("--event", choices=events, default="push", help="what starts the pipeline (default: push)")
    parser.add_argument("--strict", action="store_true", help="a job that cannot run here is a failure")


def execute(arguments: argparse.Namespace, context: Context) -> Outcome:
    """The run's verdict. A signal leaves the partial results in the run folder, and goes on."""
    import os  # noqa: PLC0415

    from nanna_ci.commands.local_jobs import run_locally  # noqa: PLC0415
    from nanna_ci.commands.run_files import outcome_files  # noqa: PLC0415
    from nanna_ci.outcome import Outcome  # noqa: PLC0415
    from nanna_ci.pipeline.definition import find_pipeline, load_pipeline  # noqa: PLC0415
    from nanna_ci.pipeline.job_plan import Event, plan_jobs  # noqa: PLC0415
    from nanna_ci.pipeline.run_folder import create_run_folder  # noqa: PLC0415
    from nanna_ci.pipeline.run_report import RunReport, report_document, report_to_json  # noqa: PLC0415
    from nanna_ci.report.html import render_html  # noqa: PLC0415

    ports = context.ports
    pipeline = load_pipeline(find_pipeline(context.config, ports.environ, ports.cwd))
    jobs = plan_jobs(pipeline, Event(arguments.event))
    folder = create_run_folder(ports.cwd, now=ports.now(), pid=os.getpid(), redactor=context.redactor)
    started = ports.clock()
    try:
        results, interrupted = run_locally(jobs, pipeline, folder, context)
    finally:
        folder.close()
    report = RunReport(
        event=arguments.event,
        results=tuple(results.values()),
        seconds=ports.clock() - started,
        strict=arguments.strict,
        interrupted=interrupted is not None,
        folder=str(folder.path),
    )
    outcome = Outcome(report.verdict, report_document(report), report_to_json(report)).redacted(context.redactor)
    page = ("report.html", render_html(outcome.document).encode(errors="replace"))
    folder.finish((*outcome_files(NAME, outcome), page))
    context.say(report.line)
    if interrupted is not None:
        context.say(f"partial results: {folder.path}")
        raise interrupted
    return outcome
