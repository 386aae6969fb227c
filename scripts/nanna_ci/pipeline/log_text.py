"""What a job's log says to a person: which tests failed, and the few lines worth reading. Pure, over lines of text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from nanna_ci.report.units import names_text

LOG_TAIL_LINES = 30
FINDINGS = 50
NAMES_AT_ONCE = 3

_ESCAPE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[ -/]*[0-~])")
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u202a-\u202e\u2066-\u2069]")
# cargo-nextest: `  FAIL [   0.004s] (1/4) demo tests::wrong`, `  TRY 2 ABRT [ … ] (2/4) …`, `   FLAKY 2/2 [ … ] …`,
# ` FAIL + LEAK [ … ] …`. Its words change with its versions: they are the last resort, without JUnit.
_NEXTEST = re.compile(
    r"\s*(?:TRY \d+ )?(?P<status>[A-Z][A-Z+ -]*?)(?: \d+/\d+)? +"
    r"\[(?P<going>[ >]*)[\d.]+s\] (?:\([^)]*\) )?(?P<name>\S.*)$"
)
_NEXTEST_GREEN = frozenset({"FLAKY", "LEAK", "SLOW", "SKIP", "START", "FINISH"})
_NEXTEST_OTHER = frozenset({"SETUP", "SUMMARY", "TERMINATING"})  # not the end of a test
_PYTEST = re.compile(r"(?:FAILED|ERROR) (?P<name>[^\s\[]+(?:\[.*?\])?)(?: - .*)?$")
# libtest, which runs the examples in documentation: `test src/lib.rs - two (line 3) ... FAILED`
_DOCTEST = re.compile(r"test (?P<name>\S+ - .*\(line \d+\)(?: - [a-z ]+)?) \.\.\. FAILED$")
_RUSTC = re.compile(r"(?:error|warning)(?:\[\w+\])?: (?P<text>.+)$")
_RUSTC_PLACE = re.compile(r"\s*--> (?P<place>\S+:\d+:\d+)$")
_RUSTFMT = re.compile(r"Diff in (?:/build/source/)?(?P<place>.+?):(?P<line>\d+):?$")
_COMPILES = re.compile(r"\s+(?:Compiling|Checking|Downloading|Downloaded|Fresh|Locking|Adding) \S+ ?")
_LEFT_OUT = re.compile(r"skipped, including (?P<count>\d+) tests? via (?P<filter>\S*default-filter)\)$")
_RULE = re.compile(r"\s*─{4,}$")
# what libtest and nextest print around a failure without saying anything about it
_NOISE = re.compile(
    r"\s*(running \d+ tests?|failures:|(stdout|stderr|output) ─+|test result: .*|test \S+ \.\.\. FAILED"
    r"|note: run with `RUST_BACKTRACE=1`.*)?$"
)


def plain_line(line: str) -> str:
    """The line without escape sequences, control and direction-changing characters; tabs are kept."""
    return _CONTROL.sub("", _ESCAPE.sub("", line)).rstrip()


def failing_tests(lines: Iterable[str]) -> tuple[str, ...]:
    """What the log names as failed, in order, at most 50: tests (nextest, pytest), else compiler and format findings;
    warnings only if no error is among those.

    A test that failed and then passed is not named. Lines are plain.
    """
    tests: dict[str, bool] = {}
    findings: dict[str, None] = {}
    warnings: dict[str, None] = {}
    message: str | None = None
    level = findings
    for line in lines:
        if match := _NEXTEST.match(line):
            if ">" not in match["going"] and match["status"].split()[0] not in _NEXTEST_OTHER:
                tests[match["name"]] = "PASS" not in match["status"] and match["status"] not in _NEXTEST_GREEN
        elif match := _PYTEST.match(line) or _DOCTEST.match(line):
            tests[match["name"]] = True
        elif match := _RUSTFMT.match(line):
            findings[f"{match['place']}:{match['line']}: not formatted"] = None
        elif match := _RUSTC.match(line):
            message = match["text"]
            level = findings if line.startswith("error") else warnings
        elif message is not None and (match := _RUSTC_PLACE.match(line)):
            level[f"{match['place']}: {message}"] = None
            message = None
    failed = [name for name, is_failed in tests.items() if is_failed]
    return tuple((failed or list(findings) or list(warnings))[:FINDINGS])


def name_some(names: Sequence[str]) -> str:
    """`: a, b, c and 4 more`, to end a sentence with; nothing if there are no names."""
    return f": {names_text(names, NAMES_AT_ONCE)}" if names else ""


def useful_lines(lines: Sequence[str], limit: int = LOG_TAIL_LINES) -> tuple[str, ...]:
    """The lines that say what went wrong: from each failed test's or compiler error's own lines, else the last ones.

    Blank lines and libtest's phrases are dropped; at most `limit` lines. Lines are plain.
    """
    red = set(failing_tests(lines))
    blocks: list[list[str]] = []
    seen: set[str] = set()
    block: list[str] | None = None
    for line in lines:
        match = _NEXTEST.match(line)
        if match or _RULE.match(line):
            block = None
            if match and match["name"] in red and match["name"] not in seen:
                seen.add(match["name"])
                blocks.append(block := [])
        elif not seen and _RUSTC.match(line) and line.startswith("error"):
            blocks.append(block := [])
        elif not seen and not line.strip():
            block = None
        if block is not None and not _NOISE.match(line) and not (seen and block and block[0].endswith(line.strip())):
            block.append(line)
    return share_lines(blocks, limit) or last_lines(lines, limit)


def left_out(lines: Iterable[str]) -> str | None:
    """How many tests the workspace's own default filter left out, if nextest says so: a pass must not hide it."""
    said = next((match for line in lines if (match := _LEFT_OUT.search(line))), None)
    if said is None:
        return None
    return f"{said['count']} {'test was' if said['count'] == '1' else 'tests were'} left out by {said['filter']}"


def last_lines(lines: Sequence[str], limit: int = LOG_TAIL_LINES) -> tuple[str, ...]:
    """The last lines that are not blank, without cargo's own lines about what it compiles."""
    written = [line for line in lines if line.strip()]
    return tuple([line for line in written if not _COMPILES.match(line)][-limit:] or written[-limit:])


def share_lines(blocks: Sequence[Sequence[str]], limit: int) -> tuple[str, ...]:
    """The blocks' lines without what says nothing, at most `limit`: each block has its share, and at least three."""
    kept = [[line for line in block if not _NOISE.match(line)] for block in blocks]
    if len(kept) > 1:
        share = max(limit // len(kept), 3)
        kept = [block[:share] for block in kept]
    return tuple([line for block in kept for line in block][:limit])
