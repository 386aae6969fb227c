"""The result of a cargo-nextest run: its exit code by its documented meaning, checked against the JUnit that it left.

Neither is trusted alone. An exit code of 0 without evidence that a test ran is not a pass, and one that means failed
tests beside a JUnit without any is reported as just that: failed tests are counted, never assumed.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Final

from nanna_ci.foundation.verdict import Verdict
from nanna_ci.pipeline.junit import JunitReport


class NextestExit(enum.IntEnum):
    """nextest's documented exit codes that a run can end with; any other is reported as a number.

    https://docs.rs/nextest-metadata/latest/nextest_metadata/enum.NextestExitCode.html
    """

    OK = 0
    UNEXPECTED = 1
    NO_TESTS_RUN = 4
    DOUBLE_SPAWN_ERROR = 70
    REQUIRED_VERSION_NOT_MET = 92
    INVALID_FILTERSET = 94
    EXPERIMENTAL_FEATURE_NOT_ENABLED = 95
    SETUP_ERROR = 96
    TEST_RUN_FAILED = 100
    BUILD_FAILED = 101
    CARGO_METADATA_FAILED = 102
    TEST_LIST_CREATION_FAILED = 104
    SETUP_SCRIPT_FAILED = 105
    WRITE_OUTPUT_ERROR = 110


_MEANING: Final = {
    NextestExit.UNEXPECTED: "nextest met an error that it has no code for",
    NextestExit.NO_TESTS_RUN: "there are no tests to run",
    NextestExit.DOUBLE_SPAWN_ERROR: "nextest could not start the tests' processes",
    NextestExit.REQUIRED_VERSION_NOT_MET: "the workspace requires another version of nextest",
    NextestExit.INVALID_FILTERSET: "a filter of nextest's configuration is not valid",
    NextestExit.EXPERIMENTAL_FEATURE_NOT_ENABLED: "nextest's configuration uses an experimental feature that is not on",
    NextestExit.SETUP_ERROR: "nextest cannot work with its configuration or its arguments",
    NextestExit.TEST_RUN_FAILED: "tests failed",
    NextestExit.BUILD_FAILED: "the tests do not build",
    NextestExit.CARGO_METADATA_FAILED: "cargo cannot read the workspace",
    NextestExit.TEST_LIST_CREATION_FAILED: "a test program could not list its tests",
    NextestExit.SETUP_SCRIPT_FAILED: "a setup script failed",
    NextestExit.WRITE_OUTPUT_ERROR: "nextest could not write its output",
}
ANSWERS: Final = frozenset({NextestExit.TEST_RUN_FAILED, NextestExit.SETUP_SCRIPT_FAILED, NextestExit.NO_TESTS_RUN})
"""Where a run ends with one of these, tests or scripts of the workspace's own decided it, whatever they printed."""
# an error of nextest or the machine: it says nothing about the workspace
_NO_ANSWER: Final = frozenset({NextestExit.DOUBLE_SPAWN_ERROR, NextestExit.WRITE_OUTPUT_ERROR})
NOTHING_EXECUTED: Final = (
    "no test was executed: the workspace has none of this kind, or its configuration leaves them out"
)


@dataclass(frozen=True, slots=True)
class NextestResult:
    """What a run says; `reason` is there wherever it is not a pass, `failing` names what failed."""

    verdict: Verdict
    reason: str | None
    failing: tuple[str, ...] = ()


def judge_tests(
    returncode: int, report: JunitReport | None, *, refused: str | None = None, named: tuple[str, ...] = ()
) -> NextestResult:
    """The answer of a run that ended with `returncode` (negative: a signal) and left `report`, None if it left none.

    `refused` says why the JUnit that it left was not read. `named` are the failed tests by the words of the log: they
    count if there is no JUnit, and never make a pass.
    """
    failing = report.failing if report is not None else named
    if returncode == 0:
        return _judge_good_end(report, refused)
    if returncode < 0:
        verdict = Verdict.ERROR if returncode == -9 else Verdict.FAIL
        return NextestResult(verdict, f"cargo nextest was ended by signal {-returncode}", failing)
    code = _known(returncode)
    flaky = report.failing_flaky if report is not None else 0
    verdict = Verdict.ERROR if code in _NO_ANSWER else Verdict.FAIL
    return NextestResult(verdict, _reason(code, returncode, failing, refused, flaky), failing)


def _judge_good_end(report: JunitReport | None, refused: str | None) -> NextestResult:
    if refused is not None:
        return NextestResult(Verdict.FAIL, f"its JUnit file is refused: {refused}")
    if report is None:
        return NextestResult(Verdict.ERROR, "it ended well and left no JUnit file: no evidence that a test ran")
    if report.failing:
        reason = f"it ended well, but its JUnit file names {len(report.failing)} failed tests"
        return NextestResult(Verdict.FAIL, reason, report.failing)
    if not report.executed:
        return NextestResult(Verdict.UNAVAILABLE, NOTHING_EXECUTED)
    return NextestResult(Verdict.PASS, None)


def _reason(
    code: NextestExit | None, returncode: int, failing: tuple[str, ...], refused: str | None, flaky: int
) -> str:
    if code is None:
        return f"cargo nextest exited with {returncode}"
    if code is NextestExit.TEST_RUN_FAILED:
        if refused is not None:
            return f"tests failed; its JUnit file, which names them, is refused: {refused}"
        if not failing:
            return "tests failed by nextest's exit code, but nothing names them"
        failed = f"{len(failing)} tests failed" if len(failing) != 1 else "1 test failed"
        which = "" if flaky == len(failing) else f"{flaky} of them "
        return f"{failed}: {which}passed when tried again, and flaky tests are to fail" if flaky else failed
    if code is NextestExit.SETUP_SCRIPT_FAILED and failing:
        return f"{failing[0]} failed, so that no test was run"
    return _MEANING[code]


def _known(returncode: int) -> NextestExit | None:
    try:
        return NextestExit(returncode)
    except ValueError:
        return None
