"""JUnit XML, written and read back."""

from __future__ import annotations

from xml.etree import ElementTree

from nanna_ci.pipeline.junit import TestStatus, parse_junit
from nanna_ci.report.junit_xml import Case, CaseStatus, JunitSuite, render_junit

NASTY = 'a "b" <c> & \x00\x1b[31m\ud800 ]]> é\n\ttwo'


def test_what_is_written_is_read_back():
    suites = [
        JunitSuite(
            "one", (Case("passes", CaseStatus.PASSED, 1.25), Case("fails", CaseStatus.FAILED, 0.5, message="why"))
        ),
        JunitSuite("two", (Case("skips", CaseStatus.SKIPPED, 0.0, message="not here"),)),
    ]
    cases = parse_junit(render_junit(suites), "x").cases
    assert [(case.full_name, case.status, case.seconds) for case in cases] == [
        ("one passes", TestStatus.PASSED, 1.25),
        ("one fails", TestStatus.FAILED, 0.5),
        ("two skips", TestStatus.SKIPPED, 0.0),
    ]
    assert cases[1].message == "why"


def test_counts():
    root = ElementTree.fromstring(
        render_junit(
            [
                JunitSuite("one", (Case("a", CaseStatus.PASSED, 1), Case("b", CaseStatus.FAILED, 2, message="x"))),
                JunitSuite("two", (Case("c", CaseStatus.SKIPPED, 0, message="x"),)),
            ]
        )
    )
    assert (root.get("tests"), root.get("failures"), root.get("skipped"), root.get("time")) == ("3", "1", "1", "3.000")
    assert [suite.get("tests") for suite in root] == ["2", "1"]


def test_any_text_is_well_formed_xml():
    data = render_junit([JunitSuite(NASTY, (Case(NASTY, CaseStatus.FAILED, 0, message=NASTY, output=NASTY),))])
    case = ElementTree.fromstring(data)[0][0]
    readable = 'a "b" <c> & [31m ]]> é\n\ttwo'
    assert case.get("name") == readable
    assert case[0].get("message") == readable
    assert case[1].text == readable
