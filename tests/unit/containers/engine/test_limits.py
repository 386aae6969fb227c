"""What a container may use, and whether the machine holds it to that."""

from __future__ import annotations

import math

from nanna_ci.containers.engine.limits import (
    ContainerLimits,
    Controllers,
    Effective,
    Force,
    plan_limits,
    possible_limits,
    report_limits,
)

WANTED = plan_limits(1_000_000, 60)
WANTED_BYTES = WANTED.memory_bytes or 0


def forces(*arguments) -> dict[str, tuple[Force, str | None]]:
    return {report.name: (report.force, report.reason) for report in report_limits(*arguments)}


def test_memory_grows_with_the_image_and_time_with_its_start():
    small, large = plan_limits(0, 10), plan_limits(4_000_000_000, 300)
    assert small == ContainerLimits(1024**3, 512, 310)
    assert large.memory_bytes == 1024**3 + 8_000_000_000
    assert large.time_s == 600


def test_all_limits_are_held():
    effective = Effective(float(WANTED_BYTES), 512.0)
    assert forces(WANTED, WANTED, effective, None) == {
        "memory": (Force.HELD, None),
        "processes": (Force.HELD, None),
        "time": (Force.HELD, None),
    }


def test_the_kernels_whole_pages_are_not_a_violation_but_more_is():
    assert forces(WANTED, WANTED, Effective(WANTED_BYTES + 4096.0, 512), None)["memory"][0] is Force.HELD
    assert forces(WANTED, WANTED, Effective(WANTED_BYTES + 1e6, 513), None) == {
        "memory": (Force.REFUSED, f"the kernel limits it to {WANTED_BYTES + 1_000_000}"),
        "processes": (Force.REFUSED, "the kernel limits it to 513"),
        "time": (Force.HELD, None),
    }


def test_a_limit_that_the_engine_took_and_the_kernel_does_not_know_is_said():
    assert forces(WANTED, WANTED, Effective(math.inf, math.inf), None)["memory"] == (
        Force.REFUSED,
        "the kernel limits it to nothing",
    )


def test_a_limit_without_a_controller_is_not_requested_and_that_is_said():
    given = possible_limits(WANTED, Controllers(memory=False, pids=True))
    assert given == ContainerLimits(None, 512, WANTED.time_s)
    report = forces(WANTED, given, Effective(None, 512), None)
    assert report["memory"] == (Force.REFUSED, "the machine's control groups have no such limit")
    assert report["processes"] == (Force.HELD, None)


def test_an_engine_that_says_nothing_is_queried_anyway():
    assert possible_limits(WANTED, Controllers()) == WANTED


def test_a_refusal_has_the_engines_words():
    given = ContainerLimits(None, None, WANTED.time_s)
    assert forces(WANTED, given, Effective(), "cgroups: no")["processes"] == (Force.REFUSED, "cgroups: no")


def test_what_cannot_be_read_is_not_called_held():
    report = forces(WANTED, WANTED, Effective(), None)
    assert report["memory"] == (Force.UNVERIFIED, "the kernel's answer cannot be read from here")
