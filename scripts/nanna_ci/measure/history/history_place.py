"""Where a history is, by the value of `--history`: a folder, or `branch:NAME`."""

from __future__ import annotations

import re
import time
from typing import Final

from nanna_ci.foundation.context import Ports
from nanna_ci.foundation.errors import UsageError, shorten
from nanna_ci.measure.history.git_branch import HistoryBranch
from nanna_ci.measure.history.history import History
from nanna_ci.measure.history.history_folder import HistoryFolder
from nanna_ci.pipeline.run_folder import HISTORY_FOLDER

DEFAULT_PLACE: Final = f".nanna-ci/{HISTORY_FOLDER}"
"""Where `ci` keeps the history of its runs, below the working folder."""
_BRANCH: Final = re.compile(r"branch:(?P<name>[A-Za-z0-9_][A-Za-z0-9_-]*([./][A-Za-z0-9_-]+)*)")


def open_history(place: str | None, ports: Ports) -> History:
    """The history at `place`, None for the default one. Raises UsageError for a branch that git would not take."""
    if place is None or not place.startswith("branch:"):
        return HistoryFolder(ports.cwd / (place or DEFAULT_PLACE))
    named = _BRANCH.fullmatch(place)
    if named is None:
        raise UsageError(f"{shorten(place)} names no branch", hint="such as branch:ci-history")
    return HistoryBranch(ports.cwd, named["name"], run=ports.run, environ=ports.environ, sleep=time.sleep)
