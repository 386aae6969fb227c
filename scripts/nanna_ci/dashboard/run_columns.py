"""Runs as columns: for each job and step, its values over all runs, None where it was not measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from nanna_ci.foundation.verdict import Verdict
from nanna_ci.measure.history.records import JobRecord, RunRecord
from nanna_ci.pipeline.results import JobState

Column = list[float | None]
_NOT_WORKED = {JobState.SUBSTITUTED.value, JobState.PRESENT.value}
RECENT_RUNS = 50
"""A job that none of the last ones has is no job of the pipeline any more."""


@dataclass(slots=True)
class JobColumns:
    """One job over all runs. `run_s` is None where its output came from a cache: that says nothing about the job."""

    run_s: Column
    queue_s: Column
    artifact_bytes: Column
    image_bytes: Column
    steps: dict[str, Column] = field(default_factory=dict)
    last: JobRecord | None = None
    last_run: int = 0
    failed: int = 0
    judged: int = 0


@dataclass(frozen=True, slots=True)
class RunColumns:
    """All runs, oldest first, and the columns of their jobs by id. `failed` and `judged` count the RECENT_RUNS."""

    runs: tuple[RunRecord, ...]
    jobs: dict[str, JobColumns]

    @property
    def current(self) -> dict[str, JobColumns]:
        """The jobs that one of the last runs has."""
        first = len(self.runs) - RECENT_RUNS
        return {name: job for name, job in self.jobs.items() if job.last_run >= first}


def fold_runs(records: Sequence[RunRecord]) -> RunColumns:
    """The records in the order of their starts, as columns."""
    runs = sorted(records, key=lambda record: record.origin.started)
    count, first_recent = len(runs), len(runs) - RECENT_RUNS
    jobs: dict[str, JobColumns] = {}
    for at, record in enumerate(runs):
        for job in record.jobs:
            columns = jobs.get(job.id)
            if columns is None:
                columns = jobs[job.id] = JobColumns([None] * count, [None] * count, [None] * count, [None] * count)
            columns.run_s[at] = None if job.state in _NOT_WORKED else job.run_s
            columns.queue_s[at] = job.queue_s
            columns.artifact_bytes[at] = job.artifact_bytes
            columns.image_bytes[at] = job.image_bytes
            columns.last, columns.last_run = job, at
            for step in job.steps:
                if step.name not in columns.steps:
                    columns.steps[step.name] = [None] * count
                columns.steps[step.name][at] = step.seconds
            if at >= first_recent and job.verdict is not Verdict.UNAVAILABLE:
                columns.judged += 1
                columns.failed += job.verdict is Verdict.FAIL
    return RunColumns(tuple(runs), jobs)
