"""What `ci`, `run-job` and `dev-check` share: the live view, and the jobs that our own code runs."""

from __future__ import annotations

import platform
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from nanna_ci.binaries import targets
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
from nanna_ci.commands.build_job import run_build_job
from nanna_ci.containers.testing.container_job import run_container_job
from nanna_ci.errors import CommandFailed, Interrupted, MalformedData, NannaError
from nanna_ci.outcome import Context, Ports, Verdict
from nanna_ci.pipeline.cargo_jobs import PROBE_TIMEOUT_S, CargoStep, EndedProgram, RunProgram, parse_channel, run_step
from nanna_ci.pipeline.definition import Pipeline
from nanna_ci.pipeline.job_plan import Job, JobKind
from nanna_ci.pipeline.live import LiveView, is_interactive
from nanna_ci.pipeline.local_run import EffectRequest, LocalRun
from nanna_ci.pipeline.progress import Tracker
from nanna_ci.pipeline.reproduce import RunOrigin
from nanna_ci.pipeline.results import JobResult, unavailable
from nanna_ci.pipeline.run_folder import JobFolders, ensure_base
from nanna_ci.pipeline.vocabulary import Channel
from nanna_ci.report.blocks import Tone
from nanna_ci.report.files import write_atomic
from nanna_ci.store.build_log import BuildLog
from nanna_ci.store.build_times import DEFAULT_FILE, BuildTimes, built_seconds, load_build_times, record_build_times
from nanna_ci.store.nix import Nix
from nanna_ci.toolchain.cargo_environment import CargoEnvironment, decide_environment


def run_locally(
    jobs: Sequence[Job], pipeline: Pipeline, folders: JobFolders, context: Context
) -> tuple[dict[str, JobResult], Interrupted | None]:
    """Run jobs on this machine with a live view; see `LocalRun.run`."""
    ports = context.ports
    nix = Nix(ports.run, environ=ports.environ)
    origin = RunOrigin(nix.flake, nix.overrides, ports.environ, ports.cwd)
    host = targets.host_system(sys.platform, platform.machine())
    tracker = Tracker(len(jobs), ports.clock)

    def run_effect(request: EffectRequest) -> JobResult:
        match request.job.kind:
            case JobKind.BUILD:
                return run_build_job(request, pipeline, origin, context)
            case JobKind.CONTAINER_TEST:
                return run_container_job(request, pipeline, origin, context)
            case _:
                return _run_cargo_job(request, pipeline, ports)

    with live_view(context, tracker) as view:
        return LocalRun(
            host=None if host is None else host.value,
            nix=nix,
            run_effect=run_effect,
            reproduce=origin.build_command,
            on_built=lambda log: _record_times(log, ports, view),
            folders=folders,
            tracker=tracker,
            note=view.note,
            clock=ports.clock,
            verbose=context.verbosity > 0,
            build_times=_known_times(ports),
        ).run(jobs)


def _known_times(ports: Ports) -> BuildTimes:
    """What builds took here before; nothing where the file is no such file, which `_record_times` will say."""
    try:
        return load_build_times(ports.cwd / DEFAULT_FILE)
    except MalformedData:
        return BuildTimes()


def _record_times(log: BuildLog, ports: Ports, view: LiveView) -> None:
    """Keep what was built and how long that took, for the caches' commands; a run never fails over it."""
    seconds = built_seconds(log.derivations())
    if not seconds:
        return
    try:
        ensure_base(ports.cwd)
        record_build_times(ports.cwd / DEFAULT_FILE, seconds, ports.now())
    except NannaError as error:
        hint = f"; {error.hint}" if error.hint else ""
        view.note(f"build times are not kept: {error.message}{hint}", Tone.WARN)


def live_view(context: Context, tracker: Tracker) -> LiveView:
    """The view of a run on stderr, as --color, -q and the terminal have it."""
    stream = context.ports.stderr
    return LiveView(
        stream,
        tracker.snapshot,
        interactive=is_interactive(stream, context.ports.environ.get("TERM")),
        color=context.color,
        quiet=context.verbosity < 0,
        clock=context.ports.clock,
    )


def job_environment(ports: Ports) -> CargoEnvironment:
    """What cargo's jobs get of our own environment."""
    return decide_environment(ports.environ)


# cargo then says how many crates there are, also to a pipe; a width must be given where there is no terminal
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
    """A job as a step whose tests report to `junit`, with nextest's configuration beside it where there are tests.

    `workspace` is None where there is no cargo that could say: then no step will run.
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
    write_atomic(profile.config, render_nextest_config(profile.name, junit, settings.profile).encode())
    return CargoStep(plan(profile).argv, typed.environment, junit, typed.argv)


def _run_cargo_job(request: EffectRequest, pipeline: Pipeline, ports: Ports) -> JobResult:
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
    if job.kind is JobKind.DOC and settings.doctests and workspace.has_libraries and result.verdict is Verdict.PASS:
        examples = answer(CargoJob.DOCTESTS)
        result = replace(examples, seconds=(result.seconds or 0.0) + (examples.seconds or 0.0))
    return result


def _chooses_toolchains(channel: Channel, run: RunProgram, ports: Ports) -> bool:
    """Whether `cargo +CHANNEL` means something here: only where the cargo on PATH is rustup's.

    A distribution's cargo may stand before it; that one calls `+stable` a command that it does not have.
    """
    if shutil.which("rustup", path=ports.environ.get("PATH", "")) is None:
        return False
    probed = run(("cargo", f"+{channel.value}", "--version"), environment={}, timeout_s=PROBE_TIMEOUT_S)
    return probed.returncode == 0 or f"no such command: `+{channel.value}`" not in probed.stderr_tail
