from __future__ import annotations

from pathlib import Path

import pytest

from nanna_ci.foundation.context import Ports
from nanna_ci.foundation.errors import UsageError
from nanna_ci.measure.history.git_branch import HistoryBranch
from nanna_ci.measure.history.history_folder import HistoryFolder
from nanna_ci.measure.history.history_place import open_history


@pytest.mark.parametrize(
    ("place", "folder"),
    [(None, ".nanna-ci/history"), ("kept", "kept"), ("/var/kept", "/var/kept"), ("branch", "branch")],
)
def test_a_place_is_a_folder_below_the_working_folder_by_default_the_one_of_ci(
    tmp_path: Path, place: str | None, folder: str
):
    history = open_history(place, Ports(cwd=tmp_path))
    assert isinstance(history, HistoryFolder)
    assert history.path == tmp_path / folder


@pytest.mark.parametrize("name", ["ci-history", "ci/history", "v1.2"])
def test_a_place_that_begins_with_branch_is_one(tmp_path: Path, name: str):
    assert isinstance(open_history(f"branch:{name}", Ports(cwd=tmp_path)), HistoryBranch)


@pytest.mark.parametrize("name", ["", "-f", "a..b", "a b", "a/", "+main", "main:main", "refs/../x", "a.lock/.b"])
def test_what_could_be_a_flag_or_another_reference_is_refused(tmp_path: Path, name: str):
    with pytest.raises(UsageError, match="names no branch"):
        open_history(f"branch:{name}", Ports(cwd=tmp_path))
