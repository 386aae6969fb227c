"""What a command is given (Context, Ports) and what it answers (Outcome)."""

from __future__ import annotations

import enum
import os
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TextIO

from nanna_ci import process
from nanna_ci.redact import Redactor, known_secrets
from nanna_ci.report.blocks import Document
from nanna_ci.report.literal import visible


class Verdict(enum.Enum):
    """A command's or a job's answer; only PASS is green.

    UNAVAILABLE: it could not run, for a stated reason. ERROR: it ran, and our own code, a tool or the machine got in
    the way, or the evidence is missing: that says nothing about what was asked, and is never blamed on it.
    """

    PASS = "pass"  # noqa: S105 - a verdict, not a password
    FAIL = "fail"
    UNAVAILABLE = "unavailable"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Outcome:
    """A command's result.

    `data` is the JSON body without schemaVersion, command and verdict (cli adds those); its keys are
    camelCase and its values plain JSON. `document` is the same for people. The exit code follows the
    verdict: pass 0, fail 1, unavailable and error 3, unless `exit_code` says otherwise. `outputs` are the step's
    outputs on GitHub, name to value, and what `--format github` prints. `text` stands for the document with
    `--format text`, where another program reads that.
    """

    verdict: Verdict
    document: Document
    data: Mapping[str, Any]
    exit_code: int | None = None
    outputs: Mapping[str, str] = field(default_factory=dict)
    text: str | None = None

    def redacted(self, redactor: Redactor) -> Outcome:
        """The outcome without secrets, in whatever form it is written."""
        return replace(
            self,
            document=redactor.redact_value(self.document),
            data=redactor.redact_value(self.data),
            outputs=redactor.redact_value(self.outputs),
            text=redactor.redact_value(self.text),
        )


@dataclass(frozen=True, slots=True)
class Ports:
    """The outside world, so that tests can put fakes in its place.

    `run` has the signature of `process.run`, `clock` is monotonic seconds, `environ` the environment; `stdin` is None
    where whoever started us closed it.
    """

    environ: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    stdout: TextIO = field(default_factory=lambda: sys.stdout)
    stderr: TextIO = field(default_factory=lambda: sys.stderr)
    stdin: TextIO | None = field(default_factory=lambda: sys.stdin)
    cwd: Path = field(default_factory=Path.cwd)
    run: Callable[..., process.Completed] = process.run
    clock: Callable[[], float] = time.monotonic
    now: Callable[[], float] = time.time


@dataclass(frozen=True, slots=True)
class Context:
    """The common flags, resolved: where talk goes and how loud it is.

    `verbosity` is -1 (quiet), 0, or 1 and more (-v). `color` tells whether stderr takes escape codes.
    `say` writes one line of talk to stderr unless quiet. `dry_run` is False for commands without it.
    """

    ports: Ports
    config: Path | None
    verbosity: int
    color: bool
    dry_run: bool

    @property
    def redactor(self) -> Redactor:
        """Takes the secrets of the environment out of what a command writes into files of its own."""
        return Redactor(known_secrets(self.ports.environ))

    def say(self, line: str) -> None:
        """One line of talk on stderr, nothing with --quiet; what would command a terminal is shown as an escape."""
        if self.verbosity >= 0:
            print(visible(line), file=self.ports.stderr, flush=True)
