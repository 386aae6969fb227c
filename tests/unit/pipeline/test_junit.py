"""JUnit as cargo-nextest writes it, and as it should not be."""

from __future__ import annotations

from pathlib import Path

import pytest

from nanna_ci.foundation.errors import MalformedData
from nanna_ci.pipeline import junit
from nanna_ci.pipeline.junit import TestStatus, parse_junit, read_junit

RECORDED = Path(__file__).parents[2] / "data" / "cargo" / "junit.xml"


def one(inside: str, *, attributes: str = 'name="t" time="0.5"') -> junit.TestCase:
    text = f'<testsuites><testsuite name="demo"><testcase {attributes}>{inside}</testcase></testsuite></testsuites>'
    (case,) = parse_junit(text.encode(), "junit.xml").cases
    return case


def test_a_file_of_nextest_distinguishes_failed_flaky_and_passed_tests() -> None:
    _, report = read_junit(RECORDED)
    assert report.counts == {"passed": 1, "flaky": 1, "failed": 2, "skipped": 0}
    assert report.failing == ("demo tests::killed", "demo tests::wrong")
    wrong = next(case for case in report.cases if case.name == "tests::wrong")
    assert wrong.message is not None
    assert wrong.message.splitlines()[1] == "assertion `left == right` failed: sum is wrong"
    assert wrong.seconds is not None
    assert 0 < wrong.seconds < 1


def test_a_run_without_tests_is_an_empty_report() -> None:
    report = parse_junit(b'<testsuites name="nextest-run" tests="0"></testsuites>', "junit.xml")
    assert report.cases == ()
    assert report.counts == {"passed": 0, "flaky": 0, "failed": 0, "skipped": 0}


@pytest.mark.parametrize(
    ("inside", "status"),
    [
        ("", TestStatus.PASSED),
        ("<system-out>FAILED</system-out>", TestStatus.PASSED),
        ('<failure message="m"/>', TestStatus.FAILED),
        ('<error message="m"/>', TestStatus.FAILED),
        ("<skipped/>", TestStatus.SKIPPED),
        ('<flakyFailure message="m"/>', TestStatus.FLAKY),
        ('<rerunFailure message="m"/>', TestStatus.PASSED),
        ('<failure message="m"/><rerunFailure message="m"/>', TestStatus.FAILED),
        ('<failure message="m"/><flakyFailure message="m"/>', TestStatus.FAILED),
        ('<flakyFailure message="m"/><failure message="m"/>', TestStatus.FAILED),
    ],
)
def test_the_elements_of_a_case_decide_how_it_ended(inside: str, status: TestStatus) -> None:
    assert one(inside).status is status


@pytest.mark.parametrize(
    ("inside", "attempts"),
    [
        ("", 1),
        ('<failure message="m"/>', 1),
        ('<flakyFailure message="m"/><flakyError message="m"/>', 3),
        ('<failure message="m"/><rerunFailure message="m"/><rerunError message="m"/>', 3),
        ('<failure message="passed on attempt 2/3" type="flaky failure"/><flakyFailure message="m"/>', 2),
    ],
)
def test_every_try_of_a_test_is_counted(inside: str, attempts: int) -> None:
    assert one(inside).attempts == attempts


def test_a_pass_on_a_later_try_is_named_in_a_warning_and_any_other_end_is_not() -> None:
    flaky = junit.TestCase("app", "a", TestStatus.FLAKY, 1.0, "m", attempts=2)
    failed = junit.TestCase("app", "b", TestStatus.FAILED, 1.0, "m", attempts=2)
    assert junit.JunitReport((flaky, failed)).flaky_warning == "1 test passed only when tried again: app a"
    assert junit.JunitReport((failed, junit.TestCase("app", "c", TestStatus.PASSED, 1.0, None))).flaky_warning is None


def test_a_time_that_is_not_a_time_is_unknown() -> None:
    assert one("", attributes='name="t"').seconds is None
    assert one("", attributes='name="t" time="soon"').seconds is None
    assert one("", attributes='name="t" time="nan"').seconds is None
    assert one("", attributes='name="t" time="-1"').seconds is None


def test_control_characters_are_stripped_raw_and_as_references() -> None:
    case = one('<failure message="a\x1b[31mb&#x1b;c&#0;&#27;d&#x9;e&amp;#27;">x\x08y&#xFFFE;&#xD800;z</failure>')
    assert case.message == "xyz"
    assert one('<failure message="a\x1b[31mb&#x1b;c&#0;&#27;d&#10;e&amp;#27;"/>').message == "a[31mbcd\ne&#27;"


def test_invalid_utf8_is_replaced() -> None:
    data = b'<testsuite name="s"><testcase name="\xff"/></testsuite>'
    assert parse_junit(data, "junit.xml").cases[0].full_name == "s \ufffd"


BOMB = '<!DOCTYPE b [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]><testsuites>&b;</testsuites>'


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (BOMB, "DOCTYPE"),
        ('<!DOCTYPE t SYSTEM "file:///etc/passwd"><testsuites/>', "DOCTYPE"),
        ("<testsuites>&undeclared;</testsuites>", "not well-formed"),
        ("<testsuites>", "not well-formed"),
        ("", "not well-formed"),
        ("<html></html>", "the root is <html>"),
        ("<testsuites><testsuite><testcase/></testsuite></testsuites>", "without a name"),
        ('<?xml version="1.0" encoding="UTF-16"?><testsuites/>', "UTF-16"),
    ],
)
def test_what_nextest_never_writes_is_refused(text: str, why: str) -> None:
    with pytest.raises(MalformedData, match=why) as caught:
        parse_junit(text.encode(), "junit.xml")
    assert caught.value.exit_code == 4


def test_a_file_over_the_limit_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(junit, "MAXIMUM_BYTES", 100)
    path = tmp_path / "junit.xml"
    path.write_bytes(b"<testsuites>" + b" " * 75 + b"</testsuites>")
    assert read_junit(path)[1].cases == ()
    path.write_bytes(b"<testsuites>" + b" " * 76 + b"</testsuites>")
    with pytest.raises(MalformedData, match="over 100 bytes"):
        read_junit(path)
