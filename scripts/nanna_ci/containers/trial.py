"""Tests one image on an engine: performs the checks of its scenario, and removes all that this took."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from nanna_ci import process
from nanna_ci.containers.diagnosis import (
    CheckFailed,
    Seen,
    decide_architecture,
    decide_confined,
    decide_stop,
    diagnose,
    is_limit_refused,
    may_need_writing,
    with_writing,
)
from nanna_ci.containers.engine import reason_of
from nanna_ci.containers.inspection import ImageState
from nanna_ci.containers.limits import Limits, plan_limits, possible_limits, report_limits
from nanna_ci.containers.live_container import Bench, LiveContainer, Unhealthy
from nanna_ci.containers.oci_layout import Layout, load_layout
from nanna_ci.containers.scenario import (
    Cause,
    Check,
    CheckKind,
    CheckResult,
    Companion,
    Facts,
    ImageResult,
    Status,
    Subject,
    find_blocker,
    model_words,
    plan_checks,
    skip,
)
from nanna_ci.containers.serving import ask, run_command
from nanna_ci.containers.session import CLEANING_S
from nanna_ci.containers.spec import ContainerSpec
from nanna_ci.errors import CommandFailed, Interrupted, MalformedData, NannaError
from nanna_ci.report.units import seconds_text

GRACE_S: Final = 10.0  # as engines have it
_WRITABLE_S: Final = 20.0  # a server that needs its root writable is ready soon once it is


class _Unavailable(Exception):
    """A check cannot be made, for this reason."""


def run_trial(subject: Subject, companions: Sequence[Companion], bench: Bench, machine: str) -> ImageResult:
    """The answers about one image. `machine` is this machine's architecture by Go's name.

    Raises Interrupted, once everything is removed, and ToolMissing where the engine went away.
    """
    return _Trial(subject, companions, bench, machine).run()


class _Trial:
    def __init__(self, subject: Subject, companions: Sequence[Companion], bench: Bench, machine: str) -> None:
        self._subject = subject
        self._companions = {companion.name: companion for companion in companions}
        self._bench = bench
        self._machine = machine
        self._network = bench.session.mark.name(subject.name)
        self._limits = plan_limits(0, subject.health_timeout_s)
        self._container: LiveContainer | None = None
        self._facts = Facts()
        self._given = self._limits
        self._started = bench.clock()
        self._begun = bench.clock()

    def run(self) -> ImageResult:
        results: list[CheckResult] = []
        *checks, removed = plan_checks(self._subject, list(self._companions.values()))
        try:
            for check in checks:
                results.append(self._answer(check, results))
        finally:
            with process.cleaning_up(CLEANING_S):
                cleaned = self._timed(removed, self._remove)
        results.append(cleaned)
        return ImageResult(self._subject.name, tuple(results), self._facts, self._bench.clock() - self._begun)

    def _answer(self, check: Check, results: Sequence[CheckResult]) -> CheckResult:
        blocker = find_blocker(check, results)
        return skip(check, blocker) if blocker is not None else self._timed(check, lambda: self._perform(check))

    def _timed(self, check: Check, perform: Callable[[], str | None]) -> CheckResult:
        """A check's result; `perform` gives a remark, and raises what went wrong."""
        started = self._bench.clock()
        status, cause, reason = Status.PASSED, None, None
        try:
            reason = perform()
        except Interrupted:
            raise
        except _Unavailable as error:
            status, reason = Status.UNAVAILABLE, str(error)
        except CheckFailed as error:
            status, cause, reason = Status.FAILED, error.cause, error.message
        except CommandFailed as error:
            status, cause, reason = Status.FAILED, Cause.ENGINE, f"{self._bench.engine.name}: {reason_of(error)}"
        except NannaError as error:
            status, cause, reason = Status.FAILED, Cause.ENGINE, error.message
        if status is Status.FAILED and self._container is not None:
            self._container.keep_evidence()
        return CheckResult(check, status, self._bench.clock() - started, cause, reason)

    def _perform(self, check: Check) -> str | None:
        """Make a check; a remark on it, or None. Raises CheckFailed, and what the engine raises."""
        if self._bench.clock() - self._begun > self._limits.time_s:
            raise CheckFailed(Cause.TIME_LIMIT, f"the test took longer than {seconds_text(self._limits.time_s)}")
        match check.kind:
            case CheckKind.LOAD:
                self._load()
            case CheckKind.START:
                self._start()
            case CheckKind.HEALTH:
                self._await_health()
            case CheckKind.CONFINED:
                return decide_confined(self._live.confinement())
            case CheckKind.TOGETHER:
                name, model = check.subject.split(" ", 1)
                self._together(self._companions[name], model)
            case CheckKind.STOP:
                decide_stop(self._live.stop(GRACE_S), GRACE_S)
            case CheckKind.RESTART:
                self._restart()
            case _:
                return ask(check, self._live, self._bench.engine)
        return None

    @property
    def _live(self) -> LiveContainer:
        assert self._container is not None, "START comes first"
        return self._container

    def _load(self) -> None:
        try:
            layout = load_layout(self._subject.layout)
        except MalformedData as error:
            raise CheckFailed(Cause.NOT_LOADED, error.message) from error
        self._facts = replace(
            self._facts,
            manifest_digest=layout.manifest_digest,
            architecture=layout.config.architecture,
            size_bytes=layout.size_bytes,
        )
        image = self._checked_load(layout, self._subject.name)
        self._facts = replace(self._facts, image_id=image.id, unpacked_bytes=image.unpacked_bytes)
        self._limits = plan_limits(layout.size_bytes, self._subject.health_timeout_s)

    def _checked_load(self, layout: Layout, name: str) -> ImageState:
        decide_architecture(layout.config.architecture, self._machine, layout.config.os)
        return self._bench.session.load(layout, name)

    def _start(self) -> None:
        self._bench.engine.create_network(self._network, self._bench.session.mark.labels)
        given, refusal = possible_limits(self._limits, self._bench.controllers), None
        self._started = self._bench.clock()
        try:
            self._container = self._new(self._subject, self._image_id, given)
            self._container.start()
        except CheckFailed as error:
            if not is_limit_refused(error.message):
                raise
            refusal = error.message
            self._live.remove()
            given = replace(given, memory_bytes=None, pids=None)
            self._started = self._bench.clock()
            self._container = self._new(self._subject, self._image_id, given)
            self._start_without_limits(self._container)
        limits = report_limits(self._limits, given, self._live.effective_limits(), refusal)
        self._given = given
        self._facts = replace(self._facts, limits=limits)

    def _start_without_limits(self, container: LiveContainer) -> None:
        try:
            container.start()
        except CheckFailed as error:
            if not is_limit_refused(error.message):
                raise
            told = f"{self._bench.engine.name} can start no container on this machine: {error.message}"
            raise _Unavailable(told) from error

    def _await_health(self) -> None:
        try:
            self._live.await_health(self._subject.health_timeout_s)
        except Unhealthy as problem:
            self._live.keep_evidence()
            raise diagnose(self._with_writing(problem.seen)) from None
        self._facts = replace(self._facts, start_s=self._bench.clock() - self._started)

    def _with_writing(self, seen: Seen) -> Seen:
        """The facts; where it may help, with those of a second container whose root can be written to."""
        if not may_need_writing(seen):
            return seen
        container = self._new(self._subject, self._image_id, self._given, "writable")
        try:
            container.start()
            container.await_health(min(self._subject.health_timeout_s, _WRITABLE_S))
            return with_writing(seen, self._bench.engine.changed_paths(container.id))
        except (CheckFailed, Unhealthy):
            return seen

    def _restart(self) -> None:
        self._live.start_again()
        try:
            self._live.await_health(self._subject.health_timeout_s)
        except Unhealthy as problem:
            raise CheckFailed(Cause.NOT_HEALTHY_AGAIN, diagnose(problem.seen).message) from None

    def _remove(self) -> str | None:
        if self._container is not None:
            self._facts = replace(self._facts, peak_memory_bytes=self._container.peak_memory_bytes)
        if problems := self._bench.session.clean():
            raise CheckFailed(Cause.LEFT_BEHIND, "; ".join(problems))
        return None

    @property
    def _image_id(self) -> str:
        assert self._facts.image_id is not None, "LOAD comes first"
        return self._facts.image_id

    def _together(self, companion: Companion, model: str) -> None:
        """A companion on the same network asks this server for a completion, under the server's name there."""
        client = companion.subject
        if client is None or client.model_command is None:
            raise _Unavailable(f"{companion.name}: {companion.reason}")
        words = model_words(client.model_command, f"http://{self._subject.name}:{self._subject.port}", model)
        try:
            image = self._checked_load(load_layout(client.layout), client.name)
            container = self._new(client, image.id, self._given)
            try:
                container.start()
                container.await_health(client.health_timeout_s)
                run_command(container, self._bench.engine, words)
            except (CheckFailed, Unhealthy):
                container.keep_evidence()
                raise
            finally:
                container.remove()
        except Unhealthy as problem:
            raise CheckFailed(Cause.NOT_TOGETHER, f"{client.name}: {diagnose(problem.seen).message}") from None
        except (CheckFailed, MalformedData) as error:
            raise CheckFailed(Cause.NOT_TOGETHER, f"{client.name}: {error.message}") from error

    def _new(self, subject: Subject, image_id: str, limits: Limits, suffix: str = "") -> LiveContainer:
        mark = self._bench.session.mark
        spec = ContainerSpec(
            name=mark.name(subject.name) + (f"-{suffix}" if suffix else ""),
            image_id=image_id,
            network=self._network,
            alias=subject.name + (f"-{suffix}" if suffix else ""),
            port=subject.port,
            limits=limits,
            labels=mark.labels,
            writable=bool(suffix),
        )
        return LiveContainer(self._bench, spec, subject.health_path)
