"""What lies in a job's output decides with it: the age of an advisory database, the share of lines that tests ran."""

from __future__ import annotations

import datetime
import json
from pathlib import Path
from typing import Any

import pytest
from advisories import describe_database, words_for, write_scan

from nanna_ci.foundation.errors import MalformedData
from nanna_ci.foundation.verdict import Verdict
from nanna_ci.pipeline.output_facts import DatabaseRule, judge_output, parse_scan

TODAY = datetime.date(2026, 11, 28)
DATABASE = {"date": "2026-11-14", "basis": "newest advisory", "advisories": 3}
SCAN = {"schemaVersion": 1, "database": DATABASE, "policy": None, "yankedUnknown": False}


def rule(max_age_days: int = 14, *, strict: bool = False) -> DatabaseRule:
    return DatabaseRule(max_age_days, TODAY, strict)


def scanned(folder: Path, **database: Any) -> Path:
    write_scan(folder, DATABASE | database, "deny.toml", not_looked_up=False)
    return folder


def test_a_database_within_its_limit_passes_and_says_nothing(tmp_path: Path) -> None:
    answer = judge_output(scanned(tmp_path), rule(strict=True))
    assert (answer.verdict, answer.reason, answer.warnings) == (Verdict.PASS, None, ())
    assert answer.evidence == {
        "scan": {
            "databaseDate": "2026-11-14",
            "databaseDateOf": "newest advisory",
            "advisories": 3,
            "policy": "deny.toml",
            "yankedUnknown": False,
        }
    }


@pytest.mark.parametrize(
    ("database", "words"),
    [
        (
            {"date": "2026-11-13"},
            "15 days old (2026-11-13, the date of its newest advisory), and database_max_age_days",
        ),
        ({"date": "2026-11-13", "basis": "commit"}, "15 days old (2026-11-13, the date of its commit)"),
        ({"date": None, "basis": None}, "has no date, so that nobody knows its age"),
    ],
)
def test_an_older_database_is_a_warning_and_a_failure_under_strict(
    tmp_path: Path, database: dict[str, Any], words: str
) -> None:
    folder = scanned(tmp_path, **database)
    lenient, strict = (judge_output(folder, rule(strict=strict)) for strict in (False, True))
    assert lenient.verdict is Verdict.PASS
    (warning,) = lenient.warnings
    assert warning.startswith(lenient.reason or "?")
    assert words in warning
    assert "--override-input advisory-db path:FOLDER" in warning
    assert (strict.verdict, strict.warnings) == (Verdict.FAIL, ())
    assert strict.reason == f"{warning}; --strict counts that as failure"


def test_a_database_of_tomorrow_is_not_old(tmp_path: Path) -> None:
    assert judge_output(scanned(tmp_path, date="2026-11-30"), rule(1, strict=True)).verdict is Verdict.PASS


def test_a_pass_says_whose_policy_it_was_and_what_nobody_looked_for(tmp_path: Path) -> None:
    write_scan(tmp_path, DATABASE, "default", not_looked_up=True)
    answer = judge_output(tmp_path, rule())
    assert answer.warnings == ()
    assert answer.reason == (
        "held to the default policy of Nanna CI, for the workspace has no deny.toml; "
        "yanked crates were not looked for: that takes the registry"
    )


@pytest.mark.parametrize(
    "change",
    [
        {"schemaVersion": 2},
        {"database": None},
        {"database": DATABASE | {"date": "2026-13-01"}},
        {"database": DATABASE | {"date": 1}},
        {"database": DATABASE | {"advisories": -1}},
        {"policy": 1},
        {"yankedUnknown": "no"},
    ],
)
def test_another_shape_is_refused(change: dict[str, Any]) -> None:
    assert parse_scan(json.dumps(SCAN).encode(), "scan.json").advisories == 3
    with pytest.raises(MalformedData):
        parse_scan(json.dumps(SCAN | change).encode(), "scan.json")


def test_a_folder_that_is_no_commit_has_the_date_of_its_newest_advisory(tmp_path: Path) -> None:
    for name, day in (("old", "2026-01-01"), ("new", "2026-10-03"), ("odd", "2026-99-99")):
        path = tmp_path / "crates" / name / "RUSTSEC.md"
        path.parent.mkdir(parents=True)
        path.write_text(f'```toml\n[advisory]\ndate = "{day}"\n```\n')
    assert describe_database(tmp_path, 1) == {"date": "2026-10-03", "basis": "newest advisory", "advisories": 3}
    found = describe_database(tmp_path, 1_791_158_400)
    assert (found["date"], found["basis"]) == ("2026-10-05", "commit")


def test_a_database_without_any_date_is_said_to_have_none(tmp_path: Path) -> None:
    found = describe_database(tmp_path, 0)
    assert (found["date"], found["basis"]) == (None, None)
    assert words_for(found) == "the advisory database (of unknown date) holds 0 advisories"


def test_coverage_is_told_as_the_share_of_all_lines(tmp_path: Path) -> None:
    (tmp_path / "lcov.info").write_text("SF:a.rs\nDA:1,1\nDA:2,7\nDA:3,0\nLF:9\nLH:9\nend_of_record\n")
    answer = judge_output(tmp_path, rule())
    assert (answer.verdict, answer.reason) == (Verdict.PASS, "line coverage: 66.6 %")
    assert answer.evidence == {"lineCoveragePercent": pytest.approx(66.666, abs=0.001)}


def test_coverage_of_no_line_is_unknown_and_not_zero(tmp_path: Path) -> None:
    (tmp_path / "lcov.info").write_text("")
    answer = judge_output(tmp_path, rule())
    assert (answer.reason, answer.evidence) == ("line coverage: n/a: no line can be run", {"lineCoveragePercent": None})


def test_what_is_no_report_of_coverage_is_refused(tmp_path: Path) -> None:
    (tmp_path / "lcov.info").write_text("SF:a.rs\nDA:1,-1\nend_of_record\n")
    with pytest.raises(MalformedData, match="line 2"):
        judge_output(tmp_path, rule())


def test_an_output_without_such_files_adds_nothing(tmp_path: Path) -> None:
    assert judge_output(tmp_path, rule(strict=True)).verdict is Verdict.PASS
    assert judge_output(tmp_path / "none", rule(strict=True)).reason is None
