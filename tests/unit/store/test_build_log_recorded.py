"""What a build log makes of recorded builds that ended in every way."""

from __future__ import annotations

from pathlib import Path

import pytest

from nanna_ci.store.build_log import BuildLog
from nanna_ci.store.build_state import BuildState, DerivationLog
from nanna_ci.store.store_path import StorePath, parse_store_path


class Clock:
    """Seconds that pass on request."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


def recorded(samples: Path, name: str, outputs: dict[StorePath, StorePath] | None = None) -> BuildLog:
    log = BuildLog(clock=Clock(), outputs=outputs)
    for one in (samples / "internal-json" / name).read_bytes().splitlines():
        log.feed(one)
    return log


def by_name(log: BuildLog) -> dict[str, DerivationLog]:
    return {one.derivation.name: one for one in log.derivations()}


def states(log: BuildLog) -> dict[str, BuildState]:
    return {name: one.state for name, one in by_name(log).items()}


def test_a_build_and_its_dependency_are_built_with_logs_and_phase(samples: Path) -> None:
    log = recorded(samples, "success.log")
    assert states(log) == {"good.drv": BuildState.BUILT, "top.drv": BuildState.BUILT}
    good = by_name(log)["good.drv"]
    assert good.log_tail == ("first line", "second line on stderr")
    assert (good.phase, good.machine, good.reason) == ("checkPhase", None, None)
    assert (log.counters().built, log.counters().builds_failed) == (2, 0)
    assert (log.errors, log.notes) == ((), ())


def test_nothing_is_heard_of_what_is_there_already(samples: Path) -> None:
    assert recorded(samples, "present.log").derivations() == ()


FAILURES = {
    "bad.drv": BuildState.FAILED,
    "above.drv": BuildState.DEPENDENCY_FAILED,
    "above2.drv": BuildState.DEPENDENCY_FAILED,
    "mismatch.drv": BuildState.FAILED,
    "abovehash.drv": BuildState.DEPENDENCY_FAILED,
    "noout.drv": BuildState.FAILED,
    "killed.drv": BuildState.FAILED,
}


@pytest.mark.parametrize("name", ["keep-going.log", "keep-going-quiet.log"])
def test_every_failure_is_distinguished_from_a_failed_dependency(name: str, samples: Path) -> None:
    log = recorded(samples, name)
    assert states(log) == FAILURES
    reasons = {name: one.reason or "" for name, one in by_name(log).items()}
    assert reasons["bad.drv"].endswith("failed with exit code 7")
    assert "got:    sha256-LXEWQrcmsEQBYnyp+6wy9chTD7GQPMTbAiWHF5IaSIE=" in reasons["mismatch.drv"]
    assert "failed to produce output path" in reasons["noout.drv"]
    assert "1 dependencies" in reasons["above2.drv"]
    assert by_name(log)["bad.drv"].log_tail == ("about to fail", "test x ... FAILED red")


def test_the_first_failure_ends_what_needs_it(samples: Path) -> None:
    log = recorded(samples, "stop-at-first.log")
    assert states(log) == {
        "bad.drv": BuildState.FAILED,
        "above.drv": BuildState.DEPENDENCY_FAILED,
        "above2.drv": BuildState.DEPENDENCY_FAILED,
    }


@pytest.mark.parametrize(
    ("name", "derivation", "reason"),
    [
        ("timed-out.log", "slow.drv", "timed out after 1 seconds"),
        ("wrong-system.log", "badsys.drv", "'riscv64-linux' with features {} is required to build"),
        ("missing-derivation.log", "gone.drv", "cannot build missing derivation"),
    ],
)
def test_failures_without_a_failing_builder_have_their_reason(
    name: str, derivation: str, reason: str, samples: Path
) -> None:
    log = recorded(samples, name)
    assert states(log) == {derivation: BuildState.FAILED}
    assert reason in (by_name(log)[derivation].reason or "")


def test_a_missing_attribute_is_not_a_failed_build_of_any_job(samples: Path) -> None:
    log = recorded(samples, "missing-attribute.log")
    assert log.derivations() == ()
    assert log.errors == ("error: attribute 'nothere' in selection path 'nothere' not found",)


@pytest.mark.parametrize("name", ["parallel.log", "parallel-quiet.log"])
def test_builds_side_by_side_each_have_their_own_end(name: str, samples: Path) -> None:
    log = recorded(samples, name)
    assert states(log) == {
        "a.drv": BuildState.BUILT,
        "b.drv": BuildState.FAILED,
        "c.drv": BuildState.BUILT,
        "d.drv": BuildState.FAILED,
        "dep.drv": BuildState.BUILT,
    }
    assert {one: log.log_tail for one, log in by_name(log).items()}["b.drv"] == ("log of b",)


def test_what_was_requested_ends_with_its_builder_and_not_with_nix(samples: Path) -> None:
    """In parallel.log the activities of a, b, c and d all stop after the last of them ended."""
    clock = Clock()
    log = BuildLog(clock=clock)
    ended: dict[str, int] = {}
    for number, one in enumerate((samples / "internal-json/parallel.log").read_bytes().splitlines(), start=1):
        clock.seconds = float(number)
        log.feed(one)
        for heard in log.derivations():
            if heard.state in (BuildState.BUILT, BuildState.FAILED):
                ended.setdefault(f"{heard.derivation.name} {heard.state.value}", number)
    assert list(ended) == ["dep.drv built", "b.drv failed", "a.drv built", "c.drv built", "d.drv failed"]
    first_stop_of_four = 113
    assert [number < first_stop_of_four for number in ended.values()] == [True] * 5
    lines_of_its_own = {"dep.drv": 68 - 61, "b.drv": 85 - 37}
    assert {name: by_name(log)[name].seconds for name in lines_of_its_own} == lines_of_its_own


def test_a_substituted_output_counts_for_its_derivation(samples: Path) -> None:
    top = parse_store_path("/nix/store/j8g3q3y9l5crb02nkvd2pjagh6bli3gw-top")
    derivation = parse_store_path("/nix/store/cda6mpwpiv703ibips4vapbdccjcdsjs-top.drv")
    log = recorded(samples, "substituted.log", {top: derivation})
    assert states(log) == {"top.drv": BuildState.SUBSTITUTED}
    assert (log.counters().substituted, log.counters().built) == (2, 0)


def test_a_substitution_that_failed_is_a_failure(samples: Path) -> None:
    top = parse_store_path("/nix/store/j8g3q3y9l5crb02nkvd2pjagh6bli3gw-top")
    derivation = parse_store_path("/nix/store/cda6mpwpiv703ibips4vapbdccjcdsjs-top.drv")
    log = recorded(samples, "substitute-corrupt.log", {top: derivation})
    assert states(log) == {"top.drv": BuildState.FAILED}
    assert log.counters().substitutions_failed == 1


def test_what_came_over_the_network_is_counted_to_the_byte(samples: Path) -> None:
    assert recorded(samples, "downloaded.log").counters().downloaded_bytes == 21 + 379 + 300184
