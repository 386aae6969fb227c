"""The page of a history."""

from __future__ import annotations

import datetime
from dataclasses import replace

from nanna_ci.dashboard.run_columns import fold_runs
from nanna_ci.dashboard.trend_panels import run_panels
from nanna_ci.dashboard.trends_page import RUNS_LISTED, TrendsReport, trends_document, trends_to_json
from nanna_ci.foundation.verdict import Verdict
from nanna_ci.measure.history.records import FlakyTest, JobRecord, JobTests, RunIdentity, RunRecord, RunTests
from nanna_ci.report.blocks import Block, Cell, Document, Heading, Notice, Paragraph, Table, Tone, Trends
from nanna_ci.report.html import render_html

EVIL = "<script>alert(1)</script>\u202e"
PAGE = "https://github.com/owner/name/actions/runs/12/attempts/1"


def run(number: int, verdict: Verdict = Verdict.PASS, **origin: str) -> RunRecord:
    started = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC) + datetime.timedelta(hours=number)
    identity = replace(RunIdentity(f"run-{number}", "push", started), **origin)  # type: ignore[arg-type]
    return RunRecord(identity, verdict, (JobRecord("unit", verdict, "built", "ubuntu", 1.0, 30.0),), 31.0)


def document(*runs: RunRecord, tests: tuple[RunTests, ...] = ()) -> Document:
    return trends_document(report(*runs, tests=tests))


def report(*runs: RunRecord, tests: tuple[RunTests, ...] = ()) -> TrendsReport:
    columns = fold_runs(runs)
    return TrendsReport(columns, run_panels(columns), tests, {}, ())


def below(heading: str, page: Document) -> list[Block]:
    """The blocks of a section."""
    found: list[Block] = []
    inside = False
    for block in page.blocks:
        if isinstance(block, Heading):
            inside = block.text == heading
        elif inside:
            found.append(block)
    return found


def table(heading: str, page: Document) -> Table:
    return next(block for block in below(heading, page) if isinstance(block, Table))


def test_an_empty_history_says_how_to_get_one():
    page = document()
    text = " ".join(block.text for block in page.blocks if isinstance(block, Notice | Paragraph))
    assert "no run yet" in text
    assert "nanna-ci ci" in text
    assert not any(isinstance(block, Table | Trends) for block in page.blocks)


def test_the_verdict_of_the_last_run_stands_first():
    page = document(run(1), run(2, Verdict.FAIL))
    assert page.blocks[:2] == (Heading("Last run"), Notice(Tone.BAD, "fail: 1 failed"))
    assert [row[0].text for row in table("Since the last run", page).rows] == ["unit"]


def test_one_run_is_compared_with_nothing():
    assert below("Since the last run", document(run(1))) == []


def test_what_was_not_measured_is_named_and_unknown():
    record = replace(run(1), wall_s=None, jobs=(JobRecord("unit", Verdict.PASS),))
    page = document(record)
    row = table("Jobs", page).rows[0]
    assert [cell.text for cell in row[2:8]] == [None] * 6
    assert table("Runs", page).rows[0][6] == Cell(None)
    (last,) = [block for block in page.blocks if isinstance(block, Paragraph) and "Not measured in" in block.text]
    assert last.text == "Not measured in this history: time, cache, coverage, benchmarks, sizes."


def test_a_long_list_of_runs_is_cut_and_says_so():
    page = document(*(run(number) for number in range(RUNS_LISTED + 50)))
    assert len(table("Runs", page).rows) == RUNS_LISTED
    assert table("Runs", page).rows[0][0].text == f"run-{RUNS_LISTED + 49}"
    assert Paragraph("The last 200 of 250 runs; the trends above are of all.") in below("Runs", page)


def test_runs_and_commits_are_links_to_the_pages_of_github():
    commit = "0123456789" * 4
    row = table("Runs", document(run(1, url=PAGE, commit=commit))).rows[0]
    assert row[0].link == PAGE
    assert (row[4].text, row[4].link) == (commit[:12], f"https://github.com/owner/name/commit/{commit}")
    assert table("Runs", document(run(1, url="https://ci.example/12", commit=commit))).rows[0][4].link is None


def test_a_hostile_address_is_no_link_and_hostile_text_is_text():
    for address in ("javascript:alert(1)", "data:text/html,x", "https://a.b/\u202e", 'https://a.b/" onclick="x'):
        page = render_html(document(run(1, url=address, branch=EVIL, run=EVIL)))
        assert "<a href=" not in page.partition('id="content"')[2].partition("<script>")[0]
        assert "<script>alert" not in page
        assert "\u202e" not in page


def test_flaky_tests_are_counted_over_the_recorded_runs():
    def tests(number: int, *names: str) -> RunTests:
        flaky = tuple(FlakyTest(name, 2) for name in names)
        return RunTests(run(number).origin, (JobTests("unit", 9, 0, len(flaky), 0, flaky),))

    given = (tests(1, "a"), tests(2, "a", "b"), tests(3))
    rows = table("Flaky tests", document(run(1), tests=given)).rows
    assert [(row[0].text, row[2].text) for row in rows] == [("a", "2 of 3"), ("b", "1 of 3")]
    assert trends_to_json(report(run(1), tests=given))["flaky"][0] == {
        "test": "a",
        "job": "unit",
        "times": 2,
        "of": 3,
        "last": "2026-01-01",
    }


def test_no_flaky_test_is_not_the_same_as_no_results():
    assert "Not measured" in str(below("Flaky tests", document(run(1))))
    record = RunTests(run(1).origin, (JobTests("unit", 9, 0, 0, 0),))
    assert "None in the last 1" in str(below("Flaky tests", document(run(1), tests=(record,))))


def test_a_job_says_in_how_many_of_the_last_runs_it_failed():
    runs = [run(number, Verdict.FAIL if number in {0, 70, 75} else Verdict.PASS) for number in range(80)]
    assert table("Jobs", document(*runs)).rows[0][8].text == "2 of 50"


def test_a_test_that_was_flaky_long_ago_is_not_any_more():
    def tests(number: int, *names: str) -> RunTests:
        return RunTests(run(number).origin, (JobTests("unit", 9, 0, 0, 0, tuple(FlakyTest(one, 2) for one in names)),))

    given = (tests(0, "old"), tests(1, "new"), *(tests(number) for number in range(2, 201)))
    assert [row[0].text for row in table("Flaky tests", document(run(1), tests=given)).rows] == ["new"]
