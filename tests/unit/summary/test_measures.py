"""What was measured, out of the JSON of other commands: shown, or n/a with the reason."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from nanna_ci.foundation.verdict import Verdict
from nanna_ci.pipeline.results import JobResult
from nanna_ci.report.blocks import Tone
from nanna_ci.summary import command_answers
from nanna_ci.summary.command_answers import CommandAnswers, read_answers
from nanna_ci.summary.measures import Measure, measures_of
from support.fake_summaries import BENCH, CACHE, COVERAGE, answers, passed


def row(name: str, given: CommandAnswers, *results: JobResult) -> Measure:
    return next(one for one in measures_of(given, results) if one.name == name)


def test_the_hit_rate_is_that_of_cache_analytics() -> None:
    one = row("Cache hit rate", answers(CACHE))
    assert (one.value, one.note, one.tone) == ("91.2 %", "of paths; of bytes n/a", Tone.GOOD)


def test_coverage_is_that_of_the_command_before_that_of_a_job() -> None:
    job = passed("coverage-x", lineCoveragePercent=61.26)
    assert row("Line coverage", answers(COVERAGE), job).value == "75.0 %"
    assert row("Line coverage", answers(COVERAGE)).note.endswith("of changed lines 3 of 4")
    assert row("Line coverage", CommandAnswers({}), job).value == "61.3 %"
    assert row("Line coverage", CommandAnswers({}), passed("coverage-x", lineCoveragePercent=None)).value is None


def test_benchmarks_are_counted_by_verdict_and_a_vanished_one_fails() -> None:
    one = row("Benchmarks", answers(BENCH))
    assert (one.value, one.tone) == ("1 fail, 1 vanished, 1 pass", Tone.BAD)


def test_jobs_are_counted_by_how_they_got_their_answer() -> None:
    assert row("Passed jobs", CommandAnswers({}), passed("a"), passed("b")).value == "2 built"
    failed = JobResult("c", Verdict.FAIL, reason="it failed")
    assert row("Passed jobs", CommandAnswers({}), failed).value is None


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("Cache hit rate", {**CACHE, "hitRate": None}),
        ("Cache hit rate", {**CACHE, "hitRate": {"paths": 1.5}}),
        ("Cache hit rate", {**CACHE, "hitRate": {"paths": "all"}}),
        ("Line coverage", {**COVERAGE, "lineRate": True}),
        ("Line coverage", {**COVERAGE, "crates": {}}),
        ("Line coverage", {**COVERAGE, "patch": []}),
        ("Benchmarks", {**BENCH, "benchmarks": None}),
        ("Benchmarks", {**BENCH, "benchmarks": [{"name": 1}]}),
        ("Benchmarks", {**BENCH, "benchmarks": [], "vanished": []}),
    ],
)
def test_an_answer_that_is_not_as_it_should_be_is_no_value(name: str, body: Mapping[str, Any]) -> None:
    one = row(name, answers(body))
    assert (one.value, one.tone) == (None, Tone.WARN)
    assert one.note


# --- the files ------------------------------------------------------------------------------------------------------


def test_answers_are_found_in_artifacts_and_in_the_folder_but_not_in_jobs(tmp_path: Path) -> None:
    for name in (
        "bench/a.json",
        "cache-analytics/b.json",
        "coverage.json",
        "job-x/c.json",
        "jobs/d.json",
        "bench/e.txt",
    ):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps({"bench/a.json": BENCH, "coverage.json": COVERAGE}.get(name, CACHE)))
    (tmp_path / "other").mkdir()
    (tmp_path / "other/package.json").write_text('{"name": "x"}')
    (tmp_path / "link").symlink_to(tmp_path / "bench", target_is_directory=True)
    assert read_answers(tmp_path) == CommandAnswers(
        {"coverage": [COVERAGE], "bench": [BENCH], "cache-analytics": [CACHE]}
    )
    assert read_answers(tmp_path / "none") == CommandAnswers({})


def test_what_cannot_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.json").write_text("{")
    (tmp_path / "b.json").symlink_to("/dev/zero")
    (tmp_path / "c.json").write_text("[]")
    assert [one.partition(":")[0] for one in read_answers(tmp_path).problems] == ["a.json", "b.json", "c.json"]
    monkeypatch.setattr(command_answers, "FILES_READ", 1)
    assert read_answers(tmp_path).problems[0] == "3 files of JSON, of which the first 1 were read"
