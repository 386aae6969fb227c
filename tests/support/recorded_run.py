"""A plan on this machine over what a real Nix said, with effects by script."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from pathlib import Path

from nanna_ci.foundation.verdict import Verdict
from nanna_ci.pipeline.definition import load_pipeline
from nanna_ci.pipeline.job_plan import Event, Job, plan_jobs
from nanna_ci.pipeline.local_run import EffectRequest, LocalRun
from nanna_ci.pipeline.output_facts import DatabaseRule
from nanna_ci.pipeline.progress import Tracker
from nanna_ci.pipeline.results import JobResult, JobState
from nanna_ci.pipeline.run_folder import JobFolders
from nanna_ci.report.blocks import Tone
from nanna_ci.store.build_log import BuildLog
from nanna_ci.store.build_result import DerivationResult
from nanna_ci.store.nix import Nix
from support.recorded_nix import DATA, RecordedNix

JOBS = plan_jobs(load_pipeline(DATA / "pipeline.toml"), Event.PUSH)
UNIT, CLIPPY, DOC, FMT = (f"{kind}-x86_64-linux-stable" for kind in ("unit", "clippy", "doc", "fmt"))
INTEGRATION, BUILD = "integration-x86_64-linux-stable", "build-x86_64-linux"


GREEN_JUNIT = DATA.parent / "cargo" / "green.xml"


def green_junit(one: DerivationResult) -> Path | None:
    """In place of `nix_jobs.junit_path`: a recording has no store, so what its test jobs left is here."""
    return GREEN_JUNIT if one.state.there and one.derivation.name.endswith(("-unit.drv", "-integration.drv")) else None


class Run:
    """A `LocalRun` over a recording, and all that it said."""

    def __init__(
        self, folder: Path, nix: RecordedNix, *, host: str | None = "x86_64-linux", strict: bool = False
    ) -> None:
        self.nix = nix
        self.folder = folder
        self.notes: list[tuple[str, Tone]] = []
        self.effects: list[EffectRequest] = []
        self.logs: list[BuildLog] = []
        self.tracker = Tracker(len(JOBS), lambda: 0.0)
        self.effect: Callable[[EffectRequest], JobResult] = lambda request: JobResult(
            request.job.id, Verdict.PASS, 1.0, JobState.RAN
        )
        self.run = LocalRun(
            host=host,
            nix=Nix(nix, environ={}),
            run_effect=self._effect,
            reproduce=lambda attribute: f"nix build .#{attribute} -L",
            on_built=self.logs.append,
            folders=JobFolders(lambda job_id: folder / job_id),
            tracker=self.tracker,
            note=lambda line, tone: self.notes.append((line, tone)),
            clock=lambda: 0.0,
            verbose=False,
            rule=DatabaseRule(14, datetime.date(2026, 11, 28), strict),
        )

    def _effect(self, request: EffectRequest) -> JobResult:
        self.effects.append(request)
        return self.effect(request)

    def __call__(self, jobs: tuple[Job, ...] = JOBS) -> dict[str, JobResult]:
        results, interrupted = self.run.run(jobs)
        assert interrupted is None
        return results

    def log(self, job_id: str) -> str:
        return (self.folder / job_id / "log.txt").read_text()
