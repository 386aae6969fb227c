"""Builds by the nix program: the arguments of nix, and how its end is read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from nanna_ci.foundation.errors import CommandFailed, CommandTimedOut, MalformedData
from nanna_ci.store.build_log import BuildLog
from nanna_ci.store.build_result import BuildOutcome
from nanna_ci.store.internal_json import Event, Stop
from nanna_ci.store.nix import BUILD_TIMEOUT_S, Nix
from nanna_ci.store.store_path import StorePath, parse_store_path
from support.fake_ports import FakeRun

BASE = ("nix", "--extra-experimental-features", "nix-command flakes")
SRI = "sha256-LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ="
A = parse_store_path("/nix/store/lcnawycjx8z1ic3spfdbvcw7phncnjhq-a.drv")
B = parse_store_path("/nix/store/yipiawg8bm9bk5lhrplidv8pbrqavi11-b.drv")
OUT_A = parse_store_path("/nix/store/j8g3q3y9l5crb02nkvd2pjagh6bli3gw-a")
OUT_B = parse_store_path("/nix/store/g69fszdfryhc5rwaf9sxh4msyna32d8z-b")


@pytest.fixture
def run() -> FakeRun:
    """Programs by script, with a nix that knows A and B."""
    fake = FakeRun()
    fake.script(*BASE, "--version", stdout=b"nix (Nix) 2.26.3\n")
    fake.script(*BASE, "derivation", stdout=shown((A, OUT_A), (B, OUT_B)))
    return fake


def nix_with(run: FakeRun) -> Nix:
    return Nix(run, environ={})


def info(path: StorePath) -> dict[str, Any]:
    return {str(path): {"narHash": SRI, "narSize": 1, "references": []}}


def shown(*pairs: tuple[StorePath, StorePath]) -> bytes:
    derivations = {
        str(path): {
            "builder": "/bin/sh",
            "inputDrvs": {},
            "inputSrcs": [],
            "outputs": {"out": {"path": str(out)}},
            "system": "x86_64-linux",
        }
        for path, out in pairs
    }
    return json.dumps(derivations).encode()


def lines(*events: dict[str, Any]) -> bytes:
    return b"".join(b"@nix " + json.dumps(event).encode() + b"\n" for event in events)


BUILD_A = {"action": "start", "id": 5, "text": "", "type": 105, "fields": [str(A), "", 1, 1]}
STOP = {"action": "stop", "id": 5}
ERROR_B = {"action": "msg", "level": 0, "msg": f"error: builder for '{B}' failed with exit code 1"}


def test_a_build_requests_events_without_a_link_and_keeps_going_if_requested(run: FakeRun, tmp_path: Path) -> None:
    run.script(*BASE, "build")
    nix = nix_with(run)
    base = ("build", "--log-format", "internal-json", "-v", "-v", "-v")
    nix.build([str(A)], keep_going=True)
    assert run.calls[-1].argv == (*BASE, *base, "--keep-going", "--no-link", f"{A}^*")
    assert run.calls[-1].options["timeout_s"] == BUILD_TIMEOUT_S
    nix.build([f"{A}^out"], keep_going=False, out_link=tmp_path / "result", timeout_s=60)
    assert run.calls[-1].argv == (*BASE, *base, "--out-link", str(tmp_path / "result"), f"{A}^out")
    assert run.calls[-1].options["timeout_s"] == 60


def test_a_build_that_succeeds_has_a_result_for_each_installable_in_order(run: FakeRun) -> None:
    run.script(*BASE, "build", stderr=b"warning: plain output\n" + lines(BUILD_A, STOP))
    result = nix_with(run).build([f"{B}^*", f"{A}^*"], keep_going=True)
    assert result.success
    assert [one.state for one in result.results] == [BuildOutcome.PRESENT, BuildOutcome.BUILT]
    assert [one.installable for one in result.results] == [f"{B}^*", f"{A}^*"]
    assert [one.outputs for one in result.results] == [{"out": OUT_B}, {"out": OUT_A}]
    assert result.log.notes == ("warning: plain output",)


def test_a_failed_build_is_a_result_and_the_store_tells_what_the_others_are(run: FakeRun) -> None:
    run.script(*BASE, "build", returncode=1, stderr=lines(BUILD_A, STOP, ERROR_B))
    run.script(*BASE, "path-info", stdout=json.dumps(info(OUT_A) | {str(OUT_B): None}).encode())
    result = nix_with(run).build([str(A), str(B)], keep_going=True)
    assert not result.success
    assert [one.state for one in result.results] == [BuildOutcome.BUILT, BuildOutcome.FAILED]


@pytest.mark.parametrize("returncode", [1, 100, -9, 255])
def test_a_nix_that_fails_without_a_failing_derivation_is_an_error_with_what_it_said(
    run: FakeRun, returncode: int
) -> None:
    said = lines({"action": "msg", "level": 0, "msg": "error: cannot connect to the daemon"})
    run.script(*BASE, "build", returncode=returncode, stderr=b"talk\n" + said)
    run.script(*BASE, "path-info", stdout=json.dumps({str(OUT_A): None}).encode())
    with pytest.raises(CommandFailed) as caught:
        nix_with(run).build([str(A)], keep_going=True)
    assert caught.value.returncode == returncode
    assert caught.value.stderr_tail == "talk\nerror: cannot connect to the daemon"


def test_a_nix_that_is_killed_after_some_builds_still_gives_their_results(run: FakeRun) -> None:
    run.script(*BASE, "build", returncode=-9, stderr=lines(BUILD_A, STOP))
    run.script(*BASE, "path-info", stdout=json.dumps(info(OUT_A) | {str(OUT_B): None}).encode())
    result = nix_with(run).build([str(A), str(B)], keep_going=True)
    assert [one.state for one in result.results] == [BuildOutcome.BUILT, BuildOutcome.UNKNOWN]


def test_a_build_that_times_out_reports_what_nix_said_and_not_its_events(run: FakeRun) -> None:
    run.script(*BASE, "build", error=CommandTimedOut(["nix"], 5, "@nix {}"))
    with pytest.raises(CommandTimedOut) as caught:
        nix_with(run).build([str(A)], keep_going=True, timeout_s=5)
    assert (caught.value.timeout_s, caught.value.stderr_tail) == (5, "")


def test_each_event_is_handed_on_once_the_log_has_it(run: FakeRun) -> None:
    run.script(*BASE, "build", stderr=lines(BUILD_A) + b"talk\n@nix {broken\n" + lines(STOP))
    seen: list[tuple[Event, float | None]] = []

    def on_event(log: BuildLog, event: Event) -> None:
        heard = log.derivation(A)
        seen.append((event, None if heard is None else heard.ended_s))

    nix_with(run).build([str(A)], keep_going=True, on_event=on_event)
    assert len(seen) == 2
    assert seen[0][1] is None
    assert seen[1][0] == Stop(5)
    assert seen[1][1] is not None


def test_an_installable_that_is_not_a_derivation_never_reaches_nix(run: FakeRun) -> None:
    with pytest.raises(MalformedData):
        nix_with(run).build([".#a"], keep_going=True)
    assert run.calls == []


def test_an_output_that_the_derivation_lacks_is_refused_before_the_build(run: FakeRun) -> None:
    with pytest.raises(MalformedData, match="has no output 'doc'"):
        nix_with(run).build([f"{A}^doc"], keep_going=True)
    assert [call.argv[len(BASE)] for call in run.calls] == ["derivation"]
