"""Errors as values that carry facts; cli turns them into one line, a hint and an exit code."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import ClassVar, Final


class NannaError(Exception):
    """Base of every expected failure.

    `exit_code` is the process's exit code (design §5); `hint` says how to fix it, or is None.
    """

    exit_code: ClassVar[int] = 3

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(NannaError):
    """The command line is wrong."""

    exit_code = 2


class ConfigError(NannaError):
    """A configuration file is wrong; `where` is `file`, `file: [section]` or `file: section.key`."""

    exit_code = 2

    def __init__(self, where: str, problem: str, *, hint: str | None = None) -> None:
        super().__init__(f"{where}: {problem}", hint=hint)
        self.where = where


class ToolMissing(NannaError):
    """A program or service that the command needs is not there."""

    def __init__(self, tool: str, reason: str, *, hint: str | None = None) -> None:
        super().__init__(f"{tool}: {reason}", hint=hint)
        self.tool = tool


class CommandFailed(NannaError):
    """A program ended with an exit code that was not accepted.

    `stderr_tail` is its last output, bounded and redacted. `returncode` is negative for a signal.
    """

    def __init__(self, argv: Sequence[str], returncode: int, stderr_tail: str, *, hint: str | None = None) -> None:
        last = next((line for line in reversed(stderr_tail.splitlines()) if line.strip()), "no output on stderr")
        super().__init__(f"{argv[0]} exited with {returncode}: {last.strip()}", hint=hint)
        self.argv = tuple(argv)
        self.returncode = returncode
        self.stderr_tail = stderr_tail


def git_cause(error: CommandFailed) -> str:
    """The line in which git says why it failed: it prints progress and hints around it."""
    lines = [line.strip() for line in error.stderr_tail.splitlines() if line.strip()]
    said = [line for line in lines if line.startswith(("fatal:", "error:", "remote:", "! "))]
    return (said or lines or ["git said nothing"])[0]


class CommandTimedOut(NannaError):
    """A program was ended because its time limit ran out."""

    def __init__(self, argv: Sequence[str], timeout_s: float, stderr_tail: str) -> None:
        super().__init__(
            f"{argv[0]} did not end within {timeout_s:g} s", hint="raise the limit, or look at what it waits for"
        )
        self.argv = tuple(argv)
        self.timeout_s = timeout_s
        self.stderr_tail = stderr_tail


class ServiceUnavailable(NannaError):
    """A service could not be reached or kept failing. `host` is its name, `attempts` how often it was tried."""

    def __init__(self, host: str, problem: str, *, attempts: int) -> None:
        super().__init__(f"{host}: {problem} ({attempts} attempt{'' if attempts == 1 else 's'})")
        self.host = host
        self.attempts = attempts


class RequestRefused(NannaError):
    """A service refused a request: `status` is the HTTP status, `explanation` what it says, or empty."""

    def __init__(self, request: str, status: int, explanation: str, *, hint: str | None = None) -> None:
        super().__init__(f"{request}: HTTP {status}{': ' if explanation else ''}{explanation}", hint=hint)
        self.status = status
        self.explanation = explanation


class MalformedData(NannaError):
    """Input data was refused; `source` names where it came from."""

    exit_code = 4

    def __init__(self, source: str, problem: str, *, hint: str | None = None) -> None:
        super().__init__(f"{source}: {problem}", hint=hint)
        self.source = source


class Interrupted(NannaError):
    """SIGINT or SIGTERM; the exit code is 128 plus the signal's number."""

    def __init__(self, signal_number: int) -> None:
        super().__init__("interrupted")
        self.signal_number = signal_number


class GateFailed(NannaError):
    """A gate, a check or a verification failed. Commands turn it into a `fail` outcome."""

    exit_code = 1


_LOGINS: Final = re.compile(
    r"(?<=://)[^\s'\"]*@"  # whatever is before the last @: a password may have a slash in it
    r"|(?<=://)(?!\[)[^\s/:@'\"]*:(?=\S)(?![0-9]{1,5}(?:[/?#,;:)'\"\s]|$))[^\s'\"]*"  # and without one, no port
    r"|(?:(?<=\s)|(?<=['\"])|^)[^\s/@:'\"]+:(?!//)[^\s@'\"]+@(?!sha256:)"  # user:password@host without a scheme
)
_BEFORE_AT: Final = re.compile(r"^([A-Za-z][A-Za-z0-9+.-]*://)?.*@(?!sha256:)", re.DOTALL)
_QUERY: Final = re.compile(r"\?\S*=\S*")


def hide_logins(text: str) -> str:
    """The text without users and passwords of the URLs in it."""
    return _LOGINS.sub("…@", text) if ":" in text else text


def shorten(text: str) -> str:
    """Untrusted text for an error message: quoted, at most 120 characters, no control characters, of URLs no login.

    Secrets are taken out before it is cut: nobody would recognise half of one.
    """
    from nanna_ci.foundation import redact  # noqa: PLC0415 - it imports what --help can do without

    text = redact.Redactor().redact_text(text)
    shown = _QUERY.sub("?…", hide_logins(_BEFORE_AT.sub(lambda match: f"{match[1] or ''}…@", text)))
    return repr(shown if len(shown) <= 120 else shown[:119] + "…")
