"""What is checked of an image, and what the answers make of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from nanna_ci.containers.testing.checks import (
    Check,
    CheckKind,
    CheckResult,
    Companion,
    FailureCause,
    ImageFacts,
    ImageResult,
    ImageUnderTest,
    Service,
    Status,
    find_blocker,
    model_words,
    plan_checks,
    skip,
)
from nanna_ci.foundation.verdict import Verdict

SUBJECT = ImageUnderTest(
    name="server",
    layout=Path("/x"),
    service=Service(1, "/health", 1),
    probe_paths=("/a", "/b"),
    probe_commands=("x --version",),
    models=("m:1", "m:2"),
)
CLIENT = Companion("client", SUBJECT)


def test_the_order_of_a_test():
    assert [check.title for check in plan_checks(SUBJECT, [CLIENT])] == [
        "load",
        "start",
        "health /health",
        "confined",
        "path /a",
        "path /b",
        "command x --version",
        "model m:1",
        "completion m:1",
        "model m:2",
        "completion m:2",
        "together client m:1",
        "together client m:2",
        "steady /health",
        "stop",
        "restart",
        "removed",
    ]


PROGRAM = ImageUnderTest("tool", Path("/x"), None, probe_commands=("tool --help", "tool list"))


def test_a_program_has_no_health_and_is_not_stopped_or_started_again():
    assert [check.title for check in plan_checks(PROGRAM, [CLIENT])] == [
        "load",
        "command tool --help",
        "command tool list",
        "confined",
        "removed",
    ]


def test_a_program_that_was_not_loaded_is_not_tested():
    failed = result(CheckKind.LOAD, Status.FAILED)
    for kind in (CheckKind.COMMAND, CheckKind.CONFINED):
        assert find_blocker(Check(kind), [failed]) is failed
        assert find_blocker(Check(kind), [result(CheckKind.LOAD, Status.PASSED)]) is None


def test_a_command_that_failed_does_not_stop_the_next_one():
    answers = [result(CheckKind.LOAD, Status.PASSED), result(CheckKind.COMMAND, Status.FAILED)]
    assert find_blocker(Check(CheckKind.COMMAND), answers) is None
    assert find_blocker(Check(CheckKind.CONFINED), answers) is None


def result(kind: CheckKind, status: Status, reason: str = "because") -> CheckResult:
    cause = FailureCause.EXITED if status is Status.FAILED else None
    return CheckResult(Check(kind), status, 1.0, cause, None if status is Status.PASSED else reason)


def image(*results: CheckResult) -> ImageResult:
    return ImageResult("x", results, ImageFacts(), 1.0)


def test_what_was_not_reached_is_skipped_and_names_why():
    failed = result(CheckKind.HEALTH, Status.FAILED)
    blocker = find_blocker(Check(CheckKind.STOP), [result(CheckKind.START, Status.PASSED), failed])
    assert blocker is failed
    assert skip(Check(CheckKind.STOP), failed).reason == "not reached: health did not pass"


def test_a_failed_question_does_not_stop_the_others():
    failed = result(CheckKind.PATH, Status.FAILED)
    for kind in (CheckKind.COMMAND, CheckKind.COMPLETION, CheckKind.STOP, CheckKind.REMOVED):
        assert find_blocker(Check(kind), [result(CheckKind.HEALTH, Status.PASSED), failed]) is None


def test_an_image_passes_where_every_check_did():
    assert image(result(CheckKind.LOAD, Status.PASSED)).verdict is Verdict.PASS
    assert image(result(CheckKind.LOAD, Status.PASSED)).reason is None


@pytest.mark.parametrize("other", [Status.FAILED, Status.SKIPPED])
def test_a_failure_or_a_skip_is_never_green(other):
    assert image(result(CheckKind.LOAD, Status.PASSED), result(CheckKind.STOP, other)).verdict is Verdict.FAIL


def test_a_failure_outranks_what_is_unavailable_in_verdict_and_reason():
    absent = result(CheckKind.TOGETHER, Status.UNAVAILABLE, "no harness")
    failed = result(CheckKind.STOP, Status.FAILED, "it did not stop")
    assert (image(absent).verdict, image(absent).reason) == (Verdict.UNAVAILABLE, "no harness")
    assert (image(absent, failed).verdict, image(absent, failed).reason) == (Verdict.FAIL, "it did not stop")


def test_nothing_checked_is_not_a_pass():
    assert image().verdict is Verdict.UNAVAILABLE


def test_a_result_without_its_reason_is_refused():
    with pytest.raises(ValueError, match="failed with cause None"):
        CheckResult(Check(CheckKind.LOAD), Status.FAILED, 0, None, "x")
    with pytest.raises(ValueError, match="skipped without a reason"):
        CheckResult(Check(CheckKind.LOAD), Status.SKIPPED, 0)
    with pytest.raises(ValueError, match="passed with cause"):
        CheckResult(Check(CheckKind.LOAD), Status.PASSED, 0, FailureCause.EXITED)


def test_a_model_command_gets_the_servers_address_and_model_as_whole_words():
    words = model_words("harness ask --model-url {url} --model={model} Hi", "http://server:1", "m:1")
    assert words == ("harness", "ask", "--model-url", "http://server:1", "--model=m:1", "Hi")
