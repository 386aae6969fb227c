"""The required check's rule: the truth table of all combinations, and each rule by itself."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import pytest

from nanna_ci.foundation.verdict import Verdict
from nanna_ci.pipeline.results import JobResult, JobState
from nanna_ci.summary.accounting import RunAccount, Standing, account
from nanna_ci.summary.expectations import ExpectedRun, PlannedMachine
from nanna_ci.summary.found_results import FoundResult

UNIT, LINT = "unit-x86_64-linux-stable", "fmt-x86_64-linux-stable"
NEEDS = {"plan": "success", "jobs": "success"}


def ended(job: str, verdict: Verdict, *, machine: str | None = None, executed: int | None = None) -> FoundResult:
    passed = verdict is Verdict.PASS
    result = JobResult(
        job, verdict, 1.0, JobState.BUILT if passed else None, reason=None if passed else f"{verdict.value} it is"
    )
    return FoundResult(machine or job, job, result, executed=executed)


def passed(job: str, *, machine: str | None = None, executed: int | None = 3) -> FoundResult:
    return ended(job, Verdict.PASS, machine=machine, executed=executed)


def machine(*jobs: str, skips: tuple[str, ...] = ()) -> PlannedMachine:
    return PlannedMachine(jobs[-1], jobs, frozenset(skips))


PLAN = ExpectedRun((machine(UNIT), machine(LINT, skips=(LINT,))))


def judged(*found: FoundResult, needs: Mapping[str, str] = NEEDS, plan: ExpectedRun = PLAN, **more: Any) -> RunAccount:
    return account(needs, ("plan", "jobs"), plan, found, more.get("event", "push"))


def standings(answer: RunAccount) -> dict[str, Standing]:
    return {one.label: one.standing for one in answer.jobs}


# --- the truth table ------------------------------------------------------------------------------------------------

RESULTS = ("success", "failure", "cancelled", "skipped", "neutral", "", None)  # None: the job is not among the needs
ENDS = ("tests passed", "passed", "fail", "unavailable", "error", "unreadable", "absent")
EVENTS = ("push", "pull_request", "merge_group", "release")


@dataclass(frozen=True)
class Row:
    """One combination. `planned` is the event that the plan says it is for, None if it says none."""

    needs: tuple[str | None, ...]
    unit: tuple[str, bool]
    lint: tuple[str, bool]
    event: str
    planned: str | None


def rows() -> Iterator[Row]:
    jobs = list(itertools.product(ENDS, (False, True)))
    for needs, unit, lint, (event, planned) in itertools.product(
        itertools.product(RESULTS, repeat=2), jobs, jobs, itertools.product(EVENTS, (None, *EVENTS))
    ):
        yield Row(needs, unit, lint, event, planned)


def green(row: Row) -> bool:
    """Whether the row may be green: written from the rule's words, and not from its code."""
    if row.needs != ("success", "success"):
        return False
    if row.planned is not None and row.planned != row.event:
        return False
    if row.unit[0] != "tests passed":  # the only job with tests: without it nothing was tested, skippable or not
        return False
    end, skippable = row.lint
    return end in {"tests passed", "passed"} or (end == "unavailable" and skippable)


def found_of(job: str, end: str) -> list[FoundResult]:
    verdicts = {one.value: one for one in Verdict}
    match end:
        case "tests passed":
            return [passed(job)]
        case "passed":
            return [passed(job, executed=None)]
        case "unreadable":
            return [FoundResult(job, job, None, "not JSON")]
        case "absent":
            return []
        case _:
            return [ended(job, verdicts[end])]


def test_the_truth_table_of_all_results_verdicts_skips_and_events() -> None:
    results = {(job, end): found_of(job, end) for job in (UNIT, LINT) for end in ENDS}
    machines = {
        (job, skippable): machine(job, skips=(job,) if skippable else ())
        for job in (UNIT, LINT)
        for skippable in (False, True)
    }
    wrong, counts = [], {True: 0, False: 0}
    for row in rows():
        needs = {name: end for name, end in zip(("plan", "jobs"), row.needs, strict=True) if end is not None}
        plan = ExpectedRun((machines[UNIT, row.unit[1]], machines[LINT, row.lint[1]]), row.planned)
        found = [*results[UNIT, row.unit[0]], *results[LINT, row.lint[0]]]
        answer = account(needs, ("plan", "jobs"), plan, found, row.event)
        is_green = answer.verdict is Verdict.PASS
        counts[is_green] += 1
        if is_green != green(row):
            wrong.append((row, answer.line))
    assert wrong == []
    # 7 x 7 ends of needs, 14 x 14 of jobs, 4 x 5 events: green are 5 of the ends of fmt, 2 of unit, 8 of the events
    assert counts == {True: 5 * 2 * 8, False: 49 * 196 * 20 - 80}


# --- each rule ------------------------------------------------------------------------------------------------------


def test_a_run_passes_in_which_all_passed() -> None:
    answer = judged(passed(UNIT), passed(LINT, executed=None))
    assert answer.verdict is Verdict.PASS
    assert answer.line == "pass: 2 passed; 2 of 2 jobs of the workflow succeeded"


def test_a_declared_skip_is_good_and_named_as_what_it_is() -> None:
    answer = judged(passed(UNIT), ended(LINT, Verdict.UNAVAILABLE))
    assert standings(answer) == {UNIT: Standing.PASSED, LINT: Standing.SKIPPED}
    assert answer.line == "pass: 1 passed, 1 declared skip; 2 of 2 jobs of the workflow succeeded"


def test_a_skip_that_nobody_declared_fails_and_keeps_its_reason() -> None:
    answer = judged(ended(UNIT, Verdict.UNAVAILABLE), passed(LINT))
    assert standings(answer)[UNIT] is Standing.UNAVAILABLE
    assert answer.results[0].verdict is Verdict.FAIL
    assert answer.results[0].reason == ("it could not run, and the plan does not let it be skipped: unavailable it is")


@pytest.mark.parametrize("executed", [None, 0])
def test_a_test_job_that_passed_without_a_test_fails(executed: int | None) -> None:
    answer = judged(passed(UNIT, executed=executed), passed(LINT))
    assert standings(answer)[UNIT] is Standing.NO_TESTS
    assert answer.verdict is Verdict.FAIL
    assert "no test of the workspace ran" in answer.line


@pytest.mark.parametrize("kind", ["integration", "coverage"])
def test_every_kind_of_job_that_runs_tests_must_count_them(kind: str) -> None:
    job = f"{kind}-x86_64-linux-stable"
    plan = ExpectedRun((machine(UNIT), machine(job)))
    assert judged(passed(UNIT), passed(job, executed=1), plan=plan).verdict is Verdict.PASS
    assert judged(passed(UNIT), passed(job, executed=None), plan=plan).verdict is Verdict.FAIL


def test_a_run_in_which_every_test_job_was_skipped_as_declared_fails() -> None:
    plan = ExpectedRun((machine(UNIT, skips=(UNIT,)), machine(LINT)))
    answer = judged(ended(UNIT, Verdict.UNAVAILABLE), passed(LINT), plan=plan)
    assert standings(answer) == {UNIT: Standing.SKIPPED, LINT: Standing.PASSED}
    assert answer.problems == ("no test of the workspace ran",)
    assert answer.verdict is Verdict.FAIL


def test_a_plan_without_a_test_job_fails() -> None:
    answer = judged(passed(LINT), plan=ExpectedRun((machine(LINT),)))
    assert answer.problems == ("no test of the workspace ran",)


def test_an_empty_plan_fails() -> None:
    answer = judged(passed(UNIT), plan=ExpectedRun(()))
    assert answer.verdict is Verdict.FAIL
    assert answer.problems == ("the plan has no jobs",)
    assert answer.unplanned == (f"{UNIT} in the artifact of {UNIT}: pass",)


@pytest.mark.parametrize("need", ["plan", "jobs"])
@pytest.mark.parametrize("result", ["failure", "cancelled", "skipped", "neutral", "Success", ""])
def test_any_other_end_of_a_need_fails(need: str, result: str) -> None:
    answer = judged(passed(UNIT), passed(LINT), needs=NEEDS | {need: result})
    assert answer.verdict is Verdict.FAIL
    assert f"{need} was {result}" in answer.line


def test_a_required_need_that_is_absent_fails() -> None:
    answer = judged(passed(UNIT), passed(LINT), needs={"plan": "success"})
    assert "jobs was absent" in answer.line
    assert answer.verdict is Verdict.FAIL


def test_a_need_that_nobody_required_counts_as_well() -> None:
    assert judged(passed(UNIT), passed(LINT), needs=NEEDS | {"extra": "skipped"}).verdict is Verdict.FAIL


def test_a_run_without_any_need_fails() -> None:
    answer = account({}, (), PLAN, [passed(UNIT), passed(LINT)], "push")
    assert answer.problems == ("no job of the workflow is accounted for",)
    assert answer.verdict is Verdict.FAIL


def test_a_job_that_several_machines_ran_must_have_passed_on_each() -> None:
    plan = ExpectedRun((machine(UNIT), machine("image-a", "test-a"), machine("image-a", "test-b")))
    places = [("test-a", "image-a"), ("test-a", "test-a"), ("test-b", "image-a"), ("test-b", "test-b")]
    found = [passed(UNIT), *(passed(job, machine=where) for where, job in places)]
    assert judged(*found, plan=plan).verdict is Verdict.PASS
    absent = judged(*found[:3], found[4], plan=plan)
    assert standings(absent)["image-a (with test-b)"] is Standing.ABSENT
    failed = judged(*found[:3], ended("image-a", Verdict.FAIL, machine="test-b"), found[4], plan=plan)
    assert standings(failed)["image-a (with test-b)"] is Standing.FAILED
    assert standings(failed)["image-a (with test-a)"] is Standing.PASSED


@pytest.mark.parametrize(
    ("other", "standing"),
    [
        (ended(LINT, Verdict.FAIL), Standing.FAILED),
        (ended(LINT, Verdict.ERROR), Standing.ERROR),
        (ended(LINT, Verdict.UNAVAILABLE), Standing.UNAVAILABLE),  # it ran, so that nothing was skipped
        (FoundResult(LINT, LINT, None, "not JSON"), Standing.UNREADABLE),
    ],
)
def test_of_two_results_of_one_job_the_worse_counts(other: FoundResult, standing: Standing) -> None:
    for found in ([passed(LINT), other], [other, passed(LINT)]):
        assert standings(judged(passed(UNIT), *found))[LINT] is standing


def test_a_result_in_another_machines_artifact_does_not_count_and_is_named() -> None:
    answer = judged(passed(UNIT, machine=LINT), passed(LINT))
    assert standings(answer)[UNIT] is Standing.ABSENT
    assert answer.unplanned == (f"{UNIT} in the artifact of {LINT}: pass",)


def test_results_that_nobody_planned_are_named_and_decide_nothing() -> None:
    answer = judged(passed(UNIT), passed(LINT), ended("clippy-x", Verdict.FAIL))
    assert answer.verdict is Verdict.PASS
    assert answer.unplanned == ("clippy-x in the artifact of clippy-x: fail",)


def test_a_pass_that_names_failing_tests_fails() -> None:
    one = passed(UNIT)
    assert one.result is not None
    answer = judged(replace(one, result=replace(one.result, failing_tests=("a::b",))), passed(LINT))
    assert standings(answer)[UNIT] is Standing.FAILED


def test_a_skip_counts_only_for_the_event_that_was_planned_for() -> None:
    found = (passed(UNIT), ended(LINT, Verdict.UNAVAILABLE))
    plan = replace(PLAN, event="pull_request")
    assert judged(*found, plan=plan, event="pull_request").verdict is Verdict.PASS
    other = judged(*found, plan=plan, event="release")
    assert standings(other)[LINT] is Standing.UNAVAILABLE
    assert other.problems == ("the plan is for the event pull_request, and this is release",)


def test_a_machine_without_its_own_job_and_one_that_is_planned_twice_fail() -> None:
    plan = ExpectedRun((*PLAN.machines, PlannedMachine("empty", (), frozenset()), PLAN.machines[1]))
    assert judged(passed(UNIT), passed(LINT), plan=plan).problems == (
        f"{LINT} is planned 2 times",
        "empty is not among its own jobs",
    )


def test_a_local_plan_takes_results_from_wherever_they_are() -> None:
    plan = ExpectedRun(tuple(replace(one, is_anywhere=True) for one in PLAN.machines), "push")
    assert judged(passed(UNIT, machine=""), passed(LINT, machine="test-a"), plan=plan).verdict is Verdict.PASS
    failed = judged(passed(UNIT, machine=""), passed(LINT), ended(LINT, Verdict.FAIL, machine="test-a"), plan=plan)
    assert standings(failed)[LINT] is Standing.FAILED
    assert failed.unplanned == ()


def test_the_line_names_a_few_of_many_and_shows_no_control_characters() -> None:
    many = tuple(machine(f"fmt-{number}-stable") for number in range(300))
    line = judged(plan=ExpectedRun(many), event="push").line
    assert "300 absent (fmt-0-stable, fmt-1-stable, fmt-2-stable, fmt-3-stable, fmt-4-stable and 295 more)" in line
    assert "\x1b" not in judged(needs={"plan\x1b[2J": "failure"}).line
