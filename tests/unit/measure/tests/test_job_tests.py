from __future__ import annotations

from pathlib import Path

import pytest

from nanna_ci.foundation.errors import MalformedData
from nanna_ci.measure.history.records import FlakyTest, JobTests, TimedTest
from nanna_ci.measure.tests.job_tests import SLOWEST, read_job_tests

CASES = """<testsuites><testsuite name="app">
<testcase name="fast" time="0.010"/>
<testcase name="slow" time="3.500"/>
<testcase name="second try" time="0.2"><flakyFailure message="m"/><flakyFailure message="m"/></testcase>
<testcase name="broken" time="1"><failure message="m"/><rerunFailure message="m"/></testcase>
<testcase name="left out" time="9"><skipped/></testcase>
</testsuite><testsuite name="@setup-script:make-data"><testcase name="make-data" time="60"/></testsuite></testsuites>"""


def job(folder: Path, name: str, text: str) -> None:
    (folder / name).mkdir()
    (folder / name / "junit.xml").write_text(text)


def test_counts_flaky_tests_and_slowest_tests_come_out_of_each_jobs_junit(tmp_path: Path):
    job(tmp_path, "unit", CASES)
    (tmp_path / "clippy").mkdir()
    assert read_job_tests(tmp_path) == (
        JobTests(
            "unit",
            passed=2,
            failed=1,
            flaky=1,
            skipped=1,
            flaky_tests=(FlakyTest("app second try", 3),),
            slowest=(
                TimedTest("app slow", 3.5),
                TimedTest("app broken", 1.0),
                TimedTest("app second try", 0.2),
                TimedTest("app fast", 0.01),
            ),
        ),
    )


def test_a_flaky_test_stays_one_where_it_counts_as_failed(tmp_path: Path):
    case = '<testcase name="a"><failure type="flaky failure"/><flakyFailure message="m"/></testcase>'
    job(tmp_path, "unit", f'<testsuites><testsuite name="app">{case}</testsuite></testsuites>')
    (tests,) = read_job_tests(tmp_path)
    assert (tests.failed, tests.flaky, tests.flaky_tests) == (1, 0, (FlakyTest("app a", 2),))


def test_only_the_slowest_tests_are_kept_and_equal_ones_by_name(tmp_path: Path):
    cases = "".join(f'<testcase name="t{number:02}" time="1"/>' for number in reversed(range(SLOWEST + 5)))
    job(tmp_path, "unit", f'<testsuites><testsuite name="">{cases}</testsuite></testsuites>')
    (tests,) = read_job_tests(tmp_path)
    assert [test.name for test in tests.slowest] == [f"t{number:02}" for number in range(SLOWEST)]


@pytest.mark.parametrize(
    "text", ['<!DOCTYPE testsuites [<!ENTITY a "b">]><testsuites/>', "<testsuites>", "", "not XML at all"]
)
def test_a_file_that_is_not_junit_is_refused_by_its_name(tmp_path: Path, text: str):
    job(tmp_path, "unit", text)
    with pytest.raises(MalformedData, match=r"unit/junit\.xml"):
        read_job_tests(tmp_path)


def test_a_name_with_control_characters_cannot_reach_a_terminal(tmp_path: Path):
    text = '<testsuites><testsuite name="a"><testcase name="x&#x1b;[2J&#x202e;y" time="1"/></testsuite></testsuites>'
    job(tmp_path, "unit", text)
    (tests,) = read_job_tests(tmp_path)
    assert tests.slowest[0].name.isprintable()
