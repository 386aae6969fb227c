"""The test of one image on an engine: performs the checks of its scenario, and removes all that this took."""

from __future__ import annotations

import abc
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

from nanna_ci.containers.engine.container_spec import ContainerSpec
from nanna_ci.containers.engine.engine import reason_of
from nanna_ci.containers.engine.engine_session import CLEANING_S
from nanna_ci.containers.engine.inspection import ImageState
from nanna_ci.containers.engine.limits import plan_limits, possible_limits
from nanna_ci.containers.image.oci_layout import Layout, load_layout
from nanna_ci.containers.testing.checks import (
    Check,
    CheckKind,
    CheckResult,
    FailureCause,
    ImageFacts,
    ImageResult,
    ImageUnderTest,
    Status,
    find_blocker,
    skip,
)
from nanna_ci.containers.testing.diagnosis import CheckFailed, decide_architecture, is_limit_refused
from nanna_ci.containers.testing.live_container import Bench, LiveContainer
from nanna_ci.foundation import process
from nanna_ci.foundation.errors import CommandFailed, Interrupted, MalformedData, NannaError
from nanna_ci.report.units import seconds_text

Container = TypeVar("Container", bound=LiveContainer)


class CheckUnavailable(Exception):
    """A check cannot be made, for this reason."""


class ImageChecks(abc.ABC):
    """What the tests of servers and of programs share. `machine` is this machine's architecture by Go's name."""

    def __init__(self, subject: ImageUnderTest, bench: Bench, machine: str) -> None:
        self._subject = subject
        self._bench = bench
        self._machine = machine
        self._network = bench.session.mark.name(subject.name)
        self._start_s = 0.0 if subject.service is None else subject.service.health_timeout_s
        self._limits = plan_limits(0, self._start_s)
        self._given = self._limits
        self._refusal: str | None = None
        self._container: LiveContainer | None = None
        self._facts = ImageFacts()
        self._begun = bench.clock()

    def run(self, plan: Sequence[Check]) -> ImageResult:
        """The answers to these checks, of which the last is that all was removed."""
        results: list[CheckResult] = []
        *checks, removed = plan
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
        except CheckUnavailable as error:
            status, reason = Status.UNAVAILABLE, str(error)
        except CheckFailed as error:
            status, cause, reason = Status.FAILED, error.cause, error.message
        except CommandFailed as error:
            status, cause, reason = Status.FAILED, FailureCause.ENGINE, f"{self._bench.engine.name}: {reason_of(error)}"
        except NannaError as error:
            status, cause, reason = Status.FAILED, FailureCause.ENGINE, error.message
        if status is Status.FAILED and self._container is not None:
            self._container.keep_evidence()
        return CheckResult(check, status, self._bench.clock() - started, cause, reason)

    def _perform(self, check: Check) -> str | None:
        """Make a check; a remark on it, or None. Raises CheckFailed, and what the engine raises."""
        if self._bench.clock() - self._begun > self._limits.time_s:
            raise CheckFailed(FailureCause.TIME_LIMIT, f"the test took longer than {seconds_text(self._limits.time_s)}")
        if check.kind is not CheckKind.LOAD:
            return self._make(check)
        self._load()
        return None

    @abc.abstractmethod
    def _make(self, check: Check) -> str | None:
        """Make a check of an image that is loaded."""

    def _load(self) -> None:
        try:
            layout = load_layout(self._subject.layout)
        except MalformedData as error:
            raise CheckFailed(FailureCause.NOT_LOADED, error.message) from error
        self._facts = replace(
            self._facts,
            manifest_digest=layout.manifest_digest,
            architecture=layout.config.architecture,
            size_bytes=layout.size_bytes,
            stand_in=layout.config.stand_in,
        )
        image = self._checked_load(layout, self._subject.name)
        self._facts = replace(self._facts, image_id=image.id, unpacked_bytes=image.unpacked_bytes)
        self._limits = plan_limits(layout.size_bytes, self._start_s)
        self._given = possible_limits(self._limits, self._bench.controllers)

    def _checked_load(self, layout: Layout, name: str) -> ImageState:
        decide_architecture(layout.config.architecture, self._machine, layout.config.os)
        return self._bench.session.load(layout, name)

    def _start(self, make: Callable[[], Container]) -> Container:
        """Start what `make` makes with the limits that are given; once more without if the machine refuses them."""
        container = make()
        self._container = container
        try:
            container.start()
        except CheckFailed as error:
            if not is_limit_refused(error.message):
                raise
            if self._refusal is not None:
                reason = f"{self._bench.engine.name} can start no container on this machine: {error.message}"
                raise CheckUnavailable(reason) from error
            self._refusal = error.message
            self._given = replace(self._given, memory_bytes=None, pids=None)
            container.remove()
            return self._start(make)
        return container

    def _spec(self, subject: ImageUnderTest, image_id: str, suffix: str = "") -> ContainerSpec:
        """A container with the limits that are given, on the network of this test; `suffix` comes after its names."""
        mark = self._bench.session.mark
        return ContainerSpec(
            name=f"{mark.name(subject.name)}{suffix}",
            image_id=image_id,
            network=self._network,
            alias=f"{subject.name}{suffix}",
            port=None if subject.service is None else subject.service.port,
            limits=self._given,
            labels=mark.labels,
        )

    @property
    def _image_id(self) -> str:
        assert self._facts.image_id is not None, "LOAD comes first"
        return self._facts.image_id

    def _remove(self) -> None:
        if problems := self._bench.session.clean():
            raise CheckFailed(FailureCause.LEFT_BEHIND, "; ".join(problems))
