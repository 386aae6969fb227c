"""Whether a failed job says anything about the workspace, or hit a fault of ours, of Nix or of the machine.

A full disk, a compiler that the kernel killed, a sandbox that cannot start, a crash of our own builder: none of them is
a failing test. What tests print is never read here: where a test run has structured results, those decide.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import assert_never

BUILDER_FAULT = 70  # with which our builder ends after a fault of its own, as the line that it then prints last says
KILLED = 128 + 9  # how our builder reports that what it ran was killed
_BUILDER_LINE = re.compile(r"nanna-ci builder error: (?P<what>.+)$")
_TRACEBACK = "Traceback (most recent call last):"
_OUR_FRAME = re.compile(r'\s+File "/nix/store/[^"/]+-builder/\w+\.py", line \d+')
_DISK = re.compile(
    r"No space left on device(?: \(os error 28\)|$|\b.*\bErrno 28)|\[Errno 28\]|\bENOSPC\b|Disk quota exceeded"
)
_MEMORY = re.compile(
    r"\(signal: 9, SIGKILL: kill\)"
    r"|terminated (?:with|by) signal 9\b"
    r"|failed due to signal 9\b"
    r"|\b(?:rustc|clippy-driver|rustdoc|LLVM ERROR).*(?:out of memory|memory allocation of \d+ bytes failed)"
    r"|^memory allocation of \d+ bytes failed$"
    r"|Cannot allocate memory(?: \(os error 12\)|$)"
)
_START = re.compile(
    r"sandbox|namespace|unable to start build process|cloning builder process|setting up the build environment"
    r"|bind.?mount|pivot.?root|cannot connect to|daemon|getting (?:user|group) id|no build users?|unexpected EOF"
)
_STORE_PATH = re.compile(r"'?/nix/store/[0-9a-z]{32}-([^\s'/]+)[^\s']*'?")
_EXIT_CODE = re.compile(r"failed with exit code (\d+)")


class FaultKind(enum.Enum):
    """The origin of a fault."""

    BUILDER = "our own builder"
    DISK = "a full disk"
    MEMORY = "too little memory"
    START = "Nix could not begin"


@dataclass(frozen=True, slots=True)
class JobFault:
    """`detail` is the message, if the kind alone does not say it; without what differs from job to job."""

    kind: FaultKind
    detail: str = ""

    @property
    def reason(self) -> str:
        """One line; the same for every job with the same fault."""
        match self.kind:
            case FaultKind.BUILDER:
                return f"a fault of Nanna CI's own builder: {self.detail}"
            case FaultKind.DISK:
                return "no space is left on the disk, so that the job could not be done"
            case FaultKind.MEMORY:
                return "a compiler or a tool was killed, most likely for lack of memory: the job could not be done"
            case FaultKind.START:
                return f"Nix could not build: {self.detail}"
            case _:
                assert_never(self.kind)


def exit_code(reason: str) -> int | None:
    """The exit code in what Nix says of a failed builder; None if it says none (a signal, a time limit)."""
    match = _EXIT_CODE.search(reason)
    return None if match is None else int(match[1])


def find_fault(lines: Sequence[str], *, nix_says: str = "", code: int | None = None) -> JobFault | None:
    """The fault of a job; None if nothing indicates one.

    `lines` are plain and its own, `nix_says` is Nix's reason, `code` the exit code of our builder or of cargo.
    """
    if code == BUILDER_FAULT:
        reported = [match["what"] for line in lines if (match := _BUILDER_LINE.match(line))]
        if reported and _DISK.search(reported[-1]):
            return JobFault(FaultKind.DISK)
        return JobFault(FaultKind.BUILDER, reported[-1] if reported else f"it ended with {BUILDER_FAULT}")
    if code == KILLED:
        return JobFault(FaultKind.MEMORY)
    if (crash := _crash(lines)) is not None and code in {None, 1}:
        return JobFault(FaultKind.BUILDER, crash)
    for text in (*nix_says.splitlines(), *lines):
        if _DISK.search(text):
            return JobFault(FaultKind.DISK)
        if _MEMORY.search(text):
            return JobFault(FaultKind.MEMORY)
    if nix_says and code is None and _START.search(nix_says):
        return start_fault(nix_says)
    return None


def start_fault(nix_says: str) -> JobFault:
    """The fault of a build that never began, or whose end Nix does not report."""
    first = nix_says.strip().partition("\n")[0].rstrip(";:").strip() or "it does not say why"
    return JobFault(FaultKind.START, _STORE_PATH.sub(r"\1", first).removeprefix("error: "))


def _crash(lines: Sequence[str]) -> str | None:
    """The last line of a Python traceback through our builder that ends a log; None if none does."""
    starts = [number for number, line in enumerate(lines) if line == _TRACEBACK]
    if not starts or not any(_OUR_FRAME.match(line) for line in lines[starts[-1] :]):
        return None
    reported = [line for line in lines if line.strip()]
    return reported[-1].strip() if not reported[-1].startswith(" ") else None
