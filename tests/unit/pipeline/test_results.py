"""result.json, and what results make of a run."""

from __future__ import annotations

import json
from typing import Any

import pytest

from nanna_ci.foundation.errors import MalformedData
from nanna_ci.foundation.verdict import Verdict
from nanna_ci.pipeline.results import (
    JobResult,
    JobState,
    decide_verdict,
    parse_result,
    render_result,
    unavailable,
    verdict_line,
)

PASSED = JobResult("unit", Verdict.PASS, 1.5, JobState.BUILT)
FAILED = JobResult("clippy", Verdict.FAIL, 2.0, reason="the build failed with exit code 101")
ABSENT = unavailable("audit", "no cargo-audit")


@pytest.mark.parametrize(
    ("results", "verdict", "strict_verdict"),
    [
        ([PASSED], Verdict.PASS, Verdict.PASS),
        ([PASSED, ABSENT], Verdict.PASS, Verdict.FAIL),
        ([PASSED, FAILED, ABSENT], Verdict.FAIL, Verdict.FAIL),
        ([ABSENT], Verdict.UNAVAILABLE, Verdict.FAIL),
        ([], Verdict.UNAVAILABLE, Verdict.FAIL),
    ],
)
def test_a_run_passes_only_if_something_passed_and_nothing_failed(
    results: list[JobResult], verdict: Verdict, strict_verdict: Verdict
) -> None:
    assert decide_verdict(results, strict=False) is verdict
    assert decide_verdict(results, strict=True) is strict_verdict


def test_the_verdict_line_names_failures_and_counts_reasons() -> None:
    absent = [unavailable(f"unit-{number}", "needs macOS") for number in range(3)]
    assert verdict_line([PASSED, FAILED, ABSENT, *absent], strict=False) == (
        "fail: 1 failed (clippy), 1 passed, 4 unavailable (3: needs macOS; 1: no cargo-audit)"
    )
    assert verdict_line([ABSENT], strict=False) == "unavailable: nothing ran, 1 unavailable (1: no cargo-audit)"
    assert verdict_line([PASSED, ABSENT], strict=True) == (
        "fail: 1 passed, 1 unavailable (1: no cargo-audit), and --strict counts unavailable as failure"
    )


def test_rare_reasons_are_summed_so_that_the_line_stays_one_line() -> None:
    absent = [unavailable(f"job-{number}", f"reason {number}") for number in range(6)]
    assert verdict_line([PASSED, *absent], strict=False).endswith(
        "6 unavailable (1: reason 0; 1: reason 1; 1: reason 2; 3: other reasons)"
    )


@pytest.mark.parametrize(
    "arguments",
    [
        {"verdict": Verdict.PASS},  # green without anything that was done
        {"verdict": Verdict.FAIL},
        {"verdict": Verdict.UNAVAILABLE, "reason": ""},
        {"verdict": Verdict.PASS, "state": JobState.RAN, "seconds": float("nan")},
        {"verdict": Verdict.PASS, "state": JobState.RAN, "seconds": -1.0},
    ],
)
def test_a_result_that_would_lie_cannot_be_made(arguments: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="unit"):
        JobResult("unit", **arguments)


def body(**changes: Any) -> bytes:
    plain = json.loads(render_result(FAILED))
    return json.dumps({key: value for key, value in {**plain, **changes}.items() if value != "absent"}).encode()


@pytest.mark.parametrize(
    "changes",
    [
        {"schemaVersion": 2},
        {"schemaVersion": "absent"},
        {"id": 7},
        {"verdict": "green"},
        {"verdict": "pass"},  # without a state
        {"seconds": True},
        {"seconds": "1"},
        {"seconds": -3},
        {"state": "imagined"},
        {"reason": None},
        {"evidence": []},
        {"failingTests": ["a", 1]},
        {"logTail": "text"},
        {"reproduce": "absent"},
    ],
)
def test_a_file_that_no_result_renders_to_is_refused(changes: dict[str, Any]) -> None:
    assert parse_result(body(), "result.json") == FAILED
    with pytest.raises(MalformedData, match=r"result\.json"):
        parse_result(body(**changes), "result.json")


@pytest.mark.parametrize("data", [b"", b"[]", b"{", b'{"schemaVersion": NaN}', b"\xff", b"[" * 100_000])
def test_what_is_not_a_json_object_is_refused(data: bytes) -> None:
    with pytest.raises(MalformedData):
        parse_result(data, "result.json")
