"""The git program: which commit a source tree is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from nanna_ci.errors import CommandFailed, ToolMissing
from nanna_ci.process import Completed

_TIMEOUT_S: Final = 60.0


def query_revision(folder: Path, *, run: Callable[..., Completed], environ: Mapping[str, str]) -> str | None:
    """The commit of the work tree that `folder` lies in; None without git or work tree, or with uncommitted changes."""
    git = ("git", "-c", "core.fsmonitor=false", "-C", str(folder))
    try:
        commit = run((*git, "rev-parse", "--verify", "HEAD"), timeout_s=_TIMEOUT_S, env=environ).text().strip()
        changes = run((*git, "status", "--porcelain", "--untracked-files=no"), timeout_s=_TIMEOUT_S, env=environ)
    except (CommandFailed, ToolMissing):
        return None
    return None if changes.stdout else commit
