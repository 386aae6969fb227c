"""The exit code of nextest, held against the JUnit that it left."""

from __future__ import annotations

import pytest

from nanna_ci.foundation.verdict import Verdict
from nanna_ci.pipeline.junit import JunitReport, parse_junit
from nanna_ci.pipeline.nextest import NextestExit, judge_tests


def report(inside: str) -> JunitReport:
    return parse_junit(f'<testsuites><testsuite name="s">{inside}</testsuite></testsuites>'.encode(), "junit.xml")


PASSED = report('<testcase name="a"/>')
FAILED = report('<testcase name="a"/><testcase name="b"><failure type="test timeout"/></testcase>')


@pytest.mark.parametrize("code", [*NextestExit, 2, 255, -15, -9])
@pytest.mark.parametrize("junit", [None, PASSED, FAILED, report("")])
def test_only_a_good_end_with_a_test_that_passed_is_a_pass(code: int, junit: JunitReport | None) -> None:
    answer = judge_tests(code, junit)
    assert (answer.verdict is Verdict.PASS) == (code == 0 and junit is PASSED)
    assert (answer.reason is None) == (answer.verdict is Verdict.PASS)
    assert not str(answer.reason).startswith("0 tests")


def test_what_the_text_names_counts_only_without_junit() -> None:
    assert judge_tests(100, None, named=("s c",)).reason == "1 test failed"
    assert judge_tests(100, FAILED, named=("s c", "s d")).failing == ("s b",)
    assert judge_tests(0, None, named=()).verdict is Verdict.ERROR


def test_a_test_that_ran_out_of_time_says_so() -> None:
    assert FAILED.failure_lines() == ("s b", "test timeout")


@pytest.mark.parametrize(
    ("others", "reason"),
    [
        ("", "1 test failed: passed when tried again, and flaky tests are to fail"),
        (
            '<testcase name="c"><failure/><rerunFailure/></testcase>',
            "2 tests failed: 1 of them passed when tried again, and flaky tests are to fail",
        ),
    ],
)
def test_a_flaky_test_that_is_to_fail_is_not_called_an_ordinary_failure(others: str, reason: str) -> None:
    flaky = '<testcase name="b"><failure type="flaky failure"/><flakyFailure/></testcase>'
    assert judge_tests(100, report(flaky + others)).reason == reason
