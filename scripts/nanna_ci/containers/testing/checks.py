"""The checks of an image, their order, and the verdict from their answers. Pure."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from nanna_ci.containers.engine.limits import LimitReport
from nanna_ci.foundation.verdict import Verdict


@dataclass(frozen=True, slots=True)
class Service:
    """Where a server listens, and the path that answers 200 once it is ready, which must be within a time."""

    port: int
    health_path: str
    health_timeout_s: float


@dataclass(frozen=True, slots=True)
class ImageUnderTest:
    """An image under test: where its layout is, and what pipeline.toml declares of it.

    A server has a `service`, a program has none. A server's `probe_paths` answer 200 once it is healthy. Its
    `probe_commands` are run inside, a program's each in a container of its own, and must exit with 0. `models` are
    served by it. With a `model_command` it is a model server's client: the command, in which {url} and {model} stand
    for the server's address and model, must exit with 0 where the probe commands do.
    """

    name: str
    layout: Path
    service: Service | None
    probe_paths: tuple[str, ...] = ()
    probe_commands: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    model_command: str | None = None


@dataclass(frozen=True, slots=True)
class Companion:
    """An image that calls model servers. `subject` is None if it could not be built, for `reason`."""

    name: str
    subject: ImageUnderTest | None
    reason: str | None = None


class CheckKind(enum.StrEnum):
    """What a check is about, in the order of a test. STEADY: still healthy after all requests."""

    BUILD = "build"
    LOAD = "load"
    START = "start"
    HEALTH = "health"
    CONFINED = "confined"
    PATH = "path"
    COMMAND = "command"
    MODEL = "model"
    COMPLETION = "completion"
    TOGETHER = "together"
    STEADY = "steady"
    STOP = "stop"
    RESTART = "restart"
    REMOVED = "removed"


NEEDS: Final[Mapping[CheckKind, CheckKind]] = {
    CheckKind.START: CheckKind.LOAD,
    CheckKind.HEALTH: CheckKind.START,
    CheckKind.CONFINED: CheckKind.HEALTH,
    CheckKind.PATH: CheckKind.HEALTH,
    CheckKind.COMMAND: CheckKind.HEALTH,
    CheckKind.MODEL: CheckKind.HEALTH,
    CheckKind.COMPLETION: CheckKind.HEALTH,
    CheckKind.TOGETHER: CheckKind.HEALTH,
    CheckKind.STEADY: CheckKind.HEALTH,
    CheckKind.STOP: CheckKind.HEALTH,
    CheckKind.RESTART: CheckKind.STOP,
}
"""What must have passed before, if it is planned: a program is not started by itself, and has no health.

BUILD is the only check of an image that was not built; REMOVED comes in any case.
"""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing to find out. `subject` is a path, a command, a model, `COMPANION MODEL`, or empty."""

    kind: CheckKind
    subject: str = ""

    @property
    def title(self) -> str:
        """For people, and the name of a test case."""
        return f"{self.kind.value} {self.subject}".rstrip()


class Status(enum.Enum):
    """The result of a check. SKIPPED: what it needs did not pass."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"
    UNAVAILABLE = "unavailable"


class FailureCause(enum.Enum):
    """Why a check failed."""

    NOT_BUILT = "not-built"
    NOT_LOADED = "not-loaded"
    NOT_FOUND = "not-found"
    WRONG_ARCHITECTURE = "wrong-architecture"
    CANNOT_START = "cannot-start"
    PORT_BUSY = "port-busy"
    EXITED = "exited"
    OUT_OF_MEMORY = "out-of-memory"
    WRITES_ROOT = "writes-root"
    WRONG_PORT = "wrong-port"
    LOOPBACK_ONLY = "loopback-only"
    NEVER_HEALTHY = "never-healthy"
    NOT_CONFINED = "not-confined"
    WRONG_ANSWER = "wrong-answer"
    COMMAND_FAILED = "command-failed"
    WRONG_MODEL = "wrong-model"
    NO_TOKENS = "no-tokens"
    NOT_TOGETHER = "not-together"
    NOT_STEADY = "not-steady"
    IGNORES_TERM = "ignores-term"
    EXIT_CODE = "exit-code"
    NOT_HEALTHY_AGAIN = "not-healthy-again"
    TIME_LIMIT = "time-limit"
    LEFT_BEHIND = "left-behind"
    ENGINE = "engine"


@dataclass(frozen=True, slots=True)
class CheckResult:
    """A check's answer. A failure has a `cause`; all but a pass have a `reason`. A pass may have one: a remark."""

    check: Check
    status: Status
    seconds: float
    cause: FailureCause | None = None
    reason: str | None = None

    def __post_init__(self) -> None:
        if (self.status is Status.FAILED) != (self.cause is not None):
            raise ValueError(f"{self.check.title}: {self.status.value} with cause {self.cause}")
        if self.status is not Status.PASSED and not self.reason:
            raise ValueError(f"{self.check.title}: {self.status.value} without a reason")


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """What was measured and found for an image; None if it was not.

    `size_bytes` is what a registry stores, `unpacked_bytes` what the engine does. `start_s` lasts to the first healthy
    answer. `files` are those that were kept of a failure. `stand_in` is what the image itself says that it stands in
    for.
    """

    manifest_digest: str | None = None
    image_id: str | None = None
    architecture: str | None = None
    size_bytes: int | None = None
    unpacked_bytes: int | None = None
    start_s: float | None = None
    peak_memory_bytes: int | None = None
    limits: tuple[LimitReport, ...] = ()
    files: tuple[str, ...] = ()
    stand_in: str | None = None


@dataclass(frozen=True, slots=True)
class ImageResult:
    """All answers about one image."""

    name: str
    checks: tuple[CheckResult, ...]
    facts: ImageFacts
    seconds: float

    @property
    def verdict(self) -> Verdict:
        """Fails with any check; passes if all did."""
        return decide_verdict([_VERDICTS[result.status] for result in self.checks])

    @property
    def reason(self) -> str | None:
        """Why it is not a pass: the first failure, else the first that was unavailable."""
        for status in (Status.FAILED, Status.UNAVAILABLE):
            for result in self.checks:
                if result.status is status:
                    return result.reason
        return None


_VERDICTS: Final = {
    Status.PASSED: Verdict.PASS,
    Status.FAILED: Verdict.FAIL,
    Status.SKIPPED: Verdict.FAIL,  # only after a failure, and never green
    Status.UNAVAILABLE: Verdict.UNAVAILABLE,
}


def decide_verdict(verdicts: Sequence[Verdict]) -> Verdict:
    """One for many: a failure fails; something unavailable, or nothing at all, is not a pass."""
    if Verdict.FAIL in verdicts:
        return Verdict.FAIL
    return Verdict.PASS if verdicts and set(verdicts) == {Verdict.PASS} else Verdict.UNAVAILABLE


def plan_checks(subject: ImageUnderTest, companions: Sequence[Companion]) -> tuple[Check, ...]:
    """The checks of an image that was built. A model server is also called by every image with a command for it."""
    commands = tuple(Check(CheckKind.COMMAND, command) for command in subject.probe_commands)
    if subject.service is None:
        return (Check(CheckKind.LOAD), *commands, Check(CheckKind.CONFINED), Check(CheckKind.REMOVED))
    return (
        Check(CheckKind.LOAD),
        Check(CheckKind.START),
        Check(CheckKind.HEALTH, subject.service.health_path),
        Check(CheckKind.CONFINED),
        *(Check(CheckKind.PATH, path) for path in subject.probe_paths),
        *commands,
        *(Check(kind, model) for model in subject.models for kind in (CheckKind.MODEL, CheckKind.COMPLETION)),
        *(
            Check(CheckKind.TOGETHER, f"{companion.name} {model}")
            for model in subject.models
            for companion in companions
        ),
        Check(CheckKind.STEADY, subject.service.health_path),
        Check(CheckKind.STOP),
        Check(CheckKind.RESTART),
        Check(CheckKind.REMOVED),
    )


def find_blocker(check: Check, results: Sequence[CheckResult]) -> CheckResult | None:
    """The check that had to pass before this one and did not."""
    need = NEEDS.get(check.kind)
    while need is not None:
        for one in results:
            if one.check.kind is need:
                return None if one.status is Status.PASSED else one
        need = NEEDS.get(need)
    return None


def skip(check: Check, blocker: CheckResult) -> CheckResult:
    """The answer to a check that was not reached; unavailable if the machine could not make what comes before."""
    status = Status.UNAVAILABLE if blocker.status is Status.UNAVAILABLE else Status.SKIPPED
    return CheckResult(check, status, 0.0, reason=f"not reached: {blocker.check.title} did not pass")


def model_words(command: str, url: str, model: str) -> tuple[str, ...]:
    """A model command's words, with the server's address and model in place."""
    return tuple(word.replace("{url}", url).replace("{model}", model) for word in command.split(" "))
