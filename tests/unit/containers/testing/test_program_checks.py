"""The test of an image without a port on a stand-in engine: commands, each in a container of its own, and no more."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from nanna_ci.containers.engine.confinement import Confinement
from nanna_ci.containers.engine.engine_session import EngineSession
from nanna_ci.containers.engine.limits import Controllers, Effective, Force
from nanna_ci.containers.engine.procfs import ProcFs
from nanna_ci.containers.engine.run_lock import RunLocks
from nanna_ci.containers.engine.run_mark import RunMark
from nanna_ci.containers.testing.checks import (
    CheckKind,
    CheckResult,
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
from nanna_ci.containers.testing.program_container import COMMAND_S
from nanna_ci.foundation.errors import Interrupted
from nanna_ci.foundation.verdict import Verdict
from support.fake_engine import FakeEngine
from support.fake_images import write_layout

COMMANDS = ("tool --help", "tool list")
CONFINED = Confinement(capabilities=0, no_new_privileges=True, read_only_root=True)


class Kernel(ProcFs):
    """A stand-in for the kernel, which knows every process that the engine names."""

    def __init__(self) -> None:
        super().__init__(Path("/nothing"), Path("/nothing"))
        self.limits = Effective(1_000_000, 512)
        self.answer = CONFINED

    def is_in(self, pid: int | None, container: str) -> bool:
        return pid is not None

    def effective_limits(self, pid: int, container: str) -> Effective:
        return self.limits

    def confinement(self, pid: int) -> Confinement:
        return self.answer


@dataclass
class World:
    """A stand-in engine and kernel, and what was kept."""

    engine: FakeEngine
    kernel: Kernel
    bench: Bench
    subject: ImageUnderTest
    kept: dict[str, bytes] = field(default_factory=dict)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    layout = write_layout(tmp_path / "layout", {"bin/tool": b"t"}, entrypoint=["/bin/tool"])
    subject = ImageUnderTest("tool", layout, None, probe_commands=COMMANDS)
    engine, kernel = FakeEngine(), Kernel()
    session = EngineSession(engine, RunMark("a" * 12, 1), RunLocks(tmp_path / "locks", "podman"))
    kept: dict[str, bytes] = {}
    with HttpProbe() as http:
        bench = Bench(session, http, Controllers(), kernel, lambda: 0.0, lambda _: None, kept.__setitem__)
        yield World(engine, kernel, bench, subject, kept)


def run(world: World, *companions: Companion, **changes: object) -> ImageResult:
    for name, value in changes.items():
        setattr(world.engine.behaviour, name, value)
    return run_checks(world.subject, companions, world.bench, "amd64")


def failures(result: ImageResult) -> list[tuple[str, FailureCause | None]]:
    return [(one.check.title, one.cause) for one in result.checks if one.status is Status.FAILED]


def confined(result: ImageResult) -> CheckResult:
    (one,) = [one for one in result.checks if one.check.kind is CheckKind.CONFINED]
    return one


def is_clean(engine: FakeEngine) -> bool:
    return not (engine.containers or engine.networks or engine.images)


def test_each_command_has_a_container_of_its_own_that_publishes_nothing(world):
    result = run(world, can_wait=True)
    assert (result.verdict, result.reason) == (Verdict.PASS, None)
    assert [spec.command for spec in world.engine.specs] == [("tool", "--help"), ("tool", "list")]
    assert {(spec.port, spec.writable) for spec in world.engine.specs} == {(None, False)}
    assert len({spec.name for spec in world.engine.specs}) == 2
    assert world.kept == {}
    assert is_clean(world.engine)


def test_what_was_not_looked_at_is_not_called_passed(world):
    kinds = {one.check.kind for one in run(world).checks}
    assert not kinds & {CheckKind.START, CheckKind.HEALTH, CheckKind.STOP, CheckKind.RESTART}
    assert run(world).facts.start_s is None
    assert run(world).facts.peak_memory_bytes is None


def test_a_program_that_waits_to_start_is_verified_by_the_kernel(world):
    result = run(world, can_wait=True)
    assert confined(result).reason is None
    assert {limit.force for limit in result.facts.limits} == {Force.HELD}


def test_one_that_ended_before_the_kernel_answered_is_unverified_and_says_so(world):
    result = run(world)
    assert result.verdict is Verdict.PASS
    assert confined(result).reason == "unverified: requested, but it ended before the kernel's answer could be read"
    limits = {limit.name: (limit.force, limit.reason) for limit in result.facts.limits}
    assert limits["memory"] == (Force.UNVERIFIED, "it ended before the kernel's answer could be read")


def test_limits_read_for_one_command_are_known_and_the_other_is_unverified(world):
    prepare = world.engine.prepare

    def first_only(container: str) -> None:
        world.engine.behaviour.can_wait = len(world.engine.specs) == 1
        prepare(container)

    world.engine.prepare = first_only  # type: ignore[method-assign]
    result = run(world)
    assert {limit.force for limit in result.facts.limits} == {Force.HELD}
    assert confined(result).reason == "unverified: requested, but it ended before the kernel's answer could be read"


def test_one_that_this_kernel_does_not_know_is_unverified_for_another_reason(world):
    world.kernel.is_in = lambda _pid, _container: False  # type: ignore[method-assign]
    result = run(world, can_wait=True)
    assert confined(result).reason == "unverified: requested, but the kernel's answer cannot be read from here"


def test_a_program_that_has_capabilities_after_all_is_not_confined(world):
    world.kernel.answer = replace(CONFINED, capabilities=1)
    assert failures(run(world, can_wait=True)) == [("confined", FailureCause.NOT_CONFINED)]


def test_each_command_fails_by_itself_and_leaves_its_own_files(world):
    result = run(world, ends_with=3, log="no config\n")
    assert failures(result) == [(f"command {command}", FailureCause.COMMAND_FAILED) for command in COMMANDS]
    assert result.reason == "`tool --help`: it exited with 3; its last line: 'no config'"
    assert set(world.kept) == {"tool-1.log", "tool-1-inspect.json", "tool-2.log", "tool-2-inspect.json"}
    assert is_clean(world.engine)


def test_a_root_that_it_would_write_to_is_found_by_a_second_try(world):
    result = run(world, ends_with=1, writable_helps=True, changes=("C /data", "A /data/state"))
    assert failures(result)[0] == ("command tool --help", FailureCause.WRITES_ROOT)
    assert "/data/state" in (result.reason or "")
    assert [spec.writable for spec in world.engine.specs] == [False, True, False, True]
    assert is_clean(world.engine)


def test_a_program_that_is_not_there_was_never_confined_either(world):
    words = 'exec: "tool": executable file not found in $PATH'
    result = run(world, start_errors=[words] * 2)
    assert failures(result) == [(f"command {command}", FailureCause.NOT_FOUND) for command in COMMANDS]
    assert result.reason == f"`tool --help`: its program is not in the image: {words}"
    assert (confined(result).status, result.facts.limits) == (Status.UNAVAILABLE, ())
    assert result.verdict is Verdict.FAIL
    assert is_clean(world.engine)


def test_one_that_never_ends_is_given_its_time_and_removed_before_the_next_command(world):
    result = run(world, never_ends=True)
    assert failures(result) == [(f"command {command}", FailureCause.TIME_LIMIT) for command in COMMANDS]
    assert COMMAND_S == 120
    calls = [call for call in world.engine.calls if call.startswith(("create", "remove"))]
    assert calls[:3] == ["create tool --help", "remove", "create tool list"]
    assert is_clean(world.engine)


def test_too_much_memory_needs_no_second_try(world):
    result = run(world, ends_with=137, out_of_memory=True)
    assert failures(result)[0][1] is FailureCause.OUT_OF_MEMORY
    assert len(world.engine.specs) == 2


def test_limits_that_the_machine_refuses_are_left_out_for_every_command_and_said(world):
    refusal = "runc create failed: unable to apply cgroup configuration: permission denied"
    result = run(world, start_errors=[refusal])
    assert failures(result) == []
    assert [spec.limits.memory_bytes is None for spec in world.engine.specs] == [False, True, True]
    assert {limit.reason for limit in result.facts.limits if limit.force is Force.REFUSED} == {refusal}


def test_an_engine_that_can_start_nothing_here_is_unavailable(world):
    refusal = "unable to apply cgroup configuration: mkdir /sys/fs/cgroup/x: read-only file system"
    result = run(world, start_errors=[refusal] * 4)
    assert (failures(result), result.verdict) == ([], Verdict.UNAVAILABLE)
    assert result.reason == f"podman can start no container on this machine: {refusal}"
    assert is_clean(world.engine)


def test_a_signal_in_the_middle_removes_everything(world):
    def wait(_container: str, _timeout_s: float) -> int | None:
        raise Interrupted(15)

    world.engine.wait = wait  # type: ignore[method-assign]
    with pytest.raises(Interrupted):
        run(world)
    assert is_clean(world.engine)


def served(world: World) -> World:
    """The same, with a model server under test and the program as its client."""
    client = replace(world.subject, name="client", model_command="tool ask {url} {model}")
    world.subject = replace(world.subject, name="app", service=Service(8080, "/health", 30.0), models=("m:1",))
    world.subject = replace(world.subject, probe_commands=())
    world.client = Companion("client", client)  # type: ignore[attr-defined]
    return world


def test_a_program_that_is_a_client_runs_its_model_command_on_the_servers_network(world):
    result = run(served(world), world.client)
    (together,) = [one for one in result.checks if one.check.kind is CheckKind.TOGETHER]
    assert together.status is Status.PASSED
    server, client = world.engine.specs
    assert client.command == ("tool", "ask", "http://app:8080", "m:1")
    assert client.network == server.network
    assert is_clean(world.engine)


def test_a_client_that_fails_says_why_and_leaves_its_log(world):
    served(world)
    world.engine.behaviour.ends_with = None
    start = world.engine.start

    def fail(container: str) -> None:
        start(container)
        one = world.engine.containers[container]
        if one.spec.command:
            one.state = replace(one.state, exit_code=4)

    world.engine.start = fail  # type: ignore[method-assign]
    result = run(world, world.client, log="no route\n")
    (together,) = [one for one in result.checks if one.check.kind is CheckKind.TOGETHER]
    assert together.cause is FailureCause.NOT_TOGETHER
    assert together.reason == "client: `tool ask http://app:8080 m:1`: it exited with 4; its last line: 'no route'"
    assert world.kept["client.log"] == b"no route\n"
