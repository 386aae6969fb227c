from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from nanna_ci.foundation.verdict import Verdict
from nanna_ci.measure.budgets.machine_schedule import MachineLimits
from nanna_ci.measure.budgets.recorded_times import RECORDED_RUNS, MachineTimes, RecordedTimes, recorded_times
from nanna_ci.measure.history.records import JobRecord, RunRecord
from nanna_ci.pipeline.definition import load_pipeline, parse_pipeline
from nanna_ci.pipeline.job_plan import Event, Job, plan_jobs
from support.fake_recorded_runs import built, github_run, github_runs, local_run

LIMITS = MachineLimits(20, 5)
UNIT = "unit-x86_64-linux-stable"
CONTAINER_TEST, IMAGE, SCAN = (f"{kind}-app-x86_64-linux" for kind in ("container-test", "image", "scan"))


def plan(text: str) -> tuple[Job, ...]:
    head = '[workspace]\nname = "app"\nbinaries = ["app"]\n'
    return plan_jobs(parse_pipeline(f"{head}{text}", "test"), Event.PUSH)


UNIT_ONLY = plan('[[test]]\nkind = "unit"\n')
ONE_IMAGE = plan('[[image]]\nname = "app"\ncontents = ["app"]\nprobe_commands = ["app --help"]\n')


def of(job: str, times: RecordedTimes) -> MachineTimes:
    (found,) = [machine for machine in times.machines if machine.job.id == job]
    return found


def seconds(job: str, jobs: tuple[Job, ...], history: list[RunRecord]) -> list[float]:
    (part,) = of(job, recorded_times(jobs, history, LIMITS)).parts
    return list(part.by_run.values())


def test_every_machine_of_the_own_plan_is_looked_up_in_its_order():
    jobs = plan_jobs(load_pipeline(Path(__file__).parents[4] / "pipeline.toml"), Event.PUSH)
    times = recorded_times(jobs, [], LIMITS)
    assert len(times.machines) == 30
    assert sum(machine.is_macos for machine in times.machines) == 6
    assert (times.runs, len(times.unmeasured)) == (0, 40)


@pytest.mark.parametrize("state", ["present", "substituted"])
def test_a_job_that_was_there_before_says_nothing_about_a_build(state: str):
    there = JobRecord(UNIT, Verdict.PASS, state, run_s=3.0)
    assert seconds(UNIT, UNIT_ONLY, [github_run(1, [built(UNIT, 60)]), github_run(2, [there])]) == [60]
    assert recorded_times(UNIT_ONLY, [github_run(2, [there])], LIMITS).unmeasured[0] == UNIT


@pytest.mark.parametrize("verdict", [Verdict.FAIL, Verdict.ERROR, Verdict.UNAVAILABLE])
def test_a_job_that_did_not_pass_may_have_ended_early(verdict: Verdict):
    ended = replace(built(UNIT, 3.0), verdict=verdict)
    assert seconds(UNIT, UNIT_ONLY, [github_run(1, [ended])]) == []


def test_a_built_job_without_a_time_is_not_measured():
    assert seconds(UNIT, UNIT_ONLY, [github_run(1, [JobRecord(UNIT, Verdict.PASS, "built")])]) == []


def test_only_the_newest_runs_count_in_which_the_job_was_built():
    history = github_runs(*({UNIT: float(number)} for number in range(RECORDED_RUNS + 5)))
    history.append(github_run(900, [JobRecord(UNIT, Verdict.PASS, "present")]))
    assert seconds(UNIT, UNIT_ONLY, history) == [float(number) for number in range(5, RECORDED_RUNS + 5)]


def test_a_machine_on_github_is_timed_as_a_whole():
    jobs = [built(CONTAINER_TEST, 200), built(IMAGE, 120), built(SCAN, 30)]
    machine = of(CONTAINER_TEST, recorded_times(ONE_IMAGE, [github_run(1, jobs)], LIMITS))
    assert [(part.job, part.is_certain) for part in machine.parts] == [(CONTAINER_TEST, True)]
    assert (machine.median_s, machine.spread_s, machine.runs) == (200, (200, 200), 1)


@pytest.mark.parametrize(
    "along",
    [
        JobRecord(IMAGE, Verdict.PASS, "substituted"),
        JobRecord(IMAGE, Verdict.FAIL, "built", run_s=1.0),
        JobRecord(IMAGE, Verdict.FAIL),
        JobRecord(IMAGE, Verdict.ERROR),
    ],
)
def test_a_machine_whose_image_was_not_built_does_not_count(along: JobRecord):
    run = github_run(1, [built(CONTAINER_TEST, 200), along, built(SCAN, 30)])
    assert not of(CONTAINER_TEST, recorded_times(ONE_IMAGE, [run], LIMITS)).runs


def test_a_scan_that_could_not_run_took_no_time():
    run = github_run(1, [built(CONTAINER_TEST, 200), built(IMAGE, 9), JobRecord(SCAN, Verdict.UNAVAILABLE)])
    machine = of(CONTAINER_TEST, recorded_times(ONE_IMAGE, [run], LIMITS))
    assert (machine.runs, machine.parts[0].is_certain) == (1, True)


def test_times_that_may_be_of_no_build_count_only_where_there_are_no_others():
    unknown = github_run(1, [JobRecord(UNIT, Verdict.PASS, run_s=5.0)])
    times = recorded_times(UNIT_ONLY, [unknown], LIMITS)
    assert (of(UNIT, times).median_s, times.uncertain) == (5.0, (UNIT,))
    times = recorded_times(UNIT_ONLY, [unknown, github_run(2, [built(UNIT, 60)])], LIMITS)
    assert (of(UNIT, times).median_s, times.uncertain) == (60, ())


def test_that_a_machine_of_github_ran_does_not_say_that_nix_built_there():
    runners = '["ubuntu-24.04", "macos-15"]'
    jobs = plan(f'[[test]]\nkind = "unit"\nrunners = {runners}\n')
    ran = [JobRecord(name, Verdict.PASS, "ran", run_s=60.0) for name in (UNIT, "unit-aarch64-darwin-stable")]
    times = recorded_times(jobs, [github_run(1, [*ran, built("build-x86_64-linux", 60)])], LIMITS)
    assert [machine.median_s for machine in times.machines] == [60, 60, 60]
    assert times.uncertain == (UNIT,)  # cargo on a runner of macOS has nothing to fetch instead


def test_the_jobs_of_the_workflow_around_the_machines_are_looked_up_too():
    ended = replace(built("ci-summary", 9.0), verdict=Verdict.FAIL)
    runs = [
        github_run(1, [built("plan", 20, queue_s=5.0), built("ci-summary", 30), built("gone", 1)]),
        github_run(2, [built("plan", 22), ended, built(UNIT, 60), built("pipeline-tests", 700)]),
    ]
    times = recorded_times(UNIT_ONLY, runs, LIMITS)
    assert (list(times.before.by_run.values()), list(times.after.by_run.values())) == ([25, 22], [30])
    assert times.left_out == ("pipeline-tests",)
    assert recorded_times(UNIT_ONLY, [], LIMITS).left_out == ("plan", "ci-summary")


def test_local_runs_count_only_where_there_is_none_on_github_and_job_by_job():
    here = local_run(1, [built(CONTAINER_TEST, 20), built(IMAGE, 50), JobRecord(SCAN, Verdict.PASS, "present")])
    times = recorded_times(ONE_IMAGE, [here, local_run(2, [built(IMAGE, 70)])], LIMITS)
    machine = of(CONTAINER_TEST, times)
    assert {part.job: list(part.by_run.values()) for part in machine.parts} == {
        IMAGE: [50, 70],
        CONTAINER_TEST: [20],
        SCAN: [],
    }
    assert (times.is_local, times.runs, machine.median_s, machine.runs, machine.spread_s) == (True, 2, 80, 0, None)
    assert SCAN in times.unmeasured
    assert CONTAINER_TEST not in times.unmeasured
    times = recorded_times(ONE_IMAGE, [here, github_run(3, [built(UNIT, 60)])], LIMITS)
    assert (times.is_local, times.runs) == (False, 1)
    assert CONTAINER_TEST in times.unmeasured


def test_a_wait_counts_only_while_the_account_had_a_machine_free():
    runners = '["ubuntu-24.04", "macos-15", "macos-15-intel", "windows-2025"]'
    jobs = plan(f'[[test]]\nkind = "unit"\nrunners = {runners}\n')
    ids = [f"unit-{system}-stable" for system in ("x86_64-linux", "aarch64-darwin", "x86_64-darwin", "x86_64-windows")]
    run = github_run(1, [built(job, 60, queue_s=wait) for job, wait in zip(ids, (3, 4, 70, 64), strict=True)])
    assert recorded_times(jobs, [run], MachineLimits(20, 1)).waits_s == {
        "ubuntu-24.04": (3,),
        "macos-15": (4,),
        "windows-2025": (64,),
    }
    assert recorded_times(jobs, [run], MachineLimits(2, 2)).waits_s == {"ubuntu-24.04": (3,), "macos-15": (4,)}
    assert recorded_times(jobs, [run], LIMITS).waits_s["macos-15-intel"] == (70,)
