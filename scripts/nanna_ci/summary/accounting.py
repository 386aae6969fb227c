"""Did every expected job run and pass? Pure: what was expected and what was found give an answer for each.

Only two ends are good: a job that passed, with tests counted where it is one that runs tests, and a job that could not
run where the plan of this very event lets it be skipped. Everything else fails, and so does a run without a test.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from nanna_ci.foundation.verdict import Verdict
from nanna_ci.foundation.visible_text import visible
from nanna_ci.measure.history.records import FlakyTest
from nanna_ci.pipeline.job_plan import runs_tests
from nanna_ci.pipeline.results import JOBS_NAMED, JobResult, no_answer
from nanna_ci.report.units import names_text
from nanna_ci.summary.expectations import ABSENT, ExpectedRun, PlannedMachine
from nanna_ci.summary.found_results import FoundResult

_GOOD_NEED = "success"
_SKIPPED_NEED = "skipped"


class Standing(enum.Enum):
    """What became of an expected job. PASSED and SKIPPED are good, the latter as the plan declares it."""

    PASSED = "passed"
    SKIPPED = "declared skip"
    FAILED = "failed"
    UNAVAILABLE = "could not run"
    ERROR = "no answer"
    NO_TESTS = "no test ran"
    ABSENT = "absent"
    UNREADABLE = "unreadable"

    @property
    def is_good(self) -> bool:
        """Whether the run may pass with it."""
        return self in {Standing.PASSED, Standing.SKIPPED}


_WORST_FIRST: Final = (
    Standing.UNREADABLE,
    Standing.FAILED,
    Standing.ERROR,
    Standing.NO_TESTS,
    Standing.UNAVAILABLE,
    Standing.ABSENT,
    Standing.SKIPPED,
    Standing.PASSED,
)


@dataclass(frozen=True, slots=True)
class NeedAnswer:
    """A job of the workflow and how it ended, in GitHub's words or `absent`.

    Only a success is good, and a skip where `may_skip`: there was nothing for it to do.
    """

    name: str
    result: str
    may_skip: bool = False

    @property
    def is_good(self) -> bool:
        """Whether the run may pass with it: cancelled is not, nor skipped without leave."""
        return self.result == _GOOD_NEED or (self.may_skip and self.result == _SKIPPED_NEED)


@dataclass(frozen=True, slots=True)
class JobAnswer:
    """An expected job on one machine. `result` says the same as `standing`: what is not good fails or has no answer.

    `machine` is the id of the matrix entry. `executed` counts its tests, None for a job that runs none.
    """

    job: str
    machine: str
    standing: Standing
    result: JobResult
    executed: int | None = None
    flaky: tuple[FlakyTest, ...] = ()

    @property
    def label(self) -> str:
        """The job's name, with the machine where that is not named after it."""
        return self.job if self.job == self.machine else f"{self.job} (with {self.machine})"


@dataclass(frozen=True, slots=True)
class RunAccount:
    """The whole answer. `problems` are faults of no single job; `unplanned` results decide nothing, and are named."""

    event: str
    needs: tuple[NeedAnswer, ...]
    jobs: tuple[JobAnswer, ...]
    problems: tuple[str, ...]
    unplanned: tuple[str, ...]

    @property
    def verdict(self) -> Verdict:
        """PASS or FAIL, nothing between: a required check that does not know has not passed."""
        good = all(one.is_good for one in self.needs) and all(one.standing.is_good for one in self.jobs)
        return Verdict.PASS if good and not self.problems else Verdict.FAIL

    @property
    def results(self) -> tuple[JobResult, ...]:
        """A result for each job and machine, under its label."""
        return tuple(replace(one.result, id=one.label) for one in self.jobs)

    @property
    def line(self) -> str:
        """The verdict and what it rests on, in one line."""
        bad = [f"{need.name} was {need.result}" for need in self.needs if not need.is_good]
        ended = ", ".join(
            self._count(one) for one in sorted(Standing, key=lambda one: one.is_good) if self._labels(one)
        )
        succeeded = f"{len(self.needs) - len(bad)} of {len(self.needs)} jobs of the workflow succeeded"
        parts = (*self.problems, *bad, ended, succeeded)
        return visible(f"{self.verdict.value}: {'; '.join(filter(None, parts))}")

    def _labels(self, standing: Standing) -> list[str]:
        return [one.label for one in self.jobs if one.standing is standing]

    def _count(self, standing: Standing) -> str:
        labels = self._labels(standing)
        return f"{len(labels)} {standing.value}" + ("" if standing.is_good else f" ({names_text(labels, JOBS_NAMED)})")


def account(
    needs: Mapping[str, str],
    required: Sequence[str],
    expected: ExpectedRun,
    found: Sequence[FoundResult],
    event: str,
    *,
    optional: Sequence[str] = (),
) -> RunAccount:
    """Hold what was found against what was expected of `event`.

    `needs` are the workflow's jobs with their results; `required` are names that must be among them. Those of
    `optional` may be skipped: their own conditions say for which events they are. So may a stage without planned jobs.
    """
    answered = tuple(
        NeedAnswer(name, needs.get(name, ABSENT), name in optional or expected.has_nothing_for(name))
        for name in dict.fromkeys((*required, *needs))
    )
    is_for_event = expected.event in {None, event}
    places: dict[tuple[str, str], list[FoundResult]] = {}
    for one in found:
        places.setdefault((one.machine, one.job), []).append(one)
    jobs = tuple(
        _answer(machine, job, _results_of(machine, job, found, places), may_skip=is_for_event and job in machine.skips)
        for machine in expected.machines
        for job in machine.jobs
    )
    problems = []
    if not answered:
        problems.append("no job of the workflow is accounted for")
    if not jobs:
        problems.append("the plan has no jobs")
    if not is_for_event:
        problems.append(f"the plan is for the event {expected.event}, and this is {event}")
    ids = [machine.id for machine in expected.machines]
    problems += [f"{name} is planned {ids.count(name)} times" for name in dict.fromkeys(ids) if ids.count(name) > 1]
    problems += [f"{one.id} is not among its own jobs" for one in expected.machines if one.id not in one.jobs]
    if jobs and not any(runs_tests(one.job) and one.executed for one in jobs if one.standing is Standing.PASSED):
        problems.append("no test of the workspace ran")
    return RunAccount(event, answered, jobs, tuple(problems), tuple(_unplanned(expected, found)))


def _results_of(
    machine: PlannedMachine,
    job: str,
    found: Sequence[FoundResult],
    places: Mapping[tuple[str, str], list[FoundResult]],
) -> Sequence[FoundResult]:
    """Of the machine's own artifact alone: nobody else answers for it."""
    return [one for one in found if one.job == job] if machine.is_anywhere else places.get((machine.id, job), [])


def _answer(machine: PlannedMachine, job: str, found: Sequence[FoundResult], *, may_skip: bool) -> JobAnswer:
    """The worst of all that was found: a job that ran in several places must have passed in each."""
    answers = [_judge(machine, one, may_skip=may_skip) for one in found]
    if not answers:
        why = "there is no result: it never ran, it was stopped, or its artifact was not kept"
        return JobAnswer(job, machine.id, Standing.ABSENT, no_answer(job, why))
    if len({one.standing for one in answers}) > 1 and all(one.standing.is_good for one in answers):
        answers = [_judge(machine, one, may_skip=False) for one in found]  # passed here, skipped there: no skip
    return min(answers, key=lambda one: _WORST_FIRST.index(one.standing))


def _judge(machine: PlannedMachine, found: FoundResult, *, may_skip: bool) -> JobAnswer:
    result, executed = found.result, found.executed
    if result is None:
        problem = found.problem or "its result cannot be read"
        return JobAnswer(found.job, machine.id, Standing.UNREADABLE, no_answer(found.job, problem))
    match result.verdict:
        case Verdict.PASS if result.failing_tests:
            standing = Standing.FAILED
            result = _failed(result, "it passed, and yet it names failing tests")
        case Verdict.PASS if runs_tests(found.job) and not executed:
            standing = Standing.NO_TESTS
            counted = "counts no tests" if executed is None else "has not run a single test"
            result = _failed(result, f"it passed, but {counted}")
        case Verdict.PASS:
            standing = Standing.PASSED
        case Verdict.FAIL:
            standing = Standing.FAILED
        case Verdict.ERROR:
            standing = Standing.ERROR
        case Verdict.UNAVAILABLE if may_skip:
            standing = Standing.SKIPPED
        case Verdict.UNAVAILABLE:
            standing = Standing.UNAVAILABLE
            result = _failed(result, f"it could not run, and the plan does not let it be skipped: {result.reason}")
    return JobAnswer(found.job, machine.id, standing, result, executed, found.flaky)


def _failed(result: JobResult, reason: str) -> JobResult:
    return replace(result, verdict=Verdict.FAIL, reason=reason)


def _unplanned(expected: ExpectedRun, found: Sequence[FoundResult]) -> Iterator[str]:
    anywhere = {job for machine in expected.machines if machine.is_anywhere for job in machine.jobs}
    planned = {(machine.id, job) for machine in expected.machines for job in machine.jobs}
    for one in found:
        if one.job not in anywhere and (one.machine, one.job) not in planned:
            said = one.problem or (one.result.verdict.value if one.result else "")
            yield visible(f"{one.job} in the artifact of {one.machine or 'this run'}: {said}")
