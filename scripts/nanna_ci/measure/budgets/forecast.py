"""How long a plan will take on GitHub, by simulated runs: drawn times, and machines as the account has them.

A simulated run takes a recorded run, and of each machine the time that it had there, so that what slowed several
machines on one day stays together; a job without a time in that run takes one of its others. Waits for a machine are
drawn by runner. The same history gives the same forecast. (Drawn apart, as if no day were slow as a whole, the longest
of many times comes out too long: nearly every run would have a slow machine.)

The band is where the next run lies in 90 % of cases, if it is a run like those recorded: after n of them, the next lies
between the shortest and the longest in (n - 1)/(n + 1) of cases. With more than 19 the ends are cut to 90 %; with fewer
the share is less, and the forecast says which.

A job without any record counts as nothing: the forecast then is a lower bound, and is not called within the budget.
Times of local runs decide nothing at all: GitHub's machines are others.
"""

from __future__ import annotations

import random
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from nanna_ci.measure.budgets.budget_rule import BudgetResult, BudgetTarget, Measurement, decide_budget
from nanna_ci.measure.budgets.machine_schedule import MachineLimits, MachineSchedule, schedule_machines
from nanna_ci.measure.budgets.recorded_times import MachineTimes, PartTimes, RecordedTimes

SIMULATED_RUNS: Final = 500
BAND_SHARE: Final = 0.9
BAND_RUNS: Final = 5
"""With fewer recorded runs of a machine there is no band: it would hold less than two in three."""
_SEED: Final = 13


@dataclass(frozen=True, slots=True)
class Remedy:
    """A change, and by how many seconds it brings down the median: `job` takes half its time, or, where that is None,
    the account has one more machine (of those with macOS, if `macos`)."""

    saved_s: float
    job: str | None = None
    macos: bool = False


@dataclass(frozen=True, slots=True)
class Band:
    """Where the next run ends, with this `share` of certainty."""

    low_s: float
    high_s: float
    share: float


@dataclass(frozen=True, slots=True)
class Forecast:
    """The answer. `median_s` is None if no job has a record; `band` is None if records are too few for one.

    `schedule` is the run in which every machine takes its median time; it begins with the first of them. `within` is
    the share of simulated runs that keep the budget, None without a band or where local times decide nothing.
    `remedies` are those that save anything, best first.
    """

    times: RecordedTimes
    limits: MachineLimits
    budget: BudgetResult
    schedule: MachineSchedule
    median_s: float | None
    band: Band | None
    within: float | None
    remedies: tuple[Remedy, ...]

    @property
    def is_lower_bound(self) -> bool:
        """Whether there are jobs that nobody has measured."""
        return bool(self.times.unmeasured)

    @property
    def machines_at_once(self) -> int | None:
        """The most that are busy at a moment of that run; None unless all are measured."""
        return None if self.is_lower_bound else self.schedule.machines_at_once

    @property
    def critical_path(self) -> tuple[tuple[str, float, float], ...]:
        """Of that run, with the workflow's own jobs around it: job, start and end; each waits for the one before."""
        times, schedule = self.times, self.schedule
        if self.median_s is None:
            return ()
        start_s, after_s = times.before.median_s, times.after.median_s
        path = [(times.before.job, 0.0, start_s)] if times.before.by_run else []
        path += [
            (times.machines[number].job.id, start_s + schedule.starts_s[number], start_s + schedule.ends_s[number])
            for number in schedule.critical_path
        ]
        end_s = start_s + schedule.wall_s
        return (*path, *([(times.after.job, end_s, end_s + after_s)] if times.after.by_run else ()))


def make_forecast(times: RecordedTimes, limits: MachineLimits, limit_s: float) -> Forecast:
    """Simulate, against the budget of the whole pipeline."""
    machines = times.machines
    typical = [_typical_wait(times, machine) + machine.median_s for machine in machines]
    schedule = _schedule(machines, typical, limits)
    if not any(machine.known for machine in machines):
        return Forecast(times, limits, _decide(None, times, limit_s), schedule, None, None, None, ())
    draws = list(_draws(times))
    walls = sorted(_walls(machines, draws, limits))
    median_s = statistics.median(walls)
    budget = _decide(median_s, times, limit_s)
    band = _band(walls, min(machine.runs for machine in machines))
    return Forecast(
        times=times,
        limits=limits,
        budget=budget,
        schedule=schedule,
        median_s=median_s,
        band=band,
        within=sum(wall <= limit_s for wall in walls) / len(walls) if band is not None and not times.is_local else None,
        remedies=_remedies(machines, draws, limits, median_s),
    )


@dataclass(frozen=True, slots=True)
class _Draw:
    """A run to simulate: of each machine the wait for it, and the time on it; and what comes before and after them."""

    waits_s: Sequence[float]
    runs_s: Sequence[float]
    around_s: float


def _draws(times: RecordedTimes) -> Iterator[_Draw]:
    """The runs to simulate: every recorded run as often as the others."""
    dice = random.Random(_SEED)  # noqa: S311 - no secret: the same history gives the same forecast
    runs = sorted({run for machine in times.machines for part in machine.parts for run in part.by_run})
    waits = [times.waits_s.get(machine.job.runner, ()) if machine.known else () for machine in times.machines]
    for number in range(SIMULATED_RUNS):
        run = runs[number * len(runs) // SIMULATED_RUNS]
        yield _Draw(
            [dice.choice(found) if found else 0.0 for found in waits],
            [sum(_drawn(part, run, dice) for part in machine.parts) for machine in times.machines],
            _drawn(times.before, run, dice) + _drawn(times.after, run, dice),
        )


def _drawn(part: PartTimes, run: str, dice: random.Random) -> float:
    """The time in that run, else in any other; nothing if none is recorded."""
    if run in part.by_run:
        return part.by_run[run]
    return dice.choice(list(part.by_run.values())) if part.by_run else 0.0


def _schedule(machines: Sequence[MachineTimes], seconds: Sequence[float], limits: MachineLimits) -> MachineSchedule:
    return schedule_machines(seconds, [machine.is_macos for machine in machines], limits)


def _walls(
    machines: Sequence[MachineTimes], draws: Sequence[_Draw], limits: MachineLimits, *, halved: int | None = None
) -> Iterator[float]:
    is_macos = [machine.is_macos for machine in machines]
    for draw in draws:
        seconds = [wait_s + run_s for wait_s, run_s in zip(draw.waits_s, draw.runs_s, strict=True)]
        if halved is not None:
            seconds[halved] -= draw.runs_s[halved] / 2
        yield draw.around_s + schedule_machines(seconds, is_macos, limits).wall_s


def _typical_wait(times: RecordedTimes, machine: MachineTimes) -> float:
    found = times.waits_s.get(machine.job.runner, ())
    return statistics.median(found) if found and machine.known else 0.0


def _band(walls: Sequence[float], runs: int) -> Band | None:
    """Of sorted walls. `runs` is how many were recorded of the machine that has the fewest."""
    if runs < BAND_RUNS:
        return None
    cut = max(0.0, (1 - BAND_SHARE) / 2 * (runs + 1) - 1) / (runs - 1)
    low_s, high_s = (walls[round(share * (len(walls) - 1))] for share in (cut, 1 - cut))
    return Band(low_s, high_s, min(BAND_SHARE, (runs - 1) / (runs + 1)))


def _decide(median_s: float | None, times: RecordedTimes, limit_s: float) -> BudgetResult:
    """A lower bound within the budget decides nothing; one beyond it does."""
    note = None
    if times.is_local:
        median_s, note = None, "no run on GitHub is recorded"
    elif times.unmeasured:
        note = (
            f"no time is recorded for {len(times.unmeasured)} of {sum(len(one.parts) for one in times.machines)} jobs"
        )
        median_s = None if median_s is None or median_s <= limit_s else median_s
    return decide_budget(Measurement(BudgetTarget.PIPELINE, median_s, note=note), limit_s, strict=False)


def _remedies(
    machines: Sequence[MachineTimes], draws: Sequence[_Draw], limits: MachineLimits, median_s: float
) -> tuple[Remedy, ...]:
    """The same draws for each change, so that a difference is the change's."""

    def saved_s(changed: MachineLimits, halved: int | None = None) -> float:
        return median_s - statistics.median(_walls(machines, draws, changed, halved=halved))

    found = [
        Remedy(saved_s(limits, number), machine.job.id) for number, machine in enumerate(machines) if machine.known
    ]
    found.append(Remedy(saved_s(MachineLimits(limits.total + 1, limits.macos))))
    if any(machine.is_macos for machine in machines):
        found.append(Remedy(saved_s(MachineLimits(limits.total, limits.macos + 1)), macos=True))
    return tuple(sorted((one for one in found if round(one.saved_s, 3) > 0), key=lambda one: -one.saved_s))
