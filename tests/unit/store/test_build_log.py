"""What a build log makes of builds that are still running, of ends in any order, and of lines that are not events."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from nanna_ci.store.build_log import BuildLog
from nanna_ci.store.build_state import LOG_LINES, BuildState
from nanna_ci.store.store_path import StorePath, parse_store_path

A = parse_store_path("/nix/store/lcnawycjx8z1ic3spfdbvcw7phncnjhq-a.drv")
B = parse_store_path("/nix/store/yipiawg8bm9bk5lhrplidv8pbrqavi11-b.drv")
BUILDS = 1  # the id of the activity with the counters, in the lines made below


class Clock:
    """Seconds that pass on request."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


def line(action: str, **event: Any) -> bytes:
    return b"@nix " + json.dumps({"action": action, **event}).encode()


def begin_build(path: StorePath, identity: int, machine: str = "") -> bytes:
    return line("start", id=identity, level=3, parent=0, text="", type=105, fields=[str(path), machine, 1, 1])


def counted(done: int, failed: int = 0) -> bytes:
    return line("result", id=BUILDS, type=105, fields=[done, 9, 0, failed])


def say(text: str, level: int = 0) -> bytes:
    return line("msg", level=level, msg=text)


def log_line(identity: int, text: str) -> bytes:
    return line("result", id=identity, type=101, fields=[text])


def fed(*lines: bytes, clock: Clock | None = None, outputs: dict[StorePath, StorePath] | None = None) -> BuildLog:
    log = BuildLog(clock=clock or Clock(), outputs=outputs)
    feed(log, [line("start", id=BUILDS, text="", type=104), *lines])
    return log


def feed(log: BuildLog, lines: Iterable[bytes]) -> None:
    for one in lines:
        log.feed(one)


def states(log: BuildLog) -> dict[str, BuildState]:
    return {one.derivation.name: one.state for one in log.derivations()}


def test_a_running_build_has_a_start_and_no_end() -> None:
    clock = Clock()
    log = fed(begin_build(A, 5, "ssh://builder"), clock=clock)
    clock.seconds = 130.0
    running = log.derivation(A)
    assert running is not None
    assert (running.state, running.started_s, running.ended_s, running.seconds) == (
        BuildState.BUILDING,
        100.0,
        None,
        None,
    )
    assert running.machine == "ssh://builder"
    assert log.derivation(B) is None


def test_a_build_that_stops_is_not_called_built_before_nix_says_so() -> None:
    log = fed(begin_build(A, 5), line("stop", id=5))
    assert states(log) == {"a.drv": BuildState.BUILDING}
    log.close(success=False)
    assert states(log) == {"a.drv": BuildState.BUILDING}
    log.close(success=True)
    assert states(log) == {"a.drv": BuildState.BUILT}


def test_a_substitution_that_stops_is_not_called_done_before_nix_says_so() -> None:
    output = parse_store_path("/nix/store/j8g3q3y9l5crb02nkvd2pjagh6bli3gw-out")
    substitution = line("start", id=5, text="", type=108, fields=[str(output), "https://cache.example"])
    log = fed(substitution, line("stop", id=5), outputs={output: A})
    assert states(log) == {"a.drv": BuildState.SUBSTITUTING}
    log.close(success=True)
    assert states(log) == {"a.drv": BuildState.SUBSTITUTED}


def test_a_success_and_a_failure_at_once_stay_open_until_an_error_names_one() -> None:
    log = fed(begin_build(A, 5), begin_build(B, 6), counted(1, 1), line("stop", id=5), line("stop", id=6))
    assert set(states(log).values()) == {BuildState.BUILDING}
    log.feed(say(f"error: builder for '{B}' failed with exit code 1"))
    assert states(log) == {"a.drv": BuildState.BUILT, "b.drv": BuildState.FAILED}


def test_a_build_that_nix_counts_twice_does_not_make_the_next_one_a_success() -> None:
    finished = [say(f"builder process for '{path}' finished", 6) for path in (A, B)]
    log = fed(begin_build(A, 5), begin_build(B, 6), finished[0], counted(1), counted(2))
    assert states(log) == {"a.drv": BuildState.BUILT, "b.drv": BuildState.BUILDING}
    feed(log, [finished[1], line("stop", id=6)])
    assert states(log)["b.drv"] is BuildState.BUILDING
    log.feed(counted(2, 1))
    assert states(log)["b.drv"] is BuildState.FAILED


def test_a_build_may_follow_a_substitution_that_failed() -> None:
    output = parse_store_path("/nix/store/j8g3q3y9l5crb02nkvd2pjagh6bli3gw-out")
    substitution = line("start", id=5, text="", type=108, fields=[str(output), "https://cache.example"])
    heard = fed(substitution, line("stop", id=5), begin_build(A, 6), outputs={output: A}).derivation(A)
    assert heard is not None
    assert (heard.state, heard.ended_s) == (BuildState.BUILDING, None)


def test_the_first_reason_stays() -> None:
    log = fed(
        say(f"error: builder for '{A}' failed with exit code 1"), say(f"error: 1 dependencies of derivation '{A}' f")
    )
    failed = log.derivation(A)
    assert failed is not None
    assert (failed.state, failed.seconds) == (BuildState.FAILED, None)
    assert failed.reason == f"builder for '{A}' failed with exit code 1"


def test_a_warning_that_names_a_derivation_is_not_a_failure() -> None:
    log = fed(say(f"warning: ignoring substitute for '{A}'", 1))
    assert (log.derivations(), log.warnings) == ((), (f"warning: ignoring substitute for '{A}'",))


def test_the_last_lines_of_a_log_are_kept_bounded_and_plain() -> None:
    lines = [log_line(5, f"\x1b[31m{number}\x1b[0m " + "x" * 10_000) for number in range(LOG_LINES + 50)]
    heard = fed(begin_build(A, 5), *lines).derivation(A)
    assert heard is not None
    assert len(heard.log_tail) == LOG_LINES
    assert heard.log_tail[0].startswith("50 xxx")
    assert max(map(len, heard.log_tail)) == 4096


def test_the_lines_of_a_post_build_hook_belong_to_its_derivation() -> None:
    hook = line("start", id=7, text="", type=110, fields=[str(A)])
    log = fed(begin_build(A, 5), hook, line("result", id=7, type=107, fields=["pushed"]), line("stop", id=7))
    heard = log.derivation(A)
    assert heard is not None
    assert (heard.log_tail, heard.state, heard.ended_s) == (("pushed",), BuildState.BUILDING, None)


def test_talk_and_broken_events_are_kept_as_talk_bounded_with_invalid_bytes_replaced() -> None:
    log = fed(b"warning: Git tree is dirty", b"@nix {broken", b"\xff\xfe \x1b[1mbold", b"y" * 100_000)
    assert log.notes[:3] == ("warning: Git tree is dirty", "@nix {broken", "\ufffd\ufffd bold")
    assert len(log.notes[3]) == 4096
    feed(log, [b"z"] * 1000)
    assert log.notes == ("z",) * 200


def test_counters_add_up_over_activities_and_survive_nonsense() -> None:
    second = line("start", id=2, text="", type=104)
    log = fed(counted(3), second, line("result", id=2, type=105, fields=[2, 5, 0, 0]), line("stop", id=2), counted(4))
    nonsense = [
        line("result", id=BUILDS, type=105, fields=[]),
        line("result", id=BUILDS, type=105, fields=["4", 9, 0, 0]),
        line("result", id=999, type=105, fields=[1, 1, 1, 1]),
        line("result", id=BUILDS, type=101, fields=["a line without a build"]),
        line("stop", id=999),
        line("start", id=3, text="", type=105, fields=["no path"]),
        line("start", id=4, text="", type=105),
    ]
    feed(log, nonsense)
    assert (log.counters().built, log.counters().builds_expected) == (6, 14)
    assert log.derivations() == ()


def test_counters_of_any_size_are_taken_without_delay() -> None:
    log = fed(begin_build(A, 5), counted(10**30, 10**30), line("stop", id=5), counted(0, 0))
    assert states(log) == {"a.drv": BuildState.BUILDING}
