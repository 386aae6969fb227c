"""What a command is given: the common flags, resolved, and the outside world."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

from nanna_ci.foundation import process
from nanna_ci.foundation.redact import Redactor, known_secrets
from nanna_ci.foundation.visible_text import visible


@dataclass(frozen=True, slots=True)
class Ports:
    """The outside world, so that tests can put fakes in its place.

    `run` has the signature of `process.run`, `clock` is monotonic seconds, `environ` the environment; `stdin` is None
    if our parent process closed it.
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
    """The common flags, resolved: where progress goes and how much of it.

    `verbosity` is -1 (quiet), 0, or 1 and more (-v). `color` says whether stderr takes escape codes.
    `say` writes one line of progress to stderr unless quiet. `dry_run` is False for commands without it.
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
        """One line of progress on stderr, nothing with --quiet; what would control a terminal is shown as an escape."""
        if self.verbosity >= 0:
            print(visible(line), file=self.ports.stderr, flush=True)
