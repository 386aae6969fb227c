"""The commit that was measured, as git has it: who wrote it, when, on which branch."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from nanna_ci.foundation.errors import CommandFailed, ToolMissing
from nanna_ci.foundation.process import Completed
from nanna_ci.measure.benchmarks.action_history import ActionCommit, ActionPerson

_GIT_S: Final = 60.0
_FORMAT: Final = "%H%x00%cI%x00%an%x00%ae%x00%cn%x00%ce%x00%B"


@dataclass(frozen=True, slots=True)
class MeasuredCommit:
    """A commit; `branch` is None where none is checked out, `is_clean` false where the work tree differs from it."""

    commit: ActionCommit
    branch: str | None
    is_clean: bool


def query_commit(
    folder: Path, repository: str | None, run: Callable[..., Completed], environ: Mapping[str, str]
) -> MeasuredCommit | None:
    """The commit that is checked out in a work tree; None without git, or outside of one. `repository` is its page."""
    git = ("git", "-c", "core.fsmonitor=false", "-C", str(folder))
    try:
        shown = run((*git, "log", "-1", f"--format={_FORMAT}"), timeout_s=_GIT_S, env=environ).text()
        branch = run((*git, "branch", "--show-current"), timeout_s=_GIT_S, env=environ).text().strip()
        status = run((*git, "status", "--porcelain", "--untracked-files=no"), timeout_s=_GIT_S, env=environ)
    except (CommandFailed, ToolMissing):
        return None
    id_, time, author, author_email, committer, committer_email, message = shown.split("\0", 6)
    commit = ActionCommit(
        id=id_,
        message=message.strip(),
        timestamp=datetime.datetime.fromisoformat(time),
        url=f"{repository}/commit/{id_}" if repository else "",
        author=ActionPerson(author, author_email),
        committer=ActionPerson(committer, committer_email),
    )
    return MeasuredCommit(commit, branch or None, not status.stdout)
