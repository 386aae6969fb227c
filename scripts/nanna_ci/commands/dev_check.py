"""`dev-check`: the quick loop in the work tree."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from nanna_ci.binaries.cargo import CargoJob, CargoWorkspace, query_workspace
from nanna_ci.binaries.cargo_settings import CargoSettings, cargo_settings
from nanna_ci.foundation.context import Context
from nanna_ci.foundation.errors import CommandFailed, ToolMissing, UsageError
from nanna_ci.foundation.scratch import scratch_folder
from nanna_ci.foundation.verdict import Verdict
from nanna_ci.jobs.cargo_job import job_environment, make_cargo_step, program_runner
from nanna_ci.pipeline.cargo_jobs import CargoStep, run_step
from nanna_ci.pipeline.definition import Pipeline, find_pipeline, load_pipeline
from nanna_ci.pipeline.live import live_view
from nanna_ci.pipeline.progress import Tracker
from nanna_ci.pipeline.results import JobResult, decide_verdict, result_to_json, verdict_line
from nanna_ci.pipeline.run_report import failure_blocks, result_note, results_table, warning_blocks
from nanna_ci.pipeline.subject import Subject, find_subject
from nanna_ci.report.blocks import Document, Facts, Notice
from nanna_ci.report.outcome import VERDICT_TONES, Outcome
from nanna_ci.store.nix import Nix


def execute(arguments: argparse.Namespace, context: Context) -> Outcome:
    """The steps' results; the verdict is fail if any failed, unavailable if nothing could run."""
    ports = context.ports
    started = ports.clock()
    subject = _subject(context, fix=arguments.fix)
    pipeline = _find_settings(context, subject)
    start = _start(ports.cwd if subject is None else subject.folder, pipeline)
    settings = CargoSettings() if pipeline is None else cargo_settings(pipeline)
    workspace = _find_workspace(context, start)
    root = start if workspace is None else workspace.root
    environment = {} if subject is None else {"CARGO_TARGET_DIR": str(subject.target_folder(ports.environ))}
    with scratch_folder("nanna-ci-dev-check-") as folder:
        results = _run(_steps(workspace, settings, folder, environment, fix=arguments.fix), root, context)
    verdict = decide_verdict(results, strict=False)
    line = verdict_line(results, strict=False)
    where = () if subject is None else (Facts((("Workspace", str(root)),)),)
    return Outcome(
        verdict=verdict,
        document=Document(
            "dev-check",
            (
                Notice(VERDICT_TONES[verdict], line),
                *where,
                *warning_blocks(results),
                *failure_blocks(results),
                results_table(results),
            ),
        ),
        data={
            "workspace": str(root),
            "fix": arguments.fix,
            "summary": line,
            "seconds": round(ports.clock() - started, 3),
            "steps": [result_to_json(result) for result in results],
        },
    )


def _subject(context: Context, *, fix: bool) -> Subject | None:
    """The workspace under CI where the working folder has none. UsageError if it is to be fixed and cannot be."""
    ports = context.ports
    subject = find_subject(ports.cwd, Nix(ports.run, environ=ports.environ).overrides)
    if subject is None:
        return None
    if fix and subject.is_read_only:
        raise UsageError(
            f"--fix: the workspace under CI is {subject.folder}, which cannot be changed",
            hint="run it in a checkout of that workspace, or name one: --override-input nanna-coder path:FOLDER",
        )
    context.say(f"no Cargo.toml in {ports.cwd}: checking the workspace under CI, {subject.folder}")
    return subject


def _find_settings(context: Context, subject: Subject | None) -> Pipeline | None:
    """The pipeline.toml that the caller names, else the workspace's own, else the nearest; None if there is none."""
    ports = context.ports
    if context.config is not None or ports.environ.get("NANNA_CI_CONFIG"):
        return load_pipeline(find_pipeline(context.config, ports.environ, ports.cwd))
    folders = ([] if subject is None else [subject.folder]) + [ports.cwd, *ports.cwd.parents]
    found = next((path for folder in folders if (path := folder / "pipeline.toml").exists()), None)
    return None if found is None else load_pipeline(found)


def _start(folder: Path, pipeline: Pipeline | None) -> Path:
    """Where cargo looks for the workspace: in the folder that pipeline.toml names, unless we are in one already."""
    if pipeline is None or any((above / "Cargo.toml").is_file() for above in (folder, *folder.parents)):
        return folder
    return folder / pipeline.workspace.folder


def _find_workspace(context: Context, start: Path) -> CargoWorkspace | None:
    """The workspace around `start`. ConfigError if there is none; None without cargo: then no step will run.

    ToolMissing, with the way to install it, if the workspace is pinned to a toolchain that is not there.
    """
    ports = context.ports
    try:
        return query_workspace(run=ports.run, environ=ports.environ, cwd=start)
    except ToolMissing as error:
        if isinstance(error.__cause__, CommandFailed):  # cargo is there, and said what it lacks
            raise
        return None


def _steps(
    workspace: CargoWorkspace | None,
    settings: CargoSettings,
    folder: Path,
    environment: Mapping[str, str],
    *,
    fix: bool,
) -> list[tuple[str, CargoStep]]:
    """`folder` takes what nextest reads and writes; it is not in the work tree."""
    # clippy before fmt: what it writes may want formatting
    fixes = [("clippy --fix", CargoJob.CLIPPY, True), ("fmt --fix", CargoJob.FMT, True)] if fix else []
    checks = [
        ("fmt", CargoJob.FMT, False),
        ("clippy", CargoJob.CLIPPY, False),
        ("nextest", CargoJob.TESTS, False),
        ("audit", CargoJob.AUDIT, False),
        ("deny", CargoJob.DENY, False),
    ]
    junit = folder / "junit.xml"
    planned = [
        (name, make_cargo_step(job, workspace, settings, junit=junit, fix=fixing))
        for name, job, fixing in [*fixes, *checks]
    ]
    return [(name, replace(step, environment={**environment, **step.environment})) for name, step in planned]


def _run(steps: list[tuple[str, CargoStep]], root: Path, context: Context) -> list[JobResult]:
    tracker = Tracker(len(steps), context.ports.clock)
    environment, run = job_environment(context.ports), program_runner(context.ports, root)
    results = []
    with live_view(context, tracker) as view:
        for name, step in steps:
            tracker.begin(name, name)

            def on_line(line: str, name: str = name) -> None:
                tracker.output(name, line)
                if context.verbosity > 0:
                    view.note(line)

            def on_progress(state: str, name: str = name) -> None:
                tracker.output(name, state)

            listeners = {"on_line": on_line, "on_progress": on_progress}
            result = run_step(name, step, run, root=root, environment=environment, **listeners)
            tracker.end(name)
            view.note(*result_note(result))
            if result.verdict is Verdict.UNAVAILABLE:
                tracker.leave_out(name)
            else:
                tracker.finish_job(name, failed=result.verdict is not Verdict.PASS)
            results.append(result)
    return results
