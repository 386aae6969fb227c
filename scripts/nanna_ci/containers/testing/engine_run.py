"""Tests images, one after the other, on one engine."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from nanna_ci.containers.engine.engine import Engine, EngineFacts
from nanna_ci.containers.engine.engine_session import open_session
from nanna_ci.containers.engine.find_engine import FoundEngine
from nanna_ci.containers.engine.procfs import ProcFs
from nanna_ci.containers.engine.run_lock import RunLocks, locks_folder
from nanna_ci.containers.engine.run_mark import RunMark
from nanna_ci.containers.testing.checks import Companion, ImageResult, ImageUnderTest, plan_checks
from nanna_ci.containers.testing.hand_over import EngineRun, ImageTestsRequest
from nanna_ci.containers.testing.http_probe import HttpProbe
from nanna_ci.containers.testing.live_container import Bench
from nanna_ci.containers.testing.private_podman import PrivatePodman, private_runs_folder
from nanna_ci.containers.testing.program_checks import ProgramChecks
from nanna_ci.containers.testing.server_checks import ServerChecks
from nanna_ci.containers.testing.server_container import HEALTH_ANSWER_S
from nanna_ci.foundation.context import Context
from nanna_ci.foundation.errors import NannaError
from nanna_ci.report.files import write_atomic
from nanna_ci.report.units import seconds_text

EXPIRES_AFTER_S: Final = 4 * 3600  # a run whose lock nobody can see is dead after this


@dataclass(slots=True)
class _Keeper:
    """Writes what a failure leaves."""

    folder: Path
    names: list[str] = field(default_factory=list)

    def keep(self, name: str, data: bytes) -> None:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise NannaError(f"{self.folder}: {error.strerror}") from error
        write_atomic(self.folder / name, data)
        self.names.append(str(self.folder / name))


def run_tests(
    request: ImageTestsRequest, found: FoundEngine, context: Context, say: Callable[[str], None]
) -> EngineRun:
    """Test on the engine that was found, or in private namespaces if podman works nowhere else."""
    ports = context.ports
    mark = new_mark(secrets.token_hex, ports.now())
    folder = locks_folder(ports.environ)
    locks = RunLocks(folder, found.engine.name)
    if found.facts is None:
        return PrivatePodman(private_runs_folder(folder), locks).test(
            request, mark, run=ports.run, environ=ports.environ, say=say
        )
    return run_image_tests(
        request,
        found.engine,
        found.facts,
        mark,
        locks,
        say=say,
        clock=ports.clock,
        sleep=time.sleep,
        now=ports.now,
    )


def run_image_tests(
    request: ImageTestsRequest,
    engine: Engine,
    facts: EngineFacts,
    mark: RunMark,
    locks: RunLocks,
    *,
    say: Callable[[str], None],
    kernel: ProcFs | None = None,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
    now: Callable[[], float] = time.time,
) -> EngineRun:
    """Test every subject. Raises Interrupted once everything is removed, and what the engine raises while it sweeps."""
    results = []
    with HttpProbe() as http, open_session(engine, mark, locks, now()) as session:
        http.warm_up(HEALTH_ANSWER_S)
        for name in session.swept:
            say(f"removed what a dead run had left: {name}")
        for problem in session.unswept:
            say(f"could not remove what a dead run had left: {problem}")
        for subject in request.subjects:
            say(f"testing {subject.name} on {facts.name} {facts.version}")
            keeper = _Keeper(request.folder / subject.name)
            bench = Bench(session, http, facts.controllers, kernel or ProcFs(), clock, sleep, keeper.keep)
            companions = [companion for companion in request.companions if companion.name != subject.name]
            result = run_checks(subject, companions, bench, request.machine)
            result = replace(result, facts=replace(result.facts, files=tuple(keeper.names)))
            results.append(result)
            say(render_line(result))
    return EngineRun(facts, False, tuple(results), tuple(session.swept), tuple(session.problems))


def run_checks(subject: ImageUnderTest, companions: Sequence[Companion], bench: Bench, machine: str) -> ImageResult:
    """Test one image, as what it is: a server or a program. `machine` is this machine's architecture by Go's name.

    Raises Interrupted, once everything is removed, and ToolMissing if the engine went away.
    """
    plan = plan_checks(subject, companions)
    if subject.service is None:
        return ProgramChecks(subject, bench, machine).run(plan)
    return ServerChecks(subject, subject.service, companions, bench, machine).run(plan)


def render_line(result: ImageResult) -> str:
    """A result in one line."""
    line = f"{result.name}: {result.verdict.value} after {seconds_text(result.seconds)}"
    return line if result.reason is None else f"{line}: {result.reason}"


def new_mark(random: Callable[[int], str], now_s: float) -> RunMark:
    """A run's mark; `random` gives so many random bytes as hexadecimal digits."""
    return RunMark(random(6), round(now_s) + EXPIRES_AFTER_S)
