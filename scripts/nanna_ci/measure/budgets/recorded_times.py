"""How long the machines of a plan were busy in earlier runs, out of a history.

Runs on GitHub count where there is one, and local ones only where there is none: their jobs share one machine, and
nothing is set up for them. In a record of GitHub, the time of a job that has a machine of its own is that of the whole
machine, with what ran along on it; in a local one, every job has its own time.

A time counts if the job passed and was really built: an output that was there before says nothing about a build. Where
no record of a job says how its answer was got, its times count, and the forecast says so. GitHub's own figures do not:
that a machine ran is all they say of a job of Nix.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from nanna_ci.foundation.verdict import Verdict
from nanna_ci.measure.budgets.machine_schedule import MachineLimits
from nanna_ci.measure.budgets.measured import BUILT_STATES
from nanna_ci.measure.history.records import LOCAL_EVENT, JobRecord, RunRecord
from nanna_ci.pipeline.job_plan import Job, JobRoute, ProductKind, parallel_jobs, scan_beside, with_needs
from nanna_ci.pipeline.results import JobState
from nanna_ci.pipeline.vocabulary import RUNNERS, SYSTEMS, OperatingSystem

RECORDED_RUNS: Final = 20
"""How many runs count of each job: the newest in which it was built. Older ones tell of another project."""
BEFORE: Final = "plan"
AFTER: Final = "ci-summary"
"""Jobs of the workflow that the machines of a plan wait for, and that wait for these."""


@dataclass(frozen=True, slots=True)
class PartTimes:
    """What is measured in one piece: its seconds by run, oldest first. `is_certain`: it was built in all of them."""

    job: str
    by_run: Mapping[str, float]
    is_certain: bool = True

    @property
    def median_s(self) -> float:
        """0 if nothing is recorded."""
        return statistics.median(self.by_run.values()) if self.by_run else 0.0


@dataclass(frozen=True, slots=True)
class MachineTimes:
    """The times of one machine, named by its job. Its parts run one after the other."""

    job: Job
    parts: tuple[PartTimes, ...]

    @property
    def is_macos(self) -> bool:
        """Whether it counts against the limit for macOS."""
        return SYSTEMS[RUNNERS[self.job.runner]].os is OperatingSystem.DARWIN

    @property
    def known(self) -> tuple[PartTimes, ...]:
        """The parts that are recorded at all."""
        return tuple(part for part in self.parts if part.by_run)

    @property
    def runs(self) -> int:
        """The records of the part that has the fewest; 0 if one has none."""
        return min(len(part.by_run) for part in self.parts)

    @property
    def median_s(self) -> float:
        """Of what is recorded; 0 if nothing is."""
        return sum(part.median_s for part in self.parts)

    @property
    def spread_s(self) -> tuple[float, float] | None:
        """The shortest and the longest time; None if a part is not recorded."""
        if not self.runs:
            return None
        return sum(min(part.by_run.values()) for part in self.parts), sum(
            max(part.by_run.values()) for part in self.parts
        )


@dataclass(frozen=True, slots=True)
class RecordedTimes:
    """What a history says about the machines of a plan, in its order.

    `waits_s` has, by runner, how long GitHub took to find a machine while the account had one free. `before` and
    `after` are the workflow's own jobs around the machines, with their waits. `others` are jobs of the newest run that
    have no place in the plan. `runs` counts the runs looked at.
    """

    machines: tuple[MachineTimes, ...]
    waits_s: Mapping[str, tuple[float, ...]]
    before: PartTimes
    after: PartTimes
    others: tuple[str, ...]
    runs: int
    is_local: bool

    @property
    def unmeasured(self) -> tuple[str, ...]:
        """The jobs of which no time is recorded."""
        return tuple(part.job for machine in self.machines for part in machine.parts if not part.by_run)

    @property
    def left_out(self) -> tuple[str, ...]:
        """What a run of the workflow does besides, as far as anybody recorded it."""
        return (*(one.job for one in (self.before, self.after) if not one.by_run), *self.others)

    @property
    def uncertain(self) -> tuple[str, ...]:
        """The jobs whose records do not say whether they were built."""
        return tuple(part.job for machine in self.machines for part in machine.parts if not part.is_certain)


def recorded_times(jobs: Sequence[Job], history: Sequence[RunRecord], limits: MachineLimits) -> RecordedTimes:
    """Look up a plan's machines in a history, in which the oldest run is the first."""
    on_github = [run for run in history if run.origin.event != LOCAL_EVENT]
    is_local = not on_github
    runs = [(run.origin.run, {job.id: job for job in run.jobs}) for run in (history if is_local else on_github)]
    machines = []
    for main in parallel_jobs(jobs):
        scan = scan_beside(main, jobs)
        together = (*with_needs(main, jobs), *([] if scan is None else [scan]))
        pieces: list[tuple[Job, tuple[Job, ...]]] = (
            [(job, (job,)) for job in together] if is_local else [(main, together)]
        )
        machines.append(MachineTimes(main, tuple(_part(job, ran, runs) for job, ran in pieces)))
    known = {job.id for job in jobs} | {BEFORE, AFTER}
    return RecordedTimes(
        tuple(machines),
        waits_s={} if is_local else _waits(machines, runs, limits),
        before=_around(BEFORE, runs),
        after=_around(AFTER, runs),
        others=tuple(name for name in runs[-1][1] if name not in known) if runs else (),
        runs=len(runs),
        is_local=is_local,
    )


_Runs = Sequence[tuple[str, Mapping[str, JobRecord]]]


def _part(main: Job, together: Sequence[Job], runs: _Runs) -> PartTimes:
    certain: dict[str, float] = {}
    unknown: dict[str, float] = {}
    for run, jobs in runs:
        record = jobs.get(main.id)
        if record is None or record.verdict is not Verdict.PASS or (seconds := record.run_s) is None:
            continue
        built = [_was_built(job, jobs.get(job.id)) for job in together]
        if all(built):
            certain[run] = seconds
        elif False not in built:
            unknown[run] = seconds
    return PartTimes(main.id, _newest(certain or unknown), is_certain=bool(certain) or not unknown)


def _was_built(job: Job, record: JobRecord | None) -> bool | None:
    """True also for a job that could not run: it took no time on its machine. None if nobody recorded it."""
    if record is None:
        return None
    match record.verdict:
        case Verdict.UNAVAILABLE:
            return True
        case Verdict.PASS if record.state is None or (record.state == JobState.RAN.value and _nix_decides(job)):
            return None
        case Verdict.PASS:
            return record.state in BUILT_STATES
        case _:
            return False


def _nix_decides(job: Job) -> bool:
    """Whether a job that ran may have built nothing: tests and scans of images do their work each time."""
    return job.route is JobRoute.NIX and job.kind not in {ProductKind.CONTAINER_TEST, ProductKind.SCAN}


def _around(name: str, runs: _Runs) -> PartTimes:
    """Of a job of the workflow, with its wait."""
    by_run = {
        run: (record.queue_s or 0.0) + record.run_s
        for run, jobs in runs
        if (record := jobs.get(name)) is not None and record.verdict is Verdict.PASS and record.run_s is not None
    }
    return PartTimes(name, _newest(by_run))


def _newest(by_run: Mapping[str, float]) -> Mapping[str, float]:
    return dict(list(by_run.items())[-RECORDED_RUNS:])


def _waits(machines: Sequence[MachineTimes], runs: _Runs, limits: MachineLimits) -> dict[str, tuple[float, ...]]:
    """Of those machines alone that started first, as many as the account has: the others waited for these to end."""
    waits: dict[str, list[float]] = {}
    for _, jobs in runs[-RECORDED_RUNS:]:
        queued = list(_queued(machines, jobs))
        first = sorted(queued, key=lambda one: one[0])[: limits.total]
        macos = [one for one in first if one[1].is_macos][limits.macos :]
        for wait_s, machine in first:
            if (wait_s, machine) not in macos:
                waits.setdefault(machine.job.runner, []).append(wait_s)
    return {runner: tuple(found) for runner, found in waits.items()}


def _queued(machines: Iterable[MachineTimes], jobs: Mapping[str, JobRecord]) -> Iterator[tuple[float, MachineTimes]]:
    for machine in machines:
        record = jobs.get(machine.job.id)
        if record is not None and record.queue_s is not None:
            yield record.queue_s, machine
