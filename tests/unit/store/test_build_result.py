"""What becomes of a derivation that was requested, from log, exit code and store together."""

from __future__ import annotations

import json
from typing import Any

import pytest

from nanna_ci.foundation.errors import MalformedData
from nanna_ci.store.build_log import BuildLog
from nanna_ci.store.build_result import (
    BuildOutcome,
    DerivationResult,
    DerivationTarget,
    judge,
    parse_target,
    wanted_outputs,
)
from nanna_ci.store.derivation import Derivation, Output
from nanna_ci.store.store_path import StorePath, parse_store_path

A = parse_store_path("/nix/store/lcnawycjx8z1ic3spfdbvcw7phncnjhq-a.drv")
OUT = parse_store_path("/nix/store/j8g3q3y9l5crb02nkvd2pjagh6bli3gw-a")
DEV = parse_store_path("/nix/store/g69fszdfryhc5rwaf9sxh4msyna32d8z-a-dev")
BEGIN = {"action": "start", "id": 5, "text": "", "type": 105, "fields": [str(A), "", 1, 1]}
SUBSTITUTE = {"action": "start", "id": 5, "text": "", "type": 108, "fields": [str(OUT), "https://cache.example"]}
STOP = {"action": "stop", "id": 5}


def error(text: str) -> dict[str, Any]:
    return {"action": "msg", "level": 0, "msg": text}


def log_of(*events: dict[str, Any], success: bool) -> BuildLog:
    log = BuildLog(outputs={OUT: A})
    for event in events:
        log.feed(b"@nix " + json.dumps(event).encode())
    log.close(success=success)
    return log


def succeeded(*events: dict[str, Any]) -> DerivationResult:
    return judge(str(A), DerivationTarget(A, None), {"out": OUT}, log_of(*events, success=True), None)


def failed(*events: dict[str, Any], valid: set[StorePath] | None = None) -> DerivationResult:
    return judge(str(A), DerivationTarget(A, None), {"out": OUT}, log_of(*events, success=False), valid or set())


def test_if_nix_succeeded_the_log_tells_how_it_came() -> None:
    assert succeeded().state is BuildOutcome.PRESENT
    assert succeeded(BEGIN, STOP).state is BuildOutcome.BUILT
    assert succeeded(SUBSTITUTE, STOP).state is BuildOutcome.SUBSTITUTED
    assert succeeded(SUBSTITUTE, STOP, BEGIN, STOP).state is BuildOutcome.BUILT


def test_if_nix_succeeded_an_error_on_the_way_is_not_a_failure() -> None:
    result = succeeded(BEGIN, error(f"error: builder for '{A}' failed"))
    assert (result.state, result.reason) == (BuildOutcome.BUILT, None)
    assert succeeded(error(f"error: builder for '{A}' failed")).state is BuildOutcome.PRESENT


def test_if_nix_failed_a_derivation_is_there_only_if_its_outputs_are() -> None:
    """It may have lost its store, its daemon or its life between the log line and the registration."""
    for events in ((), (BEGIN, STOP), (SUBSTITUTE, STOP)):
        assert failed(*events).state is BuildOutcome.UNKNOWN
    assert failed(valid={OUT}).state is BuildOutcome.PRESENT
    assert failed(BEGIN, STOP, valid={OUT}).state is BuildOutcome.BUILT
    assert failed(SUBSTITUTE, STOP, valid={OUT}).state is BuildOutcome.SUBSTITUTED


def test_if_nix_failed_every_output_must_be_there() -> None:
    outputs = {"out": OUT, "dev": DEV}
    assert judge(str(A), DerivationTarget(A, None), outputs, log_of(success=False), {OUT}).state is BuildOutcome.UNKNOWN
    assert (
        judge(str(A), DerivationTarget(A, None), outputs, log_of(success=False), {OUT, DEV}).state
        is BuildOutcome.PRESENT
    )


def test_an_output_whose_path_is_not_known_is_never_taken_for_there() -> None:
    result = judge(str(A), DerivationTarget(A, None), {"out": None}, log_of(BEGIN, STOP, success=False), {OUT})
    assert result.state is BuildOutcome.UNKNOWN


def test_a_failure_has_its_reason_and_its_log() -> None:
    line = {"action": "result", "id": 5, "type": 101, "fields": ["test x ... FAILED"]}
    result = failed(BEGIN, line, error(f"error: builder for '{A}' failed with exit code 1"), STOP)
    assert result.state is BuildOutcome.FAILED
    assert result.reason == f"builder for '{A}' failed with exit code 1"
    assert result.log_tail == ("test x ... FAILED",)
    assert result.seconds is not None


def test_a_failed_dependency_ran_for_no_time_at_all() -> None:
    result = failed(error(f"error: 1 dependencies of derivation '{A}' failed to build"))
    assert (result.state, result.seconds) == (BuildOutcome.DEPENDENCY_FAILED, None)


def test_what_was_never_begun_is_unknown_for_the_last_error() -> None:
    assert failed(error("error: first"), error("error: no space left")).reason == "error: no space left"
    assert failed().reason == "nix does not say why"


def test_only_the_first_three_outcomes_are_there() -> None:
    assert [outcome.name for outcome in BuildOutcome if outcome.there] == ["BUILT", "SUBSTITUTED", "PRESENT"]


@pytest.mark.parametrize(
    ("text", "outputs", "installable"),
    [
        (f"{A}", None, f"{A}^*"),
        (f"{A}^*", None, f"{A}^*"),
        (f"{A}^out", ("out",), f"{A}^out"),
        (f"{A}^out,dev", ("out", "dev"), f"{A}^out,dev"),
    ],
)
def test_an_installable_names_a_derivation_and_outputs(
    text: str, outputs: tuple[str, ...] | None, installable: str
) -> None:
    target = parse_target(text)
    assert target == DerivationTarget(A, outputs)
    assert target.installable == installable


@pytest.mark.parametrize("text", ["", ".#a", "nixpkgs#a", "--help", str(OUT), f"{A}^", f"{A}^out,", f"{A}^,out"])
def test_any_other_installable_is_refused(text: str) -> None:
    with pytest.raises(MalformedData, match=r"^installable: "):
        parse_target(text)


def test_only_the_outputs_requested_are_looked_at_and_each_must_exist() -> None:
    outputs = {"out": Output(OUT, False), "dev": Output(DEV, False)}
    derivation = Derivation(A, "a", "x86_64-linux", "/bin/sh", (), {}, outputs, {}, ())
    assert wanted_outputs(DerivationTarget(A, None), derivation) == {"out": OUT, "dev": DEV}
    assert wanted_outputs(DerivationTarget(A, ("dev",)), derivation) == {"dev": DEV}
    with pytest.raises(MalformedData, match="has no output 'doc'"):
        wanted_outputs(DerivationTarget(A, ("out", "doc")), derivation)
