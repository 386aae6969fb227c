"""How long the machines of a plan were busy in earlier runs, out of a history.

Runs on GitHub count where there is one, and local ones only where there is none: their jobs share one machine, and
nothing is set up for them. In a record of GitHub, the time of a job that has a machine of its own is that of the whole
machine, with what ran along on it; in a local one, every job has its own time.

A time counts if the job passed and was really built: an output that was there before says nothing about a build. Where
no record of a job says how its answer was got, its times count, and the forecast says so.
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
from nanna_ci.pipeline.job_plan import Job, parallel_jobs, scan_beside, with_needs
from nanna_ci.pipeline.vocabulary import RUNNERS, SYSTEMS, OperatingSystem

RECORDED_RUNS: Final = 20
"""How many runs count of each job: the newest in which it was built. Older ones tell of another project."""


@dataclass(frozen=True, slots=True)
class PartTimes:
    """What is measured in one piece: its seconds by run, oldest first. `is_certain`: it was built in all of them."""

    job: str
    by_run: Mapping[str, float]
    is_certain: bool = True


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
        return sum(statistics.median(part.by_run.values()) for part in self.known)

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

    `waits_s` has, by runner, how long GitHub took to find a machine while the account had one free. `runs` counts the
    runs looked at.
    """

    machines: tuple[MachineTimes, ...]
    waits_s: Mapping[str, tuple[float, ...]]
    runs: int
    is_local: bool

    @property
    def unmeasured(self) -> tuple[str, ...]:
        """The jobs of which no time is recorded."""
        return tuple(part.job for machine in self.machines for part in machine.parts if not part.by_run)

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
        together = [job.id for job in (*with_needs(main, jobs), *([] if scan is None else [scan]))]
        pieces = [(job, [job]) for job in together] if is_local else [(main.id, together)]
        parts = tuple(_part(name, ran, runs) for name, ran in pieces)
        machines.append(MachineTimes(main, parts))
    waits = {} if is_local else _waits(machines, runs, limits)
    return RecordedTimes(tuple(machines), waits, len(runs), is_local)


_Runs = Sequence[tuple[str, Mapping[str, JobRecord]]]


def _part(main: str, together: Sequence[str], runs: _Runs) -> PartTimes:
    certain: dict[str, float] = {}
    unknown: dict[str, float] = {}
    for run, jobs in runs:
        if main not in jobs or jobs[main].verdict is not Verdict.PASS or (seconds := jobs[main].run_s) is None:
            continue
        built = [_was_built(jobs.get(name)) for name in together]
        if all(built):
            certain[run] = seconds
        elif False not in built:
            unknown[run] = seconds
    return PartTimes(main, _newest(certain or unknown), is_certain=bool(certain) or not unknown)


def _was_built(job: JobRecord | None) -> bool | None:
    """True also for a job that could not run: it took no time on its machine. None if nobody recorded it."""
    if job is None:
        return None
    match job.verdict:
        case Verdict.UNAVAILABLE:
            return True
        case Verdict.PASS:
            return None if job.state is None else job.state in BUILT_STATES
        case _:
            return False


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
