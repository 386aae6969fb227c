"""JUnit XML, written: suites of cases that passed, failed or were skipped."""

from __future__ import annotations

import enum
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final
from xml.sax.saxutils import escape, quoteattr

_FORBIDDEN: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")


class CaseStatus(enum.Enum):
    """How a case ended, and the element that says so."""

    PASSED = ""
    FAILED = "failure"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Case:
    """A test case. `message` says why it is not a pass; `output` is what it printed."""

    name: str
    status: CaseStatus
    seconds: float
    message: str = ""
    output: str = ""


@dataclass(frozen=True, slots=True)
class JunitSuite:
    """Cases under a name."""

    name: str
    cases: tuple[Case, ...]


def render_junit(suites: Sequence[JunitSuite]) -> bytes:
    """The file in UTF-8. Characters that XML cannot hold are left out."""
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', f"<testsuites {_counts(c for s in suites for c in s.cases)}>"]
    for suite in suites:
        lines.append(f"  <testsuite name={_attribute(suite.name)} {_counts(suite.cases)}>")
        for case in suite.cases:
            lines += _case(suite.name, case)
        lines.append("  </testsuite>")
    return "\n".join([*lines, "</testsuites>", ""]).encode()


def _case(suite: str, case: Case) -> list[str]:
    head = f"    <testcase classname={_attribute(suite)} name={_attribute(case.name)} time={_seconds(case.seconds)}"
    inner = []
    if case.status is not CaseStatus.PASSED:
        inner.append(f"      <{case.status.value} message={_attribute(case.message)}/>")
    if case.output:
        inner.append(f"      <system-out>{escape(_FORBIDDEN.sub('', case.output))}</system-out>")
    return [f"{head}>", *inner, "    </testcase>"] if inner else [f"{head}/>"]


def _counts(cases: Iterable[Case]) -> str:
    listed = list(cases)
    failed = sum(case.status is CaseStatus.FAILED for case in listed)
    skipped = sum(case.status is CaseStatus.SKIPPED for case in listed)
    seconds = _seconds(sum(case.seconds for case in listed))
    return f'tests="{len(listed)}" failures="{failed}" errors="0" skipped="{skipped}" time={seconds}'


def _seconds(seconds: float) -> str:
    return f'"{seconds:.3f}"'


def _attribute(text: str) -> str:
    # a reader would turn a raw newline into a blank
    return quoteattr(_FORBIDDEN.sub("", text), {"\n": "&#10;", "\r": "&#13;", "\t": "&#9;"})
