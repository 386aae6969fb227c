from __future__ import annotations

import datetime
import shutil
from pathlib import Path

import pytest

from nanna_ci.foundation.errors import CommandFailed, ToolMissing
from nanna_ci.supply_chain.scanning.rustsec_database import open_database
from support.fake_ports import FakeRun

DATABASE = Path(__file__).parents[3] / "data" / "advisory-db"


def test_a_folder_is_of_the_day_of_its_newest_advisory() -> None:
    found = open_database(DATABASE, 0, run=FakeRun(), environ={}).source
    assert (found.advisories, found.date, found.basis) == (3, datetime.date(2026, 10, 3), "its newest advisory")


def test_the_time_of_its_commit_counts_where_somebody_knows_it(tmp_path: Path) -> None:
    handed = open_database(DATABASE, 1791158400, run=FakeRun(), environ={}).source
    assert (handed.date, handed.basis) == (datetime.date(2026, 10, 5), "its commit")
    shutil.copytree(DATABASE, tmp_path / "db")
    (tmp_path / "db/.git").mkdir()
    run = FakeRun()
    run.script("git", stdout=b"1791158400\n")
    assert open_database(tmp_path / "db", 0, run=run, environ={}).source == handed
    run.script("git", error=CommandFailed(("git",), 128, "fatal: not a git repository"))
    assert open_database(tmp_path / "db", 0, run=run, environ={}).source.basis == "its newest advisory"


def test_no_folder_or_one_without_advisories_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "crates/x").mkdir(parents=True)
    for folder, words in (
        (None, "none was given"),
        (tmp_path, "no advisories"),
        (tmp_path / "absent", "no advisories"),
    ):
        with pytest.raises(ToolMissing, match=words):
            open_database(folder, 0, run=FakeRun(), environ={})


def test_a_date_that_is_none_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "crates/x").mkdir(parents=True)
    (tmp_path / "crates/x/A.md").write_text('date = "2026-99-99"\n')
    assert open_database(tmp_path, 0, run=FakeRun(), environ={}).source.date is None


def test_cargo_deny_gets_a_repository_that_was_fetched_when_we_say(tmp_path: Path) -> None:
    place = open_database(DATABASE, 0, run=FakeRun(), environ={}).lay_out(tmp_path / "databases", 1000.0)
    (repository,) = place.iterdir()
    assert (repository / ".git/FETCH_HEAD").stat().st_mtime == 1000.0
    assert (repository / "crates/leaky").is_dir()
