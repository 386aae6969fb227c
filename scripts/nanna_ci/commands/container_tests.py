"""`container-test`: images run, probed, stopped and restarted, on a real engine."""

from __future__ import annotations

import argparse
import os
import shutil

from nanna_ci.containers.engine.find_engine import find_working_engine, say_no_engine
from nanna_ci.containers.testing.chosen_images import find_images, parse_sources
from nanna_ci.containers.testing.container_report import ContainerReport, report_document, report_junit, report_to_json
from nanna_ci.containers.testing.engine_run import run_tests
from nanna_ci.foundation.context import Context
from nanna_ci.pipeline.definition import find_pipeline, load_pipeline
from nanna_ci.pipeline.images import choose_images
from nanna_ci.pipeline.run_folder import create_run_folder, outcome_files
from nanna_ci.report.outcome import Outcome


def execute(arguments: argparse.Namespace, context: Context) -> Outcome:
    """Find an engine, build, test, report. After a signal everything is removed first."""
    ports = context.ports
    started = ports.clock()
    pipeline = load_pipeline(find_pipeline(context.config, ports.environ, ports.cwd))
    chosen = choose_images(pipeline, arguments.images)
    sources = parse_sources(pipeline, chosen, arguments.sources, ports.cwd)
    found, reason = find_working_engine(arguments.engine, ports)
    if found is None:
        unavailable = say_no_engine(reason)
        return _outcome(ContainerReport((), None, unavailable, None, ports.clock() - started))
    folder = create_run_folder(ports.cwd, now=ports.now(), pid=os.getpid(), redactor=context.redactor)
    layouts = folder.path / "layouts"
    try:
        images = find_images(pipeline, chosen, sources, layouts, context)
        tested = run_tests(images.request(folder.path), found, context, context.say) if images.subjects else None
    finally:
        shutil.rmtree(layouts, ignore_errors=True)  # what was converted for the test is as large as the images
    results = {image.name: image for image in (*images.unbuilt, *(() if tested is None else tested.images))}
    report = ContainerReport(
        images=tuple(results[image.name] for image in chosen),
        tested=tested,
        reason=None if chosen else "pipeline.toml has no images",
        folder=str(folder.path),
        seconds=ports.clock() - started,
    )
    outcome = _outcome(report).redacted(context.redactor)
    folder.finish((*outcome_files("container-test", outcome), ("junit.xml", report_junit(report.images))))
    return outcome


def _outcome(report: ContainerReport) -> Outcome:
    return Outcome(report.verdict, report_document(report), report_to_json(report))
