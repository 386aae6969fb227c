"""Histories of runs, made up: which jobs took how long, on GitHub or here."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from pathlib import Path

from nanna_ci.foundation.verdict import Verdict
from nanna_ci.measure.history.record_lines import render_record
from nanna_ci.measure.history.records import JobRecord, RunIdentity, RunRecord

STARTED = datetime.datetime(2026, 11, 28, tzinfo=datetime.UTC)


def built(job: str, seconds: float, *, queue_s: float | None = None) -> JobRecord:
    """A job that passed and was really built."""
    return JobRecord(job, Verdict.PASS, "built", queue_s=queue_s, run_s=seconds)


def github_run(number: int, jobs: Sequence[JobRecord]) -> RunRecord:
    """The run of that number on GitHub."""
    origin = RunIdentity(f"github-{number:03}-1", "push", STARTED + datetime.timedelta(hours=number))
    return RunRecord(origin, Verdict.PASS, tuple(jobs))


def local_run(number: int, jobs: Sequence[JobRecord]) -> RunRecord:
    """The run of that number on one's own machine."""
    origin = RunIdentity(f"local-{number:03}", "local", STARTED + datetime.timedelta(hours=number))
    return RunRecord(origin, Verdict.PASS, tuple(jobs))


def github_runs(*times: Mapping[str, float]) -> list[RunRecord]:
    """A run for each mapping of jobs to their seconds; every machine is waited for ten seconds."""
    return [
        github_run(number, [built(job, seconds, queue_s=10.0) for job, seconds in jobs.items()])
        for number, jobs in enumerate(times, start=1)
    ]


def write_runs(folder: Path, runs: Sequence[RunRecord]) -> Path:
    """A history in the folder, with these runs."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "runs.jsonl").write_bytes(b"".join(map(render_record, runs)))
    return folder
