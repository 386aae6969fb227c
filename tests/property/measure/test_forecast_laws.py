"""Laws of schedules and forecasts, over random machines: nothing ends sooner than it can, none is idle for nothing."""

from __future__ import annotations

import math
from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from nanna_ci.measure.budgets.forecast import make_forecast
from nanna_ci.measure.budgets.machine_schedule import MachineLimits, schedule_machines
from nanna_ci.measure.budgets.recorded_times import recorded_times
from nanna_ci.measure.history.records import RunRecord
from nanna_ci.pipeline.definition import parse_pipeline
from nanna_ci.pipeline.job_plan import Event, plan_jobs
from support.fake_recorded_runs import github_runs

SECONDS = st.integers(0, 600).map(float)
MACHINES = st.lists(st.tuples(SECONDS, st.booleans()), max_size=40)
LIMITS = st.builds(MachineLimits, st.integers(1, 12), st.integers(1, 6))
JOBS = plan_jobs(
    parse_pipeline(
        'test = [{ kind = "unit", runners = ["ubuntu-24.04", "macos-15", "macos-15-intel", "windows-2025"] }]\n'
        '[workspace]\nname = "app"\n',
        "test",
    ),
    Event.PUSH,
)
HISTORIES = st.lists(
    st.dictionaries(st.sampled_from([job.id for job in JOBS]), SECONDS, max_size=len(JOBS)), max_size=7
).map(lambda runs: github_runs(*runs))


def busy_at(moment: float, starts: Sequence[float], ends: Sequence[float]) -> int:
    return sum(start <= moment < end for start, end in zip(starts, ends, strict=True))


@given(MACHINES, LIMITS)
def test_a_schedule_keeps_the_limits_and_nobody_waits_while_a_machine_is_free(
    machines: list[tuple[float, bool]], limits: MachineLimits
):
    seconds, is_macos = [one[0] for one in machines], [one[1] for one in machines]
    schedule = schedule_machines(seconds, is_macos, limits)
    assert schedule.ends_s == tuple(start + spent for start, spent in zip(schedule.starts_s, seconds, strict=True))
    mac_starts, mac_ends = (
        [moment for moment, macos in zip(moments, is_macos, strict=True) if macos]
        for moments in (schedule.starts_s, schedule.ends_s)
    )
    for moment in {*schedule.starts_s, *schedule.ends_s}:
        busy = busy_at(moment, schedule.starts_s, schedule.ends_s)
        busy_macos = busy_at(moment, mac_starts, mac_ends)
        assert busy <= limits.total
        assert busy_macos <= limits.macos
        for start, macos in zip(schedule.starts_s, is_macos, strict=True):
            if start > moment:
                assert busy == limits.total or (macos and busy_macos == limits.macos)


@given(MACHINES, LIMITS)
def test_no_run_is_shorter_than_its_longest_job_or_than_its_work_shared_out(
    machines: list[tuple[float, bool]], limits: MachineLimits
):
    seconds, is_macos = [one[0] for one in machines], [one[1] for one in machines]
    wall_s = schedule_machines(seconds, is_macos, limits).wall_s
    on_macos = [spent for spent, macos in machines if macos]
    least = max(max(seconds, default=0.0), sum(seconds) / limits.total, sum(on_macos) / limits.macos)
    assert least <= wall_s + 1e-6
    assert wall_s <= sum(seconds) + 1e-6


@given(MACHINES, LIMITS)
def test_the_critical_path_is_busy_from_the_start_to_the_end(machines: list[tuple[float, bool]], limits: MachineLimits):
    seconds = [one[0] for one in machines]
    schedule = schedule_machines(seconds, [one[1] for one in machines], limits)
    assert math.isclose(sum(seconds[number] for number in schedule.critical_path), schedule.wall_s, abs_tol=1e-6)


@given(st.lists(SECONDS, max_size=40), st.integers(1, 12), st.integers(0, 39))
def test_with_one_kind_of_machine_neither_one_more_nor_a_faster_job_makes_it_longer(
    seconds: list[float], total: int, number: int
):
    """With macOS beside others this is no law: a job that starts sooner can push a longer one back."""
    is_macos = [False] * len(seconds)
    wall_s = schedule_machines(seconds, is_macos, MachineLimits(total, 1)).wall_s
    assert schedule_machines(seconds, is_macos, MachineLimits(total + 1, 1)).wall_s <= wall_s
    faster = [spent / 2 if at == number else spent for at, spent in enumerate(seconds)]
    assert schedule_machines(faster, is_macos, MachineLimits(total, 1)).wall_s <= wall_s


@settings(max_examples=25)
@given(HISTORIES, LIMITS, st.floats(1, 3600))
def test_a_forecast_is_the_same_each_time_and_lies_within_its_band_and_its_bounds(
    history: list[RunRecord], limits: MachineLimits, limit_s: float
):
    times = recorded_times(JOBS, history, limits)
    forecast = make_forecast(times, limits, limit_s)
    assert forecast == make_forecast(times, limits, limit_s)
    if forecast.median_s is None:
        assert len(times.unmeasured) == len(JOBS)
        return
    shortest = [min(part.by_run.values()) for machine in times.machines for part in machine.known]
    assert max(shortest) <= forecast.median_s
    if forecast.band is not None:
        assert forecast.band.low_s <= forecast.median_s <= forecast.band.high_s
    assert all(0 < remedy.saved_s <= forecast.median_s for remedy in forecast.remedies)
