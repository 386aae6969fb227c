"""A run as GitHub knows it, and the line by which a text that was posted says which run it is of."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from nanna_ci.report.github import COMMENT_LIMIT_CHARACTERS

_LINE: Final = re.compile(r"<!-- nanna-ci: workflow ([0-9]{1,18}), run ([0-9]{1,18}), attempt ([0-9]{1,9}) -->")


@dataclass(frozen=True, slots=True)
class FinishedRun:
    """A run, whatever its artifact says. `repository` has its commit: a fork's for a fork.

    `number` counts the runs of `workflow` from 1 on, and `attempt` the times that this one ran; `branch` is the tag's
    name if a tag was pushed.
    """

    id: int
    workflow: int
    number: int
    attempt: int
    commit: str
    event: str
    branch: str | None
    repository: str | None
    conclusion: str | None
    url: str

    def is_before(self, body: str) -> bool:
        """Whether `body` was posted for a newer run of the same workflow, or for a later attempt of this one."""
        found = _LINE.fullmatch(_second_line(body))
        if found is None or int(found[1]) != self.workflow:
            return False
        return (int(found[2]), int(found[3])) > (self.number, self.attempt)


def signed(text: str, run: FinishedRun) -> str:
    """The text with its run in the second line: the first is the marker. Its end goes where it gets too long.

    Only who posts writes that line. What the text itself had there moves down, and means nothing.
    """
    marker, _, rest = text.partition("\n")
    line = f"<!-- nanna-ci: workflow {run.workflow}, run {run.number}, attempt {run.attempt} -->"
    return f"{marker}\n{line}\n{rest}"[:COMMENT_LIMIT_CHARACTERS]


def _second_line(body: str) -> str:
    return f"{body}\n\n".split("\n", 2)[1].rstrip("\r")
