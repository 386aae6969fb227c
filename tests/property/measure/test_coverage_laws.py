"""Laws of coverage: reports can be merged in any order, nothing is lost, rates stay within 0 and 1."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from nanna_ci.foundation.errors import MalformedData
from nanna_ci.measure.coverage.coverage_rule import CoverageRule, judge_coverage
from nanna_ci.measure.coverage.patch_lines import ChangedLines, line_ranges, parse_diff, patch_coverage
from nanna_ci.measure.coverage.source_tree import Coverage, SourceTree, place_files, plain_path
from nanna_ci.pipeline.lcov import MOST_HITS, LcovReport, merge_reports, parse_lcov, render_lcov

PATHS = st.sampled_from(
    ["src/lib.rs", "./src/lib.rs", "a/src/lib.rs", "a/tests/it.rs", "/source/a/src/x.rs", "/x/y.rs"]
)
LINES = st.dictionaries(st.integers(1, 40), st.integers(0, MOST_HITS // 8), max_size=12)
REPORTS = st.builds(LcovReport, st.dictionaries(PATHS, LINES, max_size=4))
TREE = SourceTree("", {"top": "", "a": "a"})


def placed(report: LcovReport) -> Coverage:
    return place_files(report, TREE)


@given(REPORTS, REPORTS, REPORTS)
def test_merging_is_commutative_and_associative(one: LcovReport, two: LcovReport, three: LcovReport) -> None:
    whole = merge_reports([one, two, three]).files
    assert merge_reports([three, two, one]).files == whole
    assert merge_reports([merge_reports([one, two]), three]).files == whole
    assert merge_reports([one, merge_reports([two, three])]).files == whole


@given(st.lists(REPORTS, max_size=4))
def test_hits_sum_and_no_line_is_lost(reports: list[LcovReport]) -> None:
    merged = merge_reports(reports).files
    for path in {path for report in reports for path in report.files}:
        for line in {line for report in reports for line in report.files.get(path, {})}:
            assert merged[path][line] == sum(report.files.get(path, {}).get(line, 0) for report in reports)
    assert set(merged) == {path for report in reports for path in report.files}


@given(REPORTS)
def test_a_report_written_and_read_again_is_the_same(report: LcovReport) -> None:
    data = render_lcov(report.files)
    assert parse_lcov(data, "it").files == report.files
    assert parse_lcov(data.replace(b"\n", b"\r\n"), "it").files == report.files
    assert parse_lcov(data, "it").disagreeing == ()


@given(REPORTS, REPORTS)
def test_files_joined_in_one_report_are_as_reports_merged(one: LcovReport, two: LcovReport) -> None:
    joined = parse_lcov(render_lcov(one.files) + render_lcov(two.files), "it")
    assert joined.files == merge_reports([one, two]).files


@given(REPORTS)
def test_rates_are_within_0_and_1_and_crates_add_up(report: LcovReport) -> None:
    coverage = placed(report)
    rate = coverage.line_rate
    assert (rate is None) == (coverage.lines == 0)
    assert rate is None or 0 <= rate <= 1
    assert sum(crate.lines for crate in coverage.crates) == coverage.lines
    assert sum(crate.covered_lines for crate in coverage.crates) == coverage.covered_lines
    assert all(0 <= crate.covered_lines <= crate.lines for crate in coverage.crates)


@given(REPORTS, REPORTS)
def test_more_reports_never_lower_what_is_covered(one: LcovReport, two: LcovReport) -> None:
    assert placed(merge_reports([one, two])).covered_lines >= placed(one).covered_lines


@given(REPORTS, st.dictionaries(PATHS, st.none() | st.frozensets(st.integers(1, 40)), max_size=4))
def test_a_changes_lines_are_some_of_all(report: LcovReport, changed: dict[str, frozenset[int] | None]) -> None:
    coverage = placed(report)
    patch = patch_coverage(ChangedLines("base", changed), coverage)
    everything = patch_coverage(ChangedLines("base", {file.path: None for file in coverage.files}), coverage)
    assert patch.lines <= coverage.lines
    assert patch.lines - patch.covered_lines == len(patch.uncovered)
    assert (everything.covered_lines, everything.lines) == (coverage.covered_lines, coverage.lines)
    assert patch.line_rate is None or 0 <= patch.line_rate <= 1


@given(st.frozensets(st.integers(1, 200)))
def test_ranges_hold_every_line_once(lines: frozenset[int]) -> None:
    found: list[int] = []
    for text in line_ranges(sorted(lines)):
        first, _, last = text.partition("-")
        found += range(int(first), int(last or first) + 1)
    assert found == sorted(lines)


@given(REPORTS, st.floats(0, 1), st.booleans())
def test_nothing_passes_below_its_minimum(report: LcovReport, minimum: float, strict: bool) -> None:
    coverage = placed(report)
    result = judge_coverage(coverage, None, CoverageRule(minimum, None, strict))
    rate = coverage.line_rate
    assert (result.verdict.value == "pass") == (rate is not None and rate >= minimum)


@given(st.text(alphabet="ab/.", min_size=1, max_size=20))
def test_a_plain_path_is_plain(path: str) -> None:
    assert plain_path(plain_path(path)) == plain_path(path)


@given(st.binary(max_size=200) | st.text(alphabet="SFDA:,1-\nend_ofrcd", max_size=80).map(str.encode))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        parse_lcov(data, "it")
    except MalformedData as refused:
        said = refused.message
    else:
        said = "it: line "
    assert said.startswith("it: line ")


@given(st.lists(st.tuples(st.integers(1, 9), st.text(alphabet="+-@ b/x", max_size=8)), max_size=6), st.integers())
def test_a_diff_gives_the_lines_that_were_added_whatever_they_say(added: list[tuple[int, str]], seed: int) -> None:
    lines, expected, at = [b"+++ b/x.rs"], set(), 1
    for gap, text in added:
        at += gap
        gone = random.Random(seed).randint(0, 2)
        lines.append(f"@@ -{at},{gone} +{at} @@".encode())
        lines += [f"-{text}".encode()] * gone + [f"+{text}".encode()]
        expected.add(at)
    assert parse_diff(b"\n".join(lines) + b"\n") == {"x.rs": expected}
