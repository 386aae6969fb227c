"""Tests one image on an engine, as what it is: a server or a program."""

from __future__ import annotations

from collections.abc import Sequence

from nanna_ci.containers.testing.checks import Companion, ImageResult, Subject, plan_checks
from nanna_ci.containers.testing.live_container import Bench
from nanna_ci.containers.testing.program_checks import ProgramTrial
from nanna_ci.containers.testing.server_checks import ServerTrial


def run_trial(subject: Subject, companions: Sequence[Companion], bench: Bench, machine: str) -> ImageResult:
    """The answers about one image. `machine` is this machine's architecture by Go's name.

    Raises Interrupted, once everything is removed, and ToolMissing where the engine went away.
    """
    plan = plan_checks(subject, companions)
    if subject.service is None:
        return ProgramTrial(subject, bench, machine).run(plan)
    return ServerTrial(subject, subject.service, companions, bench, machine).run(plan)
