"""Diagnoses a failure. Pure: facts in, a cause and a sentence out."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, TypeVar

from nanna_ci.containers.engine.confinement import Confinement, ListeningPort
from nanna_ci.containers.engine.engine import last_line
from nanna_ci.containers.engine.limits import UNREADABLE
from nanna_ci.containers.testing.checks import FailureCause
from nanna_ci.foundation.errors import NannaError
from nanna_ci.report.units import seconds_text

TERMINATED: Final = 128 + 15  # what a program says that lets SIGTERM end it
_NO_PROGRAM_FOR_THIS: Final = re.compile(r"exec format error|rosetta|cannot execute binary file", re.IGNORECASE)
_NOT_FOUND: Final = re.compile(r'executable file .*not found|exec: "[^"]*": stat .*no such file', re.IGNORECASE)
_READ_ONLY: Final = re.compile(r"read-only file ?system|erofs", re.IGNORECASE)
_BUSY: Final = re.compile(r"address already in use|port is already allocated", re.IGNORECASE)
_CGROUPS: Final = re.compile(r"cgroup|memory\.max|memory\.limit|pids\.max", re.IGNORECASE)
_ENGINES_OWN: Final = re.compile(
    r"/(dev|proc|sys|run|tmp)(/.*)?|/etc/(hosts|hostname|resolv\.conf|mtab)|/\.dockerenv|/var/run(/.*)?"
)
_NAMED: Final = 5


class CheckFailed(NannaError):
    """A check failed."""

    exit_code = 1

    def __init__(self, cause: FailureCause, reason: str) -> None:
        super().__init__(reason)
        self.cause = cause


@dataclass(frozen=True, slots=True)
class UnhealthyServer:
    """A container that did not become healthy.

    `exit_code` is None if it still runs. `answer` is the last of the health path, `listeners` None if
    unknown. `written` are paths that it changed when it was healthy with a writable root; None if it was not.
    """

    port: int
    health_path: str
    waited_s: float
    exit_code: int | None
    out_of_memory: bool
    log: str
    answer: str
    listeners: tuple[ListeningPort, ...] | None
    written: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class EndedCommand:
    """How a program's command ended; `exit_code` is None if it had not after the time that it was given.

    `written` are paths that it changed when it exited with 0 and a writable root; None if it did not.
    """

    command: str
    waited_s: float
    exit_code: int | None
    out_of_memory: bool
    log: str
    written: tuple[str, ...] | None = None


Evidence = TypeVar("Evidence", UnhealthyServer, EndedCommand)


def diagnose(seen: UnhealthyServer) -> CheckFailed:
    """Why a container did not become healthy: the most specific cause that the facts support."""
    if (obvious := _obvious(seen, "is healthy")) is not None:
        return CheckFailed(*obvious)
    if seen.exit_code is not None:
        return CheckFailed(
            FailureCause.EXITED, f"it exited with {seen.exit_code} before it was healthy; {_said(seen.log)}"
        )
    return _running(seen)


def diagnose_program(ended: EndedCommand) -> CheckFailed:
    """Why a program's command did not exit with 0: the most specific cause that the facts support."""
    if ended.exit_code is None:
        cause, reason = (
            FailureCause.TIME_LIMIT,
            f"it did not end within {seconds_text(ended.waited_s)}; {_said(ended.log)}",
        )
    else:
        failed = FailureCause.COMMAND_FAILED, f"it exited with {ended.exit_code}; {_said(ended.log)}"
        cause, reason = _obvious(ended, "exits with 0") or failed
    return CheckFailed(cause, f"`{ended.command}`: {reason}")


def diagnose_end(exit_code: int | None, out_of_memory: bool, log: str) -> CheckFailed:
    """Why a server that was healthy no longer answers: it has ended."""
    if out_of_memory:
        return CheckFailed(
            FailureCause.OUT_OF_MEMORY, "it was killed while it was being tested: it needs more memory than its limit"
        )
    return CheckFailed(FailureCause.EXITED, f"it exited with {exit_code} while it was being tested; {_said(log)}")


def _obvious(seen: UnhealthyServer | EndedCommand, good: str) -> tuple[FailureCause, str] | None:
    """The causes that servers and programs share; `good` is what it does if all is well."""
    if _NO_PROGRAM_FOR_THIS.search(seen.log) and seen.exit_code:
        return FailureCause.WRONG_ARCHITECTURE, f"its program is for another machine: {last_line(seen.log)}"
    if seen.out_of_memory:
        return FailureCause.OUT_OF_MEMORY, "it was killed: it needs more memory than its limit"
    if seen.written is not None:
        what = f"it writes {', '.join(seen.written)}" if seen.written else "it writes to it"
        return FailureCause.WRITES_ROOT, f"it {good} only where its root can be written to: {what}"
    return None


def _said(log: str) -> str:
    said = last_line(log)
    return f"its last line: {said}" if said else "it wrote nothing"


def _running(seen: UnhealthyServer) -> CheckFailed:
    waited = seconds_text(seen.waited_s)
    if seen.listeners is not None:
        here = [listener for listener in seen.listeners if listener.port == seen.port]
        others = sorted(listener.port for listener in seen.listeners if listener.port != seen.port)
        if here and here[0].loopback:
            reason = f"it listens on port {seen.port} of its own loopback only, where nobody else reaches it"
            return CheckFailed(FailureCause.LOOPBACK_ONLY, reason)
        if not here and others:
            ports = ", ".join(map(str, others))
            return CheckFailed(FailureCause.WRONG_PORT, f"it listens on port {ports}, not on {seen.port}")
        if not here:
            return CheckFailed(
                FailureCause.NEVER_HEALTHY, f"after {waited} it listens on no port, {seen.port} was declared"
            )
    return CheckFailed(
        FailureCause.NEVER_HEALTHY, f"GET {seen.health_path} did not answer 200 in {waited}: {seen.answer}"
    )


def may_need_writing(seen: UnhealthyServer | EndedCommand) -> bool:
    """Whether it is worth a try with a writable root: it ended by itself, or its output mentions it."""
    if seen.out_of_memory or _NO_PROGRAM_FOR_THIS.search(seen.log):
        return False
    return bool(seen.exit_code) or _READ_ONLY.search(seen.log) is not None


def diagnose_start(words: str) -> CheckFailed:
    """Why an engine could not start a container, from its own words."""
    if _NO_PROGRAM_FOR_THIS.search(words):
        return CheckFailed(FailureCause.WRONG_ARCHITECTURE, f"its program is for another machine: {words}")
    if _NOT_FOUND.search(words):
        return CheckFailed(FailureCause.NOT_FOUND, f"its program is not in the image: {words}")
    if _BUSY.search(words):
        return CheckFailed(FailureCause.PORT_BUSY, f"the port that the engine chose was taken: {words}")
    return CheckFailed(FailureCause.CANNOT_START, words)


def is_limit_refused(words: str) -> bool:
    """Whether an engine could not start a container for a limit's sake."""
    return _CGROUPS.search(words) is not None and diagnose_start(words).cause is FailureCause.CANNOT_START


def decide_architecture(image: str, machine: str, os: str) -> None:
    """Raises CheckFailed if an image is not for this machine; both by Go's names."""
    if (os, image) != ("linux", machine):
        raise CheckFailed(
            FailureCause.WRONG_ARCHITECTURE, f"it says that it is for {os}/{image}, not for linux/{machine}"
        )


def decide_confined(seen: Confinement, unread: str = UNREADABLE) -> str | None:
    """A remark on what could not be read, and why; raises CheckFailed for what is not confined."""
    problems = [
        *(["has capabilities"] if seen.capabilities else []),
        *(["may gain privileges"] if seen.no_new_privileges is False else []),
        *(["can write to its root"] if seen.read_only_root is False else []),
    ]
    if problems:
        raise CheckFailed(FailureCause.NOT_CONFINED, f"its first process {', '.join(problems)}")
    unknown = None in (seen.capabilities, seen.no_new_privileges, seen.read_only_root)
    return f"unverified: requested, but {unread}" if unknown else None


def decide_stop(exit_code: int | None, grace_s: float) -> None:
    """Raises CheckFailed if SIGTERM did not end it well. `exit_code` is None if it did not end it at all."""
    if exit_code is None:
        raise CheckFailed(
            FailureCause.IGNORES_TERM, f"it still ran {seconds_text(grace_s)} after SIGTERM, and was killed"
        )
    if exit_code not in (0, TERMINATED):
        raise CheckFailed(
            FailureCause.EXIT_CODE, f"it exited with {exit_code} after SIGTERM, not with 0 or {TERMINATED}"
        )


def written_paths(changes: Sequence[str]) -> tuple[str, ...]:
    """Of an engine's list of changes the paths that the image's own programs made, and not the folders above them."""
    paths = sorted({change[2:] for change in changes if change[:2] in ("A ", "C ")})
    own = [path for path in paths if not _ENGINES_OWN.fullmatch(path)]
    leaves = [path for path in own if not any(other.startswith(f"{path}/") for other in paths)]
    return tuple(leaves[:_NAMED])


def with_writing(seen: Evidence, changes: Sequence[str]) -> Evidence:
    """The facts, and what was written when it could be."""
    return replace(seen, written=written_paths(changes))
