from __future__ import annotations

import itertools

import pytest

from nanna_ci.measure.budgets.machine_schedule import (
    ACCOUNT_LIMITS,
    AccountPlan,
    MachineLimits,
    schedule_machines,
)

LINUX, MACOS = False, True


def test_machines_start_at_once_as_long_as_there_are_free_ones():
    schedule = schedule_machines([30, 20, 10], [LINUX] * 3, MachineLimits(3, 1))
    assert (schedule.starts_s, schedule.ends_s) == ((0, 0, 0), (30, 20, 10))
    assert (schedule.wall_s, schedule.critical_path, schedule.machines_at_once) == (30, (0,), 3)


def test_a_job_waits_for_the_machine_that_is_free_first():
    schedule = schedule_machines([30, 20, 15, 5], [LINUX] * 4, MachineLimits(2, 1))
    assert schedule.starts_s == (0, 0, 20, 30)
    assert schedule.after == (None, None, 1, 0)
    assert (schedule.wall_s, schedule.critical_path, schedule.machines_at_once) == (35, (1, 2), 2)


def test_a_job_that_waits_for_macos_lets_others_go_first():
    schedule = schedule_machines([30, 20, 10], [MACOS, MACOS, LINUX], MachineLimits(2, 1))
    assert schedule.starts_s == (0, 30, 0)
    assert (schedule.wall_s, schedule.critical_path) == (50, (0, 1))


def test_jobs_start_in_the_order_of_the_plan_whatever_their_system():
    schedule = schedule_machines([5, 5, 5, 5], [LINUX, MACOS, LINUX, MACOS], MachineLimits(1, 1))
    assert schedule.starts_s == (0, 5, 10, 15)
    assert schedule.critical_path == (0, 1, 2, 3)


def test_two_that_end_together_let_two_others_start_together():
    schedule = schedule_machines([10, 10, 7, 8], [LINUX] * 4, MachineLimits(2, 1))
    assert schedule.starts_s == (0, 0, 10, 10)
    assert schedule.machines_at_once == 2


def test_no_machine_takes_no_time():
    schedule = schedule_machines([], [], MachineLimits(1, 1))
    assert (schedule.wall_s, schedule.critical_path, schedule.machines_at_once) == (0, (), 0)


def test_machines_that_take_no_time_still_end():
    assert schedule_machines([0, 0, 0], [MACOS] * 3, MachineLimits(1, 1)).wall_s == 0


def test_limits_with_which_nothing_would_ever_start_are_refused():
    for limits in ((0, 5), (20, 0)):
        with pytest.raises(ValueError, match="nothing would ever end"):
            MachineLimits(*limits)


def test_an_account_that_pays_more_has_no_fewer_machines():
    limits = [ACCOUNT_LIMITS[account] for account in AccountPlan]
    assert limits[0] == MachineLimits(20, 5)
    for less, more in itertools.pairwise(limits):
        assert more.total >= less.total
        assert more.macos >= less.macos
