"""The files of a rehearsal: `.nanna-ci/rehearsals/TIME-EVENT/`.

jobs/NAME/log, steps/        one folder a job, named as GitHub shows the job
artifacts/                   what the jobs uploaded
result.json, summary.md      the answer; the report with what the jobs wrote as their summaries
repository.git               the clone that jobs check out
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from nanna_ci.foundation.errors import CommandFailed, CommandTimedOut, ToolMissing
from nanna_ci.foundation.process import Completed
from nanna_ci.pipeline.run_folder import ensure_base, make_stamped_folder, named_errors
from nanna_ci.report.files import write_atomic

_REMOVING_S: Final = 120.0
_LONGEST_NAME: Final = 100
_SCRATCH: Final = ("workspace", "temp", "home", "nix", "programs", "tool-cache")


@dataclass(slots=True)
class RehearsalFolder:
    """The folder of one rehearsal."""

    path: Path
    _names: set[str] = field(default_factory=set)

    def job(self, name: str) -> Path:
        """A new folder for a job of this name; a second job of the name gets one of its own."""
        plain = re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-.")[:_LONGEST_NAME] or "job"
        number, chosen = 1, plain
        while chosen in self._names:
            number += 1
            chosen = f"{plain}-{number}"
        self._names.add(chosen)
        folder = self.path / "jobs" / chosen
        with named_errors(folder, "rehearsals"):
            folder.mkdir(parents=True)
        return folder

    def write(self, files: Iterable[tuple[str, bytes]]) -> None:
        """Whole files of the rehearsal."""
        for name, data in files:
            write_atomic(self.path / name, data)


def forget_scratch(folder: Path, run: Callable[..., Completed]) -> None:
    """Remove what a job, or all of them, worked in, and keep what was said. What cannot be removed harms nobody.

    By a program: thousands of files are no work for a thread that holds up the others.
    """
    with contextlib.suppress(CommandFailed, CommandTimedOut, ToolMissing):
        run(["rm", "-rf", "--", *(str(folder / name) for name in _SCRATCH)], timeout_s=_REMOVING_S)


def create_rehearsal_folder(cwd: Path, event: str, now: float) -> RehearsalFolder:
    """A new folder below `cwd`; `now` is seconds since 1970."""
    return RehearsalFolder(make_stamped_folder(ensure_base(cwd) / "rehearsals", event, now, "rehearsal"))
