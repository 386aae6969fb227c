"""Jobs run on this machine for `ci` and `run-job`, each kind by what runs it, with a live view and build times kept."""

from __future__ import annotations

import datetime
import platform
import sys
from collections.abc import Sequence

from nanna_ci.binaries import targets
from nanna_ci.containers.testing.container_job import run_container_job
from nanna_ci.foundation.context import Context, Ports
from nanna_ci.foundation.errors import Interrupted, MalformedData, NannaError
from nanna_ci.jobs.build_job import run_build_job
from nanna_ci.jobs.cargo_job import run_cargo_job
from nanna_ci.jobs.scan_job import run_scan_job
from nanna_ci.pipeline.definition import Pipeline
from nanna_ci.pipeline.job_plan import Job, ProductKind, on_host
from nanna_ci.pipeline.live import LiveView, live_view
from nanna_ci.pipeline.local_run import EffectRequest, LocalRun
from nanna_ci.pipeline.output_facts import DatabaseRule
from nanna_ci.pipeline.progress import Tracker
from nanna_ci.pipeline.reproduce import RunOrigin
from nanna_ci.pipeline.results import JobResult
from nanna_ci.pipeline.run_folder import JobFolders, ensure_base
from nanna_ci.report.blocks import Tone
from nanna_ci.store.build_log import BuildLog
from nanna_ci.store.build_times import DEFAULT_FILE, BuildTimes, built_seconds, load_build_times, record_build_times
from nanna_ci.store.nix import Nix


def run_locally(
    jobs: Sequence[Job], pipeline: Pipeline, folders: JobFolders, context: Context, *, strict: bool
) -> tuple[dict[str, JobResult], Interrupted | None]:
    """Run jobs on this machine with a live view; see `LocalRun.run`. `strict`: a pass with a warning fails."""
    ports = context.ports
    nix = Nix(ports.run, environ=ports.environ)
    origin = RunOrigin(nix.flake, nix.overrides, ports.environ, ports.cwd)
    host = targets.host_system(sys.platform, platform.machine())
    if host is not None:
        jobs = on_host(jobs, pipeline, host.value)
    tracker = Tracker(len(jobs), ports.clock)

    def run_effect(request: EffectRequest) -> JobResult:
        match request.job.kind:
            case ProductKind.BUILD:
                return run_build_job(request, pipeline, origin, context)
            case ProductKind.CONTAINER_TEST:
                return run_container_job(request, pipeline, origin, context)
            case ProductKind.SCAN:
                return run_scan_job(request, pipeline, origin, context, strict=strict)
            case _:
                return run_cargo_job(request, pipeline, ports)

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
            rule=DatabaseRule(
                pipeline.security.database_max_age_days,
                datetime.datetime.fromtimestamp(ports.now(), datetime.UTC).date(),
                strict,
            ),
            build_times=_known_times(ports),
        ).run(jobs)


def _known_times(ports: Ports) -> BuildTimes:
    """What builds took here before; nothing if the file is not such a file, which `_record_times` will say."""
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
