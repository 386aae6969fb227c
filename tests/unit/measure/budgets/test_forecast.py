from __future__ import annotations

import random
from dataclasses import replace

import pytest

from nanna_ci.foundation.verdict import Verdict
from nanna_ci.measure.budgets.forecast import BAND_RUNS, Forecast, Remedy, make_forecast
from nanna_ci.measure.budgets.machine_schedule import MachineLimits, schedule_machines
from nanna_ci.measure.budgets.recorded_times import recorded_times
from nanna_ci.measure.history.records import RunRecord
from nanna_ci.pipeline.definition import parse_pipeline
from nanna_ci.pipeline.job_plan import Event, parallel_jobs, plan_jobs
from support.fake_recorded_runs import github_runs, local_run

JOBS = plan_jobs(
    parse_pipeline(
        """
        test = [
          { kind = "unit", runners = ["ubuntu-24.04", "macos-15", "macos-15-intel", "windows-2025"] },
          { kind = "clippy", runners = ["ubuntu-24.04", "macos-15", "windows-2025"] },
        ]
        [workspace]
        name = "app"
        """,
        "test",
    ),
    Event.PUSH,
)
UNIT, UNIT_MAC, UNIT_INTEL, UNIT_WINDOWS, CLIPPY, CLIPPY_MAC, CLIPPY_WINDOWS = (job.id for job in JOBS)
LIMITS = MachineLimits(20, 5)
TIMES = {job.id: 60.0 for job in JOBS}


def forecast(history: list[RunRecord], limits: MachineLimits = LIMITS, limit_s: float = 1200) -> Forecast:
    return make_forecast(recorded_times(JOBS, history, limits), limits, limit_s)


def test_alike_runs_are_forecast_as_they_were():
    answer = forecast(github_runs(*[{**TIMES, UNIT: 300.0}] * 20))
    assert answer.median_s == 310  # with ten seconds until there is a machine
    assert answer.band is not None
    assert (answer.band.low_s, answer.band.high_s, answer.band.share) == (310, 310, 0.9)
    assert (answer.within, answer.is_lower_bound) == (1, False)
    assert [answer.times.machines[number].job.id for number in answer.schedule.critical_path] == [UNIT]
    assert answer.schedule.machines_at_once == len(JOBS)


def test_the_jobs_of_the_workflow_before_and_after_are_part_of_it():
    answer = forecast(github_runs(*[{**TIMES, UNIT: 300.0, "plan": 20.0, "ci-summary": 30.0}] * 20))
    assert answer.median_s == 30 + 310 + 40
    assert answer.critical_path == (("plan", 0, 30), (UNIT, 30, 340), ("ci-summary", 340, 380))
    assert answer.remedies == (Remedy(150, UNIT),)


def test_a_slow_day_stays_slow_as_a_whole():
    slow_day = dict.fromkeys(TIMES, 100.0)
    answer = forecast(github_runs(*[slow_day] * 5, *[TIMES] * 15))
    # drawn job by job, nearly every run would have a slow machine
    assert (answer.median_s, answer.within) == (70, 1)
    assert forecast(github_runs(*[slow_day] * 5, *[TIMES] * 15), limit_s=70).within == 0.75


@pytest.mark.parametrize(("limit_s", "verdict"), [(310, Verdict.PASS), (309.999, Verdict.FAIL)])
def test_a_median_at_the_limit_keeps_it_and_one_beyond_does_not(limit_s: float, verdict: Verdict):
    answer = forecast(github_runs(*[{**TIMES, UNIT: 300.0}] * BAND_RUNS), limit_s=limit_s)
    assert answer.budget.verdict is verdict
    assert answer.within == (1 if verdict is Verdict.PASS else 0)


def test_the_same_history_gives_the_same_forecast():
    dice = random.Random(1)
    history = github_runs(*({job: dice.uniform(50, 90) for job in TIMES} for _ in range(8)))
    assert forecast(history) == forecast(history)
    assert forecast(history) != forecast(history[1:])


def test_a_job_without_a_record_makes_it_a_lower_bound_that_is_not_within_the_budget():
    known = {job: seconds for job, seconds in TIMES.items() if job != CLIPPY_MAC}
    answer = forecast(github_runs(*[known] * 20))
    assert (answer.median_s, answer.is_lower_bound, answer.times.unmeasured) == (70, True, (CLIPPY_MAC,))
    assert (answer.budget.verdict, answer.budget.measurement.note) == (
        Verdict.UNAVAILABLE,
        "no time is recorded for 1 of 7 jobs",
    )
    assert (answer.band, answer.within) == (None, None)


def test_a_lower_bound_beyond_the_budget_is_over_it():
    answer = forecast(github_runs(*[{UNIT: 1300.0}] * 20))
    assert (answer.budget.verdict, answer.is_lower_bound) == (Verdict.FAIL, True)


def test_without_any_record_there_is_no_forecast():
    for history in ([], github_runs({"of-another-plan": 60.0})):
        answer = forecast(history)
        assert (answer.median_s, answer.band, answer.remedies) == (None, None, ())
        assert answer.budget.verdict is Verdict.UNAVAILABLE


@pytest.mark.parametrize("seconds", [60.0, 5000.0])
def test_times_of_local_runs_decide_nothing(seconds: float):
    (run,) = github_runs(dict.fromkeys(TIMES, seconds))
    answer = forecast([local_run(number, run.jobs) for number in range(20)])
    assert (answer.median_s, answer.within) == (seconds, None)  # nobody waits for a machine here
    assert answer.budget.verdict is Verdict.UNAVAILABLE


def test_a_band_needs_some_runs_of_every_machine_and_says_how_much_it_holds():
    shares = {}
    for runs in (1, BAND_RUNS - 1, BAND_RUNS, 10, 19, 20):
        band = forecast(github_runs(*[TIMES] * runs)).band
        shares[runs] = None if band is None else round(band.share, 3)
    assert shares == {1: None, 4: None, 5: 0.667, 10: 0.818, 19: 0.9, 20: 0.9}
    less_of_one = github_runs(*[TIMES] * 16, *[{job: 60.0 for job in TIMES if job != UNIT}] * 4)
    assert forecast(less_of_one[4:]).band.share == pytest.approx(11 / 13)  # type: ignore[union-attr]


def test_the_band_holds_as_many_of_the_runs_that_follow_as_it_says():
    """Runs with slow days, on which all machines are slower, and with machines that were not built in each run."""
    dice = random.Random(5)
    machines = [(60 + 40 * number, machine) for number, machine in enumerate(parallel_jobs(JOBS))]
    limits = MachineLimits(4, 1)
    is_macos = [one.is_macos for one in recorded_times(JOBS, [], limits).machines]

    def one_day() -> dict[str, float]:
        day = dice.lognormvariate(0, 0.2)
        return {job.id: typical * day * dice.lognormvariate(0, 0.1) for typical, job in machines}

    for share_built, least, most in ((1.0, 0.84, 0.96), (0.5, 0.84, 1.0)):
        held = []
        for _ in range(10):
            days = [one_day() for _ in range(20 if share_built == 1 else 40)]
            history = github_runs(*({job: s for job, s in day.items() if dice.random() < share_built} for day in days))
            without_waits = [
                replace(run, jobs=tuple(replace(job, queue_s=None) for job in run.jobs)) for run in history
            ]
            band = forecast(without_waits, limits).band
            assert band is not None
            for _ in range(40):
                wall_s = schedule_machines(list(one_day().values()), is_macos, limits).wall_s
                held.append(band.low_s <= wall_s <= band.high_s)
        assert least <= sum(held) / len(held) <= most


def test_what_would_shorten_it_is_named_with_the_most_helpful_first():
    answer = forecast(github_runs(*[{**TIMES, UNIT: 300.0, CLIPPY: 200.0}] * 20))
    assert answer.remedies == (Remedy(100, UNIT),)  # then the other one lasts longest
    two_macos = MachineLimits(20, 2)
    answer = forecast(github_runs(*[{**TIMES, CLIPPY_MAC: 100.0}] * 20), two_macos)
    assert answer.median_s == 70 + 110
    earlier = (Remedy(30, UNIT_MAC), Remedy(30, UNIT_INTEL))  # it starts when one of these two ends
    assert answer.remedies == (Remedy(70, macos=True), Remedy(50, CLIPPY_MAC), *earlier)


def test_one_more_machine_helps_where_all_are_busy():
    answer = forecast(github_runs(*[TIMES] * 20), MachineLimits(6, 5))
    assert answer.median_s == 140
    assert answer.remedies[0] == Remedy(70)


def test_a_machine_that_is_waited_for_is_not_halved_with_its_wait():
    (run,) = github_runs({**TIMES, UNIT: 300.0})
    slow = replace(
        run, jobs=tuple(replace(job, queue_s=200.0) if job.id in {UNIT, CLIPPY} else job for job in run.jobs)
    )
    answer = forecast([slow])
    assert (answer.median_s, answer.remedies) == (500, (Remedy(150, UNIT),))
