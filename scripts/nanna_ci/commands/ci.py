"""`ci`: plans and runs everything that this machine can; or rehearses what GitHub would run."""

from __future__ import annotations

import argparse
import os
from dataclasses import replace

from nanna_ci.dashboard.run_page import run_document
from nanna_ci.foundation.context import Context
from nanna_ci.foundation.errors import Interrupted, UsageError
from nanna_ci.jobs.local_jobs import run_locally
from nanna_ci.jobs.rehearsal_command import execute_rehearsal
from nanna_ci.jobs.run_history import RunMemory, remember_run
from nanna_ci.pipeline.definition import find_pipeline, load_pipeline
from nanna_ci.pipeline.job_plan import Event, plan_jobs
from nanna_ci.pipeline.run_folder import create_run_folder, outcome_files
from nanna_ci.pipeline.run_report import RunReport, report_document, report_to_json
from nanna_ci.report.html import render_html
from nanna_ci.report.outcome import Outcome


def execute(arguments: argparse.Namespace, context: Context) -> Outcome:
    """The run's verdict. A signal leaves the partial results in the run folder, and goes on."""
    if arguments.rehearse is not None:
        return execute_rehearsal(arguments, context)
    if arguments.stand_ins is not None:
        raise UsageError("--stand-ins goes with --rehearse", hint="ci runs no workflow, and reaches no service")
    ports = context.ports
    pipeline = load_pipeline(find_pipeline(context.config, ports.environ, ports.cwd))
    event = Event(arguments.event or Event.PUSH)
    jobs = plan_jobs(pipeline, event)
    folder = create_run_folder(ports.cwd, now=ports.now(), pid=os.getpid(), redactor=context.redactor)
    started = ports.clock()
    try:
        results, interrupted = run_locally(jobs, pipeline, folder, context, strict=arguments.strict)
    finally:
        folder.close()
    report = RunReport(
        event=event.value,
        results=tuple(results.values()),
        seconds=ports.clock() - started,
        strict=arguments.strict,
        interrupted=interrupted is not None,
        folder=str(folder.path),
    )
    memory = RunMemory()
    if interrupted is None:
        try:
            memory = remember_run(report, jobs, pipeline, folder, context)
        except Interrupted as signal:  # what ran is reported all the same
            interrupted = signal
            report = replace(report, interrupted=True)
    report = replace(report, sections=memory.blocks(), over_budget=memory.over_budget)
    data = report_to_json(report) | memory.to_json()
    outcome = Outcome(report.verdict, report_document(report), data).redacted(context.redactor)
    needs = {job.id: job.needs for job in jobs}
    document = context.redactor.redact_value(run_document(report, folder.path, needs))
    page = ("report.html", render_html(document).encode(errors="replace"))
    folder.finish((*outcome_files("ci", outcome), page))
    if memory.line is not None:
        context.say(memory.line)
    context.say(report.line)
    if interrupted is not None:
        context.say(f"partial results: {folder.path}")
        raise interrupted
    return outcome
