"""A job's log file: every line masked and written as it comes, and the annotations that it holds."""

from __future__ import annotations

from dataclasses import dataclass
from io import BufferedWriter
from pathlib import Path
from typing import Final

from nanna_ci.foundation.redact import Redactor
from nanna_ci.rehearsal.steps.secret_masks import SecretMasks
from nanna_ci.report.github import ANNOTATION_LIMIT, ANNOTATIONS_OF_A_TYPE

LEVELS: Final = ("error", "warning", "notice")


@dataclass(frozen=True, slots=True)
class Annotation:
    """What a step says about a run or a line of a file: `level` is error, warning or notice."""

    level: str
    message: str
    step: str
    title: str | None = None
    file: str | None = None
    line: int | None = None


class JobLog:
    """Lines go to the file at once, so that a log of any length costs no memory.

    Of each level GitHub keeps ten annotations a step; the log has them all.
    """

    def __init__(self, path: Path, masks: SecretMasks) -> None:
        self.masks = masks
        self.annotations: list[Annotation] = []
        self.step = ""
        self._redactor = Redactor()
        self._file: BufferedWriter = path.open("wb")
        self._counts: dict[str, int] = {}

    def begin(self, step: str) -> None:
        """A step begins; annotations are its own from here on."""
        self.step = step
        self._counts.clear()

    def write(self, line: bytes) -> None:
        """One line, without its newline, of output that came through `foundation/process`."""
        self._file.write(self.masks.hide(line) + b"\n")

    def say(self, text: str) -> None:
        """Text of the runner or of an action, of one line or more."""
        for line in self._redactor.redact_text(text).split("\n"):
            self.write(line.encode("utf-8", "backslashreplace"))

    def annotate(
        self, level: str, message: str, *, title: str | None = None, file: str | None = None, line: int | None = None
    ) -> None:
        """An error, a warning or a notice: a line of the log, and an annotation as far as GitHub keeps them."""
        message = self.masks.hide_text(self._redactor.redact_text(message))
        self.say(f"##[{level}]{message}")
        self._counts[level] = self._counts.get(level, 0) + 1
        if self._counts[level] <= ANNOTATIONS_OF_A_TYPE:
            self.annotations.append(Annotation(level, message[:ANNOTATION_LIMIT], self.step, title, file, line))

    def flush(self) -> None:
        """What was written is in the file."""
        self._file.flush()

    def close(self) -> None:
        """The end of the job."""
        self._file.close()
