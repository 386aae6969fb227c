"""JUnit: what is written is read, and no bytes do harm."""

from __future__ import annotations

import contextlib
from xml.sax.saxutils import escape, quoteattr

from hypothesis import given
from hypothesis import strategies as st

from nanna_ci.foundation.errors import MalformedData
from nanna_ci.pipeline.junit import TestStatus, parse_junit

NAMES = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff"), min_size=1, max_size=20
)
INSIDE = {
    TestStatus.PASSED: "<system-out>{}</system-out>",
    TestStatus.FAILED: "<failure>{}</failure>",
    TestStatus.SKIPPED: "<skipped>{}</skipped>",
    TestStatus.FLAKY: "<flakyFailure>{}</flakyFailure>",
}


@given(st.lists(st.tuples(NAMES, st.sampled_from(TestStatus), NAMES), max_size=8))
def test_every_case_that_is_written_is_counted_as_what_it_is(cases: list[tuple[str, TestStatus, str]]) -> None:
    body = "".join(
        f"<testcase name={quoteattr(name)}>{INSIDE[status].format(escape(output))}</testcase>"
        for name, status, output in cases
    )
    report = parse_junit(f"<testsuites><testsuite name='s'>{body}</testsuite></testsuites>".encode(), "junit.xml")
    assert [(case.name, case.status) for case in report.cases] == [(name, status) for name, status, _ in cases]


@given(
    st.binary(max_size=200)
    | st.text(max_size=200).map(lambda text: f"<testsuites>{text}</testsuites>".encode("utf-8", "replace"))
)
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    with contextlib.suppress(MalformedData):  # anything else fails the test
        parse_junit(data, "junit.xml")
