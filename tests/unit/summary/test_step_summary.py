"""The summary: verdict first, all that is known or n/a, inert, and never more than GitHub takes."""

from __future__ import annotations

import io
import re
import time
from dataclasses import replace
from pathlib import Path

import pytest

from nanna_ci.measure.budgets.budget_rule import BudgetTarget, Measurement, decide_budgets
from nanna_ci.pipeline.definition import load_pipeline
from nanna_ci.report import github
from nanna_ci.report.github import SUMMARY_LIMIT_BYTES, render_annotations, render_summary
from nanna_ci.report.markdown import render_markdown
from nanna_ci.summary.step_summary import RunSummary, shortened, summary_document
from support.fake_summaries import HOSTILE, UNIT, green_run, hostile_run, large_run, passed, red_run, run_summary

GOLDEN = Path(__file__).parents[2] / "data/summary"
BUDGET = load_pipeline(Path(__file__).parents[3] / "pipeline.toml").budget


def text_of(summary: RunSummary) -> str:
    return render_summary(summary_document(summary), SUMMARY_LIMIT_BYTES).decode()


@pytest.mark.parametrize(("name", "summary"), [("red", red_run()), ("green", green_run())])
def test_the_summary_is_the_golden_one(name: str, summary: RunSummary) -> None:
    assert text_of(summary) == (GOLDEN / f"{name}-summary.md").read_text()


def test_the_verdict_comes_first_then_failures_then_the_jobs() -> None:
    text = text_of(red_run())
    places = [text.index(part) for part in ("✘ fail:", "## fmt-x86", "Diff in src/lib.rs", "## Jobs", "## Measured")]
    assert places == sorted(places)
    assert text.index("✘ fail:") < 40


def test_no_section_is_empty_where_nothing_was_measured() -> None:
    text = text_of(green_run())
    for name in ("Cache hit rate", "Line coverage", "Benchmarks"):
        assert f"| {name} | n/a | among the artifacts is no result of " in text
    for heading in ("Budgets", "Artifacts"):
        assert f"## {heading}\n\nn/a: " in text
    assert "## Flaky tests\n\nnone was seen in this run" in text


def test_budgets_are_shown_once_somebody_measured_them() -> None:
    given = [Measurement(BudgetTarget.CACHE_HIT_RATE, 0.5), Measurement(BudgetTarget.IMAGE, 1.0, "image-a")]
    text = text_of(replace(green_run(), budgets=decide_budgets(BUDGET, given, strict=False)))
    assert "| cache hit rate | at least 85.0 % | 50.0 % | n/a | ✘ fail |" in text
    assert text.index("> ⚠ over budget: cache hit rate: 50.0 %, limit at least 85.0 %\n") < text.index("## Jobs")
    assert text.startswith("# CI summary\n\n> ✔ pass")


# --- hostile content ------------------------------------------------------------------------------------------------


def without_code(text: str) -> str:
    """The Markdown without its fenced blocks, each of which must end as it began."""
    kept, fence = [], ""
    for line in text.split("\n"):
        if fence:
            fence = "" if line == fence else fence
        elif match := re.match(r"`{3,}", line):
            fence = match.group()
        else:
            kept.append(line)
    assert fence == "", "a fence that never ends"
    return "\n".join(kept)


@pytest.mark.parametrize("line", [*HOSTILE, "\n".join(HOSTILE)])
def test_other_peoples_text_does_nothing_in_the_summary(line: str) -> None:
    text = text_of(hostile_run(line))
    text.encode()
    prose = without_code(text)
    for active in ("<script", "@team", "https://", "<!--", "www."):
        assert active not in prose, active
    assert not re.search(r"(?<!\\)\]\(", prose), "a link"
    assert not re.search("[\r\x1b\u202e\ud800]", text)
    assert not re.search(r"(?m)^[\s\ufeff]*::|##\[", text), "a command, should a step print this"
    # every row of a table has as many cells as its header: no pipe of the text ends one
    for header, body in re.findall(r"(?m)^(\|.*\|)\n\|[-:|]+\|\n((?:\|.*\|\n)*)", prose):
        assert {len(re.findall(r"(?<!\\)\|", row)) for row in body.splitlines()} <= {len(re.findall(r"\|", header))}


@pytest.mark.parametrize("line", HOSTILE)
def test_other_peoples_text_commands_no_runner(line: str) -> None:
    document = summary_document(hostile_run(line))
    log = io.StringIO()
    stream = github.inert_stream(log)
    stream.write(render_markdown(document))
    stream.flush()
    assert not re.search(r"(?m)^[\s\ufeff]*::|##\[|\r", log.getvalue())
    for command in render_annotations(document):
        assert re.fullmatch(r"::(?:error|warning) title=CI summary::[^\r\n]*", command)
        assert len(command) < github.ANNOTATION_LIMIT * 4


def test_annotations_stay_within_ten_of_a_type() -> None:
    lines = list(render_annotations(summary_document(large_run(60, 1000))))
    assert len(lines) == github.ANNOTATIONS_OF_A_TYPE


# --- limits ---------------------------------------------------------------------------------------------------------


def test_256_failed_jobs_with_logs_of_a_megabyte_fit_and_each_is_named_with_its_lines() -> None:
    summary = large_run(256, 1_000_000)
    started = time.monotonic()
    text = text_of(summary)
    assert time.monotonic() - started < 30
    assert len(text.encode()) <= SUMMARY_LIMIT_BYTES
    assert "was cut" not in text
    for number in range(256):
        assert f"## unit-{number}-stable failed\n" in text
        assert f"\n{number} 9999 é" in text, "the last line of its log"
        assert f"\nnix build .#checks.x86\\_64-linux.unit-{number}\n".replace("\\", "") in text


def test_fewer_failures_leave_room_for_more_of_each_log() -> None:
    few, many = (len(re.findall("(?m)^0 ", text_of(large_run(jobs, 100_000)))) for jobs in (2, 256))
    assert few > 10 * many > 0


def test_what_does_not_fit_at_all_is_cut_with_a_notice_and_whole_characters() -> None:
    summary = hostile_run("€" * 2000)
    needs = tuple(replace(summary.account.needs[0], name=f"{number}{'€' * 190}") for number in range(3000))
    text = text_of(replace(summary, account=replace(summary.account, needs=needs)))
    assert len(text.encode()) <= SUMMARY_LIMIT_BYTES
    assert "was cut to fit GitHub" in text[:200]
    assert "✘ fail" in text[:2000]


@pytest.mark.parametrize("limit_bytes", [1, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 33, 59, 300])
def test_a_log_is_cut_to_its_limit_in_whole_characters(limit_bytes: int) -> None:
    result = replace(passed(UNIT), log_tail=("first", "𝄞é€x" * 20, "", "z"))
    kept = shortened(result, limit_bytes).log_tail
    assert len("\n".join(kept).encode()) <= max(limit_bytes, 4)
    assert "�" not in "".join(kept)
    assert kept[-1].endswith("z") or limit_bytes < 5
    assert (kept == result.log_tail) == (limit_bytes == 300)


@pytest.mark.parametrize("limit_bytes", range(4, 30))
def test_a_single_long_line_is_cut_in_whole_characters(limit_bytes: int) -> None:
    (kept,) = shortened(replace(passed(UNIT), log_tail=("𝄞é€x" * 20,)), limit_bytes).log_tail
    assert len(kept.encode()) <= limit_bytes
    assert "\ufffd" not in kept
    assert ("…" + "𝄞é€x" * 20).endswith(kept.removeprefix("…"))


def test_a_short_log_stays_as_it_is() -> None:
    result = replace(passed(UNIT), log_tail=("one", "two"), reproduce="nix build")
    assert shortened(result, 1024) == result


def test_long_texts_of_a_result_are_cut_and_failing_tests_counted() -> None:
    long = replace(passed(UNIT), failing_tests=("n" * 500,) * 40, reason="r" * 9000)
    cut = shortened(long, 256)
    assert [len(name) for name in cut.failing_tests[:3]] == [200] * 3
    assert cut.failing_tests[3:] == ("and 37 more",)
    assert cut.reason == "r" * 255 + "…"


def test_a_heading_names_few_of_many_jobs_that_say_the_same() -> None:
    absent = tuple(f"fmt-{number}-stable" for number in range(200))
    text = text_of(run_summary([], also=absent))
    names = ", ".join(f"fmt-{number}-stable" for number in range(5))
    assert f"\n## {names} and 195 more: no answer\n\nThese 200 jobs: {names}, fmt-5-stable" in text
