"""lcov's format as the tools for Rust write it, and what is none of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from nanna_ci.foundation.errors import MalformedData, UsageError
from nanna_ci.pipeline.lcov import LcovReport, merge_reports, parse_lcov, read_lcov, render_lcov

DATA = Path(__file__).parents[2] / "data" / "lcov"


def section(body: str, path: str = "src/lib.rs") -> bytes:
    return f"SF:{path}\n{body}end_of_record\n".encode()


def test_lines_with_their_hits_are_read_by_file() -> None:
    text = b"TN:\nSF:src/lib.rs\nDA:1,3\nDA:2,0\nLF:2\nLH:1\nend_of_record\nTN:x\nSF:b.rs\nDA:9,1\nend_of_record\n"
    assert parse_lcov(text, "it") == LcovReport({"src/lib.rs": {1: 3, 2: 0}, "b.rs": {9: 1}})


@pytest.mark.parametrize(
    ("name", "path", "lines", "covered"),
    [
        ("by-the-source-of-tarpaulin.info", "/work/example/src/lib.rs", 5, 3),
        ("by-the-source-of-grcov.info", "src/lib.rs", 5, 3),
        ("by-the-manual-of-lcov-2.2.info", "/work/example/src/lib.rs", 5, 3),
    ],
)
def test_each_tools_own_way_of_writing_is_read(name: str, path: str, lines: int, covered: int) -> None:
    report = parse_lcov((DATA / name).read_bytes(), name)
    found = report.files[path]
    assert (len(found), sum(1 for hits in found.values() if hits)) == (lines, covered)
    assert report.disagreeing == ()


def test_what_llvm_cov_wrote_is_read_and_its_own_totals_are_not_believed() -> None:
    name = "recorded-cargo-llvm-cov-0.9.1-llvm-22.1.8.info"
    report = parse_lcov((DATA / name).read_bytes(), name)
    assert {path: len(lines) for path, lines in report.files.items()} == {
        "harness/src/main.rs": 7,
        "harness/src/shutdown.rs": 11,
        "prompts/src/fence.rs": 15,
    }
    # llvm-cov counts line 15 twice: it is in a function, and in the closure of that
    assert report.disagreeing == ("harness/src/shutdown.rs",)
    assert report.line_rate == 1


def test_a_checksum_behind_the_count_is_taken() -> None:
    assert parse_lcov(section("DA:1,2,xQ2ab/+==\n"), "it").files == {"src/lib.rs": {1: 2}}


def test_sections_and_lines_that_come_twice_are_summed() -> None:
    text = section("DA:1,1\nDA:2,0\nDA:1,4\n") + section("DA:2,2\nDA:3,0\n")
    assert parse_lcov(text, "it").files == {"src/lib.rs": {1: 5, 2: 2, 3: 0}}


def test_windows_line_ends_are_taken_and_others_of_unicode_are_part_of_a_name() -> None:
    text = "TN:\r\nSF:src\\lib.rs\r\nFN:1,a\u2028b\r\nFNDA:1,a\u2028b\r\nDA:1,1\r\nend_of_record\r\n".encode()
    assert parse_lcov(text, "it").files == {"src\\lib.rs": {1: 1}}


@pytest.mark.parametrize("text", [b"", b"TN:\n", b"\n# a comment\n\n"])
def test_a_report_of_nothing_has_no_file(text: bytes) -> None:
    assert parse_lcov(text, "it") == LcovReport({})


def test_totals_that_are_not_those_of_the_lines_are_named_and_do_not_count() -> None:
    text = section("DA:1,1\nDA:2,0\nLF:9\nLH:9\n", "a.rs") + section("DA:1,1\nLF:1\nLH:1\n", "b.rs")
    report = parse_lcov(text, "it")
    assert report.disagreeing == ("a.rs",)
    assert len(report.files["a.rs"]) == 2


@pytest.mark.parametrize(
    ("body", "number", "says"),
    [
        ("DA:1,-1\n", 2, "the count of 'DA:1,-1' is not a whole number of 0 to"),
        ("DA:1,1\nDA:2,1.5\n", 3, "the count of"),
        ("DA:1,nan\n", 2, "the count of"),
        ("DA:1,inf\n", 2, "the count of"),
        ("DA:1,18446744073709551616\n", 2, "the count of"),
        ("DA:1,\n", 2, "the count of"),
        ("DA:1\n", 2, "the count of"),
        ("DA:0,1\n", 2, "the line of 'DA:0,1' is not a whole number of 1 to"),
        ("DA:-3,1\n", 2, "the line of"),
        ("DA:999999999999,1\n", 2, "the line of"),
        ("DA:\u0663,1\n", 2, "the line of"),
        ("LF:many\n", 2, "is not LF:"),
        ("BRDA:1,0,0,x\n", 2, "is not BRDA:"),
        ("FNDA:-1,f\n", 2, "is not FNDA:COUNT,NAME"),
        ("what is this\n", 2, "is no record of lcov's format"),
        ("SF:b.rs\n", 2, "the one of line 1 has no end_of_record"),
    ],
)
def test_a_bad_line_is_refused_by_its_number(body: str, number: int, says: str) -> None:
    with pytest.raises(MalformedData) as caught:
        parse_lcov(section(body), "it.info")
    assert caught.value.message.startswith(f"it.info: line {number}: ")
    assert says in caught.value.message


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (b"SF:a.rs\nDA:1,1\n", "line 2: the section of 'a.rs' that line 1 begins has no end_of_record"),
        (b"DA:1,1\n", "line 1: 'DA:1,1' stands in no section"),
        (b"TN:\nend_of_record\n", "line 2: 'end_of_record' stands in no section"),
        (b"SF:\nend_of_record\n", "line 1: 'SF:' stands in no section"),
        (b'{"data": []}\n', "line 1: "),
        (b"SF:a.rs\nDA:1,1\nFN:1,\xff\nend_of_record\n", "line 3: not UTF-8"),
        ("SF:a.rs\n".encode("utf-16"), "line 1: not UTF-8"),
    ],
)
def test_what_is_cut_or_another_format_is_refused(text: bytes, says: str) -> None:
    with pytest.raises(MalformedData, match="it: ") as caught:
        parse_lcov(text, "it")
    assert says in caught.value.message


def test_the_largest_counter_is_taken_and_sums_beyond_it_do_not_wrap() -> None:
    largest = parse_lcov(section(f"DA:1,{2**64 - 1}\n"), "it")
    merged = merge_reports([largest, largest])
    assert merged.files["src/lib.rs"][1] == 2 * (2**64 - 1)
    assert parse_lcov(render_lcov(merged.files), "it").files["src/lib.rs"][1] == 2**64 - 1


def test_a_file_that_cannot_be_read_is_the_users_mistake(tmp_path: Path) -> None:
    for path in (tmp_path / "missing.info", tmp_path):
        with pytest.raises(UsageError, match="cannot be read"):
            read_lcov(path, str(path))
