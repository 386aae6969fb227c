"""Reader of JUnit XML as cargo-nextest writes it: a testsuite a binary, with reruns and flaky tests distinguished.

Neither a document type nor entities are accepted: nextest writes none, and they are how XML readers are attacked.
Characters that XML forbids (a test may print anything) are stripped before parsing, raw or as character references.
"""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from xml.parsers import expat

from nanna_ci.foundation.errors import MalformedData
from nanna_ci.foundation.guarded_read import FileRefused, read_file
from nanna_ci.pipeline.log_text import LOG_TAIL_LINES, name_some, plain_line, share_lines

SETUP_SCRIPT = "@setup-script:"  # how nextest names the suite of one; it is not a test
OUTPUT_CHARACTERS = 64 * 1024
MAXIMUM_BYTES = 64 * 1024 * 1024
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")
_REFERENCE = re.compile(r"&#(x[0-9a-fA-F]{1,8}|[0-9]{1,10});")
_ENCODING = re.compile(r"^<\?xml[^>]*\bencoding\s*=\s*[\"']([^\"']*)[\"']")


class TestStatus(enum.Enum):
    """A test's end: FLAKY passed after it had failed."""

    __test__ = False

    PASSED = "passed"
    FLAKY = "flaky"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class TestCase:
    """One test, or a setup script. `seconds` is its last try's time, None if the file has none.

    `message` says why it failed, `output` is what it printed then, the last 64 Ki characters of each stream.
    `attempts` counts its tries. `passed_later` is whether it failed and then passed: it is FLAKY, or FAILED where flaky
    tests are to fail.
    """

    __test__ = False

    suite: str
    name: str
    status: TestStatus
    seconds: float | None
    message: str | None
    output: str = ""
    attempts: int = 1
    passed_later: bool = False

    @property
    def is_setup_script(self) -> bool:
        """Whether this is not a test, but a script that nextest runs before them."""
        return self.suite.startswith(SETUP_SCRIPT)

    @property
    def full_name(self) -> str:
        """`suite test`, as nextest prints it and takes it in a filter; `setup script NAME`."""
        if self.is_setup_script:
            return f"setup script {self.name}"
        return f"{self.suite} {self.name}" if self.suite else self.name


@dataclass(frozen=True, slots=True)
class JunitReport:
    """All tests of one file, in its order."""

    cases: tuple[TestCase, ...]

    def count(self, status: TestStatus) -> int:
        """How many tests ended so; setup scripts do not count."""
        return sum(case.status is status for case in self.cases if not case.is_setup_script)

    @property
    def executed(self) -> int:
        """How many tests ran, whatever their end."""
        return sum(self.count(status) for status in TestStatus if status is not TestStatus.SKIPPED)

    @property
    def counts(self) -> dict[str, int]:
        """Number of tests by status, for a result's evidence."""
        return {status.value: self.count(status) for status in TestStatus}

    @property
    def failing(self) -> tuple[str, ...]:
        """Full names of the failed tests and setup scripts."""
        return tuple(case.full_name for case in self.cases if case.status is TestStatus.FAILED)

    @property
    def failing_flaky(self) -> int:
        """How many of the failed tests passed when they were tried again, which the workspace counts as failure."""
        return sum(case.passed_later and case.status is TestStatus.FAILED for case in self.cases)

    @property
    def flaky_warning(self) -> str | None:
        """Names the tests that passed only when they were tried again; None if all passed at once, or failed."""
        names = [case.full_name for case in self.cases if case.status is TestStatus.FLAKY]
        if not names:
            return None
        return f"{len(names)} {'test' if len(names) == 1 else 'tests'} passed only when tried again{name_some(names)}"

    @property
    def has_silent_script(self) -> bool:
        """Whether a setup script failed: what it printed is in nextest's own output alone."""
        return any(case.is_setup_script and case.status is TestStatus.FAILED for case in self.cases)

    def failure_lines(self, limit: int = LOG_TAIL_LINES) -> tuple[str, ...]:
        """What the failed tests printed, plain: each one's name and message, then its output; at most `limit` lines."""
        blocks = []
        for case in self.cases:
            if case.status is TestStatus.FAILED:
                lines = dict.fromkeys(map(plain_line, (case.message or "").splitlines()))
                lines |= dict.fromkeys(
                    line for line in map(plain_line, case.output.splitlines()) if line.strip() != case.name
                )
                blocks.append([case.full_name, *lines])
        return share_lines(blocks, limit)


def read_junit(path: Path) -> tuple[bytes, JunitReport]:
    """The file's bytes and what they say. Raises MalformedData over 64 MiB or if `parse_junit` does."""
    try:
        data = read_file(path, MAXIMUM_BYTES)
    except FileRefused as error:
        raise MalformedData(str(path), f"cannot be read: {error.strerror}") from None
    return data, parse_junit(data, str(path))


def parse_junit(data: bytes, source: str) -> JunitReport:
    """Read JUnit XML in UTF-8. Raises MalformedData for a DOCTYPE, entities, another encoding or broken XML."""
    text = data.decode("utf-8-sig", errors="replace")
    declared = _ENCODING.match(text)
    if declared and declared.group(1).lower() not in {"utf-8", "us-ascii"}:
        raise MalformedData(source, f"encoding {declared.group(1)!r:.40}, only UTF-8 is read")
    text = _REFERENCE.sub(_keep_allowed, _FORBIDDEN.sub("", text))
    collector = _Collector(source)
    parser = expat.ParserCreate("utf-8")
    parser.StartDoctypeDeclHandler = collector.refuse_doctype
    parser.StartElementHandler = collector.start
    parser.EndElementHandler = collector.end
    parser.CharacterDataHandler = collector.text
    try:
        parser.Parse(text.encode(), True)
    except expat.ExpatError as error:
        raise MalformedData(source, f"not well-formed XML: {error}") from None
    return JunitReport(tuple(collector.cases))


def _keep_allowed(reference: re.Match[str]) -> str:
    digits = reference.group(1)
    code = int(digits[1:], 16) if digits.startswith("x") else int(digits)
    allowed = code in {9, 10, 13} or (0x20 <= code <= 0x10FFFF and not _FORBIDDEN.match(chr(code)))
    return reference.group() if allowed else ""


@dataclass(slots=True)
class _Collector:
    source: str
    cases: list[TestCase] = field(default_factory=list)
    _path: list[str] = field(default_factory=list)
    _suite: str = ""
    _case: TestCase | None = None
    _message: list[str] = field(default_factory=list)
    _output: list[str] = field(default_factory=list)

    def refuse_doctype(self, *_: object) -> None:
        raise MalformedData(self.source, "a DOCTYPE, which JUnit has no use for")

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        if not self._path and tag not in {"testsuites", "testsuite"}:
            raise MalformedData(self.source, f"not JUnit: the root is <{tag}>")
        self._path.append(tag)
        match tag:
            case "testsuite":
                self._suite = attributes.get("name", "")
            case "testcase":
                if "name" not in attributes:
                    raise MalformedData(self.source, f"a testcase without a name in suite {self._suite!r}")
                seconds = _seconds(attributes.get("time"))
                self._case = TestCase(self._suite, attributes["name"], TestStatus.PASSED, seconds, None)
                self._output = []
            case "failure" | "error" | "skipped" | "flakyFailure" | "flakyError" if self._case:
                # a test that ran out of time has no message, and its type says it
                self._mark(tag, attributes.get("message") or attributes.get("type"))
                if tag in {"flakyFailure", "flakyError"}:
                    self._case = replace(self._case, attempts=self._case.attempts + 1, passed_later=True)
            case "rerunFailure" | "rerunError" if self._case:
                self._case = replace(self._case, attempts=self._case.attempts + 1)
            case _:
                pass

    def _mark(self, tag: str, message: str | None) -> None:
        assert self._case is not None
        status = {"failure": TestStatus.FAILED, "error": TestStatus.FAILED, "skipped": TestStatus.SKIPPED}
        marked = status.get(tag, TestStatus.FLAKY)
        # A failure stands whatever else the case holds; a later flakyFailure must not green it.
        if self._case.status is not TestStatus.FAILED:
            self._case = replace(self._case, status=marked, message=message)
        self._message = []

    def text(self, data: str) -> None:
        if self._path[-1] in {"failure", "error"}:
            self._message.append(data)
        elif self._path[-2:] in (["testcase", "system-out"], ["testcase", "system-err"]):
            self._output.append(data)

    def end(self, tag: str) -> None:
        self._path.pop()
        if self._case is None:
            return
        if tag in {"failure", "error"} and "".join(self._message).strip():
            self._case = replace(self._case, message="".join(self._message).strip())
        elif tag in {"system-out", "system-err"}:
            self._output = [*self._output, "\n"] if self._path and self._path[-1] == "testcase" else self._output
        elif tag == "testcase":
            if self._case.status is TestStatus.FAILED:
                self._case = replace(self._case, output="".join(self._output)[-OUTPUT_CHARACTERS:])
            self.cases.append(self._case)
            self._case = None


def _seconds(text: str | None) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if 0 <= value < float("inf") else None
