"""An image's test on a stand-in engine: what is tried again, what is said of limits, what is kept."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace

import pytest

from nanna_ci.containers.engine.engine import Executed
from nanna_ci.containers.engine.engine_session import EngineSession
from nanna_ci.containers.engine.limits import Controllers, Force
from nanna_ci.containers.engine.procfs import ProcFs
from nanna_ci.containers.engine.run_lock import RunLocks
from nanna_ci.containers.engine.run_mark import RunMark
from nanna_ci.containers.testing.checks import (
    CheckKind,
    Companion,
    FailureCause,
    ImageResult,
    ImageUnderTest,
    Service,
    Status,
)
from nanna_ci.containers.testing.engine_run import run_checks
from nanna_ci.containers.testing.http_probe import HttpProbe
from nanna_ci.containers.testing.live_container import Bench
from nanna_ci.foundation.errors import Interrupted
from nanna_ci.foundation.verdict import Verdict
from support.fake_engine import FakeEngine
from support.fake_images import write_layout

MODEL = "m:1"


@dataclass
class World:
    """A stand-in engine, a clock that only sleeping moves, and what was kept."""

    engine: FakeEngine
    bench: Bench
    subject: ImageUnderTest
    kept: dict[str, bytes] = field(default_factory=dict)
    seconds: float = 0.0


@pytest.fixture
def world(tmp_path):
    layout = write_layout(tmp_path / "layout", {"bin/a": b"a"}, entrypoint=["/bin/a"])
    subject = ImageUnderTest("app", layout, Service(8080, "/health", 30.0))
    engine = FakeEngine()
    session = EngineSession(engine, RunMark("a" * 12, 1), RunLocks(tmp_path / "locks", "podman"))
    kernel = ProcFs(tmp_path / "no-proc", tmp_path / "no-cgroups")
    made = World(engine, None, subject)  # type: ignore[arg-type]

    def sleep(seconds: float) -> None:
        made.seconds += seconds

    http = HttpProbe()
    made.bench = Bench(session, http, Controllers(), kernel, lambda: made.seconds, sleep, made.kept.__setitem__)
    yield made
    http.close()
    for container in list(engine.containers):
        engine._end(container, 0)


def run(world: World, *companions: Companion, **changes) -> ImageResult:
    for name, value in changes.items():
        setattr(world.engine.behaviour, name, value)
    return run_checks(world.subject, companions, world.bench, "amd64")


def failures(result: ImageResult) -> list[tuple[CheckKind, FailureCause | None]]:
    return [(one.check.kind, one.cause) for one in result.checks if one.status is Status.FAILED]


def is_clean(engine: FakeEngine) -> bool:
    return not (engine.containers or engine.networks or engine.images)


def test_a_good_image(world):
    result = run(world)
    assert failures(result) == []
    assert [one.check.kind for one in result.checks][-3:] == [CheckKind.STOP, CheckKind.RESTART, CheckKind.REMOVED]
    assert result.facts.start_s == 0.0
    assert world.kept == {}
    assert is_clean(world.engine)


def test_a_port_that_was_taken_meanwhile_is_chosen_anew(world):
    busy = "listen tcp4 127.0.0.1:41313: bind: address already in use"
    result = run(world, start_errors=[busy, busy])
    assert failures(result) == []
    assert world.engine.calls.count("create") == 3
    assert is_clean(world.engine)


def test_a_port_that_is_always_taken_ends_after_three_tries(world):
    result = run(world, start_errors=["port is already allocated"] * 3)
    assert failures(result) == [(CheckKind.START, FailureCause.PORT_BUSY)]
    assert world.engine.calls.count("create") == 3
    assert is_clean(world.engine)


def test_limits_that_the_machine_refuses_are_left_out_and_said(world):
    refusal = "runc create failed: unable to apply cgroup configuration: permission denied"
    result = run(world, start_errors=[refusal])
    assert failures(result) == []
    assert [spec.limits.memory_bytes is None for spec in world.engine.specs] == [False, True]
    limits = {limit.name: (limit.force, limit.reason) for limit in result.facts.limits}
    assert limits["memory"] == (Force.REFUSED, refusal)
    assert limits["processes"] == (Force.REFUSED, refusal)
    assert is_clean(world.engine)


def test_an_engine_that_can_start_nothing_is_unavailable_and_not_the_images_fault(world):
    refusal = "unable to apply cgroup configuration: mkdir /sys/fs/cgroup/x: read-only file system"
    result = run(world, start_errors=[refusal] * 2)
    assert failures(result) == []
    assert result.verdict is Verdict.UNAVAILABLE
    assert result.reason == f"podman can start no container on this machine: {refusal}"
    assert is_clean(world.engine)


def test_only_a_refusal_about_limits_is_retried_without_them(world):
    result = run(world, start_errors=["exec: no such file or directory"])
    assert failures(result) == [(CheckKind.START, FailureCause.CANNOT_START)]
    assert world.engine.calls.count("create") == 1


def test_limits_and_confinement_that_cannot_be_read_are_not_called_held(world):
    result = run(world)
    assert {limit.force for limit in result.facts.limits if limit.name != "time"} == {Force.UNVERIFIED}
    (confined,) = [one for one in result.checks if one.check.kind is CheckKind.CONFINED]
    assert "cannot be read from here" in (confined.reason or "")


def test_never_healthy_waits_for_its_time_and_no_longer(world):
    result = run(world, answer=lambda _: (503, b""))
    assert failures(result) == [(CheckKind.HEALTH, FailureCause.NEVER_HEALTHY)]
    assert 30 <= world.seconds < 31
    assert is_clean(world.engine)


def test_a_failure_keeps_log_and_inspection(world):
    run(world, answer=lambda _: (503, b""), log="what it said\n")
    assert world.kept == {"app.log": b"what it said\n", "app-inspect.json": b"[]"}


def test_a_failure_of_a_healthy_image_keeps_them_too(world):
    run(world, stop_code=7, log="what it said\n")
    assert set(world.kept) == {"app.log", "app-inspect.json"}


def test_an_end_before_health_is_seen_at_once(world):
    result = run(world, ends_with=3, log="cannot open /x\n")
    assert failures(result) == [(CheckKind.HEALTH, FailureCause.EXITED)]
    assert world.seconds < 3
    assert is_clean(world.engine)


def test_a_root_that_it_would_write_to_is_found_by_a_second_try(world):
    result = run(world, ends_with=1, writable_helps=True, changes=("C /data", "A /data/state"))
    assert failures(result) == [(CheckKind.HEALTH, FailureCause.WRITES_ROOT)]
    assert "/data/state" in (result.reason or "")
    assert [spec.writable for spec in world.engine.specs] == [False, True]
    assert is_clean(world.engine)


def test_out_of_memory_needs_no_second_try(world):
    result = run(world, ends_with=137, out_of_memory=True)
    assert failures(result) == [(CheckKind.HEALTH, FailureCause.OUT_OF_MEMORY)]
    assert len(world.engine.specs) == 1


def test_who_ignores_sigterm_is_killed(world):
    result = run(world, stop_code=None)
    assert failures(result) == [(CheckKind.STOP, FailureCause.IGNORES_TERM)]
    assert [call for call in world.engine.calls if call.startswith("kill")] == ["kill TERM", "kill KILL"]
    assert is_clean(world.engine)


@pytest.mark.parametrize(("out_of_memory", "cause"), [(False, FailureCause.EXITED), (True, FailureCause.OUT_OF_MEMORY)])
def test_a_server_that_ends_during_a_request_has_its_own_reason(world, out_of_memory, cause):
    def answer(path):
        if path == "/slow":
            (one,) = world.engine.containers.values()
            one.state = replace(one.state, running=False, exit_code=9, out_of_memory=out_of_memory)
            return 500, b""
        return 200, b""

    world.subject = replace(world.subject, probe_paths=("/slow",))
    result = run(world, answer=answer, log="no more\n")
    assert failures(result)[0] == (CheckKind.PATH, cause)
    message = (
        "more memory than its limit"
        if out_of_memory
        else "it exited with 9 while it was being tested; its last line: 'no more'"
    )
    assert message in (result.reason or "")


def test_a_server_that_is_healthy_once_and_never_again(world):
    answers = [(200, b"")] + [(500, b"")] * 10_000
    result = run(world, answer=lambda _: answers.pop(0))
    assert failures(result)[0] == (CheckKind.STEADY, FailureCause.NOT_STEADY)


def test_a_server_at_work_that_misses_an_answer_is_steady(world):
    answers = [(200, b""), (503, b""), (503, b"")] + [(200, b"")] * 10_000
    assert failures(run(world, answer=lambda _: answers.pop(0))) == []


def test_a_restart_that_is_not_healthy_again(world):
    answers = [(200, b"")] * 2 + [(500, b"")] * 10_000
    result = run(world, answer=lambda _: answers.pop(0))
    assert failures(result) == [(CheckKind.RESTART, FailureCause.NOT_HEALTHY_AGAIN)]
    assert "HTTP 500" in (result.reason or "")


def test_a_test_that_takes_too_long_ends(world):
    def answer(path: str) -> tuple[int, bytes]:
        world.seconds += 400
        return 200, b""

    result = run(world, answer=answer)
    assert failures(result)[0] == (CheckKind.CONFINED, FailureCause.TIME_LIMIT)
    assert (CheckKind.REMOVED, None) not in failures(result)
    assert is_clean(world.engine)


def test_what_cannot_be_removed_is_a_failure(world):
    result = run(world, remove_errors=["device or resource busy"])
    assert failures(result) == [(CheckKind.REMOVED, FailureCause.LEFT_BEHIND)]
    assert "device or resource busy" in (result.reason or "")


def test_a_companion_that_was_not_built_is_not_a_pass(world):
    world.subject = replace(world.subject, models=(MODEL,))
    listed = json.dumps({"data": [{"id": MODEL}]}).encode()
    result = run(world, Companion("client", None, "Debian has none"), answer=lambda _: (200, listed))
    (together,) = [one for one in result.checks if one.check.kind is CheckKind.TOGETHER]
    assert (together.status, together.reason) == (Status.UNAVAILABLE, "client: Debian has none")


def test_a_companion_is_removed_before_the_next_question(world, tmp_path):
    client = replace(world.subject, name="client", model_command="c ask {url} {model}")
    world.subject = replace(world.subject, models=("m:1", "m:2"))
    result = run(world, Companion("client", client))
    together = [one.status for one in result.checks if one.check.kind is CheckKind.TOGETHER]
    assert together == [Status.PASSED, Status.PASSED]
    assert [call for call in world.engine.calls if call.startswith("exec")] == [
        "exec c ask http://app:8080 m:1",
        "exec c ask http://app:8080 m:2",
    ]
    assert is_clean(world.engine)


def test_a_companion_whose_command_fails_leaves_its_log(world):
    client = replace(world.subject, name="client", model_command="c {url} {model}")
    world.subject = replace(world.subject, models=(MODEL,))
    result = run(world, Companion("client", client), executed=Executed(4, "no route\n"), log="log\n")
    (together,) = [one for one in result.checks if one.check.kind is CheckKind.TOGETHER]
    assert together.cause is FailureCause.NOT_TOGETHER
    assert together.reason == "client: `c http://app:8080 m:1` exited with 4: 'no route'"
    assert "client.log" in world.kept


def test_a_signal_in_the_middle_removes_everything_and_goes_on(world):
    def interrupt(_path: str) -> tuple[int, bytes]:
        return 503, b""

    def sleep(_seconds: float) -> None:
        raise Interrupted(15)

    world.engine.behaviour.answer = interrupt
    bench = Bench(
        world.bench.session,
        world.bench.http,
        Controllers(),
        world.bench.kernel,
        world.bench.clock,
        sleep,
        world.bench.keep,
    )
    with pytest.raises(Interrupted):
        run_checks(world.subject, (), bench, "amd64")
    assert is_clean(world.engine)


def test_an_image_for_another_machine_is_not_even_loaded(world):
    result = run_checks(world.subject, (), world.bench, "arm64")
    assert failures(result) == [(CheckKind.LOAD, FailureCause.WRONG_ARCHITECTURE)]
    assert "load" not in world.engine.calls
