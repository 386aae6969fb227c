"""Jobs on the host's cargo: the tests of a channel for `ci` and `run-job`, and the steps of `dev-check`."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from nanna_ci.binaries.cargo import (
    CargoCommand,
    CargoJob,
    CargoWorkspace,
    NextestProfile,
    plan_job,
    query_workspace,
    render_nextest_config,
    run_cargo,
    unguessable_profile,
)
from nanna_ci.binaries.cargo_settings import CargoSettings, cargo_settings
from nanna_ci.foundation.context import Ports
from nanna_ci.foundation.errors import CommandFailed
from nanna_ci.foundation.verdict import Verdict
from nanna_ci.pipeline.cargo_jobs import PROBE_TIMEOUT_S, CargoStep, EndedProgram, RunProgram, parse_channel, run_step
from nanna_ci.pipeline.definition import Pipeline
from nanna_ci.pipeline.local_run import EffectRequest
from nanna_ci.pipeline.results import JobResult, unavailable
from nanna_ci.pipeline.vocabulary import Channel, SuiteKind
from nanna_ci.report.files import write_atomic
from nanna_ci.toolchain.cargo_environment import CargoEnvironment, decide_environment


def job_environment(ports: Ports) -> CargoEnvironment:
    """The part of our own environment that cargo's jobs get."""
    return decide_environment(ports.environ)


# cargo then says how many crates there are, also to a pipe; a width must be given if there is no terminal
_PROGRESS = {"CARGO_TERM_PROGRESS_WHEN": "always", "CARGO_TERM_PROGRESS_WIDTH": "80"}


def program_runner(ports: Ports, cwd: Path) -> RunProgram:
    """Runs programs in `cwd` through cargo's runner; an exit code is an answer, not an exception.

    They get `job_environment`, and cargo its progress bar: states of one line, each behind a carriage return.
    """
    variables = {**job_environment(ports).variables, **_PROGRESS}

    def run(
        argv: Sequence[str],
        *,
        environment: Mapping[str, str],
        timeout_s: float,
        on_line: Callable[[bytes], None] | None = None,
    ) -> EndedProgram:
        started = ports.clock()
        options: dict[str, Any] = {"on_stdout": on_line, "on_stderr": on_line} if on_line is not None else {}
        command = CargoCommand(tuple(argv), environment)
        try:
            completed = run_cargo(command, run=ports.run, environ=variables, cwd=cwd, timeout_s=timeout_s, **options)
        except CommandFailed as error:
            return EndedProgram(error.returncode, ports.clock() - started, b"", error.stderr_tail)
        return EndedProgram(completed.returncode, ports.clock() - started, completed.stdout, completed.stderr_tail)

    return run


def make_cargo_step(
    job: CargoJob,
    workspace: CargoWorkspace | None,
    settings: CargoSettings,
    *,
    junit: Path,
    channel: str | None = None,
    fix: bool = False,
) -> CargoStep:
    """A job as a step whose tests report to `junit`, with nextest's configuration beside it if there are tests.

    `workspace` is None if there is no cargo that could say: then no step will run.
    """

    def plan(nextest: NextestProfile | None) -> CargoCommand:
        return plan_job(
            job,
            settings,
            channel=channel,
            nextest=nextest,
            has_libraries=workspace is None or workspace.has_libraries,
            locked=workspace is not None and workspace.has_lock,
            fix=fix,
        )

    typed = plan(None)
    if typed.argv[1 if channel is None else 2] != "nextest":
        return CargoStep(typed.argv, typed.environment)
    profile = NextestProfile(unguessable_profile(), junit.with_name("nextest.toml"))
    write_atomic(profile.config, render_nextest_config(profile.name, junit, settings.profile).encode(), redacted=False)
    return CargoStep(plan(profile).argv, typed.environment, junit, typed.argv)


def run_cargo_job(request: EffectRequest, pipeline: Pipeline, ports: Ports) -> JobResult:
    """A test job on the host's cargo, with the toolchain of its channel."""
    job, folder = request.job, request.folder
    where = ports.cwd / pipeline.workspace.folder
    workspace = query_workspace(run=ports.run, environ=ports.environ, cwd=where)
    run = program_runner(ports, workspace.root)
    chooses = _chooses_toolchains(job.channel, run, ports)
    if not chooses:
        version = run(("rustc", "--version"), environment={}, timeout_s=PROBE_TIMEOUT_S).stdout.decode(errors="replace")
        if parse_channel(version) is not job.channel:
            return unavailable(job.id, f"needs Rust {job.channel.value}; this machine has {version.strip() or 'none'}")
    folder.clear()
    settings = cargo_settings(pipeline)

    def answer(cargo_job: CargoJob) -> JobResult:
        channel = job.channel.value if chooses else None
        step = make_cargo_step(cargo_job, workspace, settings, junit=folder.junit_path.absolute(), channel=channel)
        return run_step(
            job.id,
            step,
            run,
            root=workspace.root,
            on_line=request.on_line,
            environment=job_environment(ports),
            on_progress=request.on_progress,
        )

    result = answer(CargoJob(job.kind.value))
    if job.kind is SuiteKind.DOC and settings.doctests and workspace.has_libraries and result.verdict is Verdict.PASS:
        examples = answer(CargoJob.DOCTESTS)
        result = replace(examples, seconds=(result.seconds or 0.0) + (examples.seconds or 0.0))
    return result


def _chooses_toolchains(channel: Channel, run: RunProgram, ports: Ports) -> bool:
    """Whether `cargo +CHANNEL` means something here: only if the cargo on PATH is rustup's.

    A distribution's cargo may stand before it; that one calls `+stable` a command that it does not have.
    """
    if shutil.which("rustup", path=ports.environ.get("PATH", "")) is None:
        return False
    probed = run(("cargo", f"+{channel.value}", "--version"), environment={}, timeout_s=PROBE_TIMEOUT_S)
    return probed.returncode == 0 or f"no such command: `+{channel.value}`" not in probed.stderr_tail
