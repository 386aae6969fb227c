"""From what was seen to why it failed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from nanna_ci.containers.engine.confinement import Confinement, ListeningPort
from nanna_ci.containers.engine.engine import last_line
from nanna_ci.containers.testing.checks import FailureCause
from nanna_ci.containers.testing.diagnosis import (
    CheckFailed,
    EndedCommand,
    UnhealthyServer,
    decide_architecture,
    decide_confined,
    decide_stop,
    diagnose,
    diagnose_program,
    diagnose_start,
    is_limit_refused,
    may_need_writing,
    with_writing,
    written_paths,
)

RUNNING = UnhealthyServer(
    port=8080,
    health_path="/health",
    waited_s=12.0,
    exit_code=None,
    out_of_memory=False,
    log="listening\n",
    answer="HTTP 503",
    listeners=(ListeningPort(8080, loopback=False),),
)
ENDED = replace(RUNNING, exit_code=3, log="first\nno such file\n\n", listeners=None)


@pytest.mark.parametrize(
    ("seen", "cause", "message"),
    [
        (RUNNING, FailureCause.NEVER_HEALTHY, "GET /health did not answer 200 in 12 s: HTTP 503"),
        (replace(RUNNING, listeners=None), FailureCause.NEVER_HEALTHY, "HTTP 503"),
        (
            replace(RUNNING, listeners=()),
            FailureCause.NEVER_HEALTHY,
            "after 12 s it listens on no port, 8080 was declared",
        ),
        (
            replace(RUNNING, listeners=(ListeningPort(8080, loopback=True),)),
            FailureCause.LOOPBACK_ONLY,
            "its own loopback only",
        ),
        (
            replace(RUNNING, listeners=(ListeningPort(90, loopback=False), ListeningPort(9090, loopback=True))),
            FailureCause.WRONG_PORT,
            "it listens on port 90, 9090, not on 8080",
        ),
        (ENDED, FailureCause.EXITED, "it exited with 3 before it was healthy; its last line: 'no such file'"),
        (
            replace(ENDED, exit_code=0, log=""),
            FailureCause.EXITED,
            "it exited with 0 before it was healthy; it wrote nothing",
        ),
        (replace(ENDED, exit_code=137, out_of_memory=True), FailureCause.OUT_OF_MEMORY, "more memory than its limit"),
        (replace(ENDED, log="exec /bin/x: exec format error\n"), FailureCause.WRONG_ARCHITECTURE, "exec format error"),
        (replace(ENDED, written=("/data/x",)), FailureCause.WRITES_ROOT, "it writes /data/x"),
        (replace(RUNNING, written=("/a", "/b")), FailureCause.WRITES_ROOT, "it writes /a, /b"),
    ],
)
def test_the_most_particular_cause_that_the_facts_bear_out(seen, cause, message):
    problem = diagnose(seen)
    assert problem.cause is cause
    assert message in problem.message


RAN = EndedCommand("tool list", 120.0, exit_code=3, out_of_memory=False, log="first\nno config\n")


@pytest.mark.parametrize(
    ("ended", "cause", "message"),
    [
        (RAN, FailureCause.COMMAND_FAILED, "`tool list`: it exited with 3; its last line: 'no config'"),
        (replace(RAN, log=""), FailureCause.COMMAND_FAILED, "`tool list`: it exited with 3; it wrote nothing"),
        (
            replace(RAN, exit_code=None),
            FailureCause.TIME_LIMIT,
            "did not end within 2 min 00 s; its last line: 'no config'",
        ),
        (replace(RAN, exit_code=137, out_of_memory=True), FailureCause.OUT_OF_MEMORY, "more memory than its limit"),
        (replace(RAN, log="exec /bin/x: exec format error\n"), FailureCause.WRONG_ARCHITECTURE, "exec format error"),
        (
            replace(RAN, written=("/data/x",)),
            FailureCause.WRITES_ROOT,
            "exits with 0 only where its root can be written to",
        ),
    ],
)
def test_why_a_programs_command_did_not_do(ended, cause, message):
    problem = diagnose_program(ended)
    assert problem.cause is cause
    assert message in problem.message


def test_a_server_that_speaks_of_formats_and_runs_is_not_for_another_machine():
    assert diagnose(replace(RUNNING, log="warning: exec format error in plugin\n")).cause is FailureCause.NEVER_HEALTHY


@pytest.mark.parametrize(
    ("seen", "worth_it"),
    [
        (ENDED, True),
        (replace(RUNNING, log="open /x: Read-only file system"), True),
        (RUNNING, False),
        (replace(ENDED, exit_code=0), False),
        (replace(ENDED, out_of_memory=True), False),
        (replace(ENDED, log="exec format error"), False),
    ],
)
def test_a_second_try_with_a_writable_root_only_if_it_may_help(seen, worth_it):
    assert may_need_writing(seen) is worth_it


def test_what_was_written_is_the_images_own_and_not_the_folders_above():
    changes = ["C /etc", "C /etc/hosts", "A /data/state", "C /data", "D /gone", "A /run/x", "A /tmp/x", "A /dev/y", ""]
    assert written_paths(changes) == ("/data/state",)
    assert with_writing(ENDED, changes).written == ("/data/state",)
    assert len(written_paths([f"A /data/{number}" for number in range(99)])) == 5


@pytest.mark.parametrize(
    ("words", "cause"),
    [
        ("runc: exec /bin/server: exec format error: OCI runtime error", FailureCause.WRONG_ARCHITECTURE),
        ("rootlessport listen tcp 127.0.0.1:41313: bind: address already in use", FailureCause.PORT_BUSY),
        ("Bind for 127.0.0.1:32768 failed: port is already allocated", FailureCause.PORT_BUSY),
        ('exec: "/nothing": no such file or directory', FailureCause.CANNOT_START),
        ('runc create failed: exec: "x": executable file not found in $PATH: unknown', FailureCause.NOT_FOUND),
        ("crun: executable file `x` not found in $PATH: No such file or directory", FailureCause.NOT_FOUND),
        ('runc create failed: exec: "/bin/x": stat /bin/x: no such file or directory', FailureCause.NOT_FOUND),
        ("unable to apply cgroup configuration: permission denied", FailureCause.CANNOT_START),
    ],
)
def test_why_an_engine_could_not_start_it(words, cause):
    problem = diagnose_start(words)
    assert problem.cause is cause
    assert words in problem.message


def test_a_refused_limit_is_distinguished_from_other_refusals():
    assert is_limit_refused("runc: unable to apply cgroup configuration: mkdir: permission denied")
    assert is_limit_refused("openat2 /sys/fs/cgroup/x/memory.max: no such file or directory")
    assert not is_limit_refused('exec: "/nothing": no such file or directory')
    assert not is_limit_refused("cgroup: exec format error")


def test_an_image_for_another_machine_is_refused_by_its_own_words():
    decide_architecture("amd64", "amd64", "linux")
    for image, os in (("arm64", "linux"), ("amd64", "windows"), ("", "linux")):
        with pytest.raises(CheckFailed) as caught:
            decide_architecture(image, "amd64", os)
        assert caught.value.cause is FailureCause.WRONG_ARCHITECTURE


def test_confinement_that_does_not_hold_fails_and_unknown_is_said():
    assert decide_confined(Confinement(0, no_new_privileges=True, read_only_root=True)) is None
    assert "cannot be read" in (decide_confined(Confinement(0, no_new_privileges=None, read_only_root=True)) or "")
    with pytest.raises(CheckFailed) as caught:
        decide_confined(Confinement(1, no_new_privileges=False, read_only_root=False))
    assert caught.value.cause is FailureCause.NOT_CONFINED
    assert caught.value.message == ("its first process has capabilities, may gain privileges, can write to its root")


@pytest.mark.parametrize("code", [0, 143])
def test_a_graceful_end(code):
    decide_stop(code, 10)


@pytest.mark.parametrize(
    ("code", "cause"), [(None, FailureCause.IGNORES_TERM), (1, FailureCause.EXIT_CODE), (137, FailureCause.EXIT_CODE)]
)
def test_an_end_that_is_not(code, cause):
    with pytest.raises(CheckFailed) as caught:
        decide_stop(code, 10)
    assert caught.value.cause is cause


def test_the_last_line_that_says_something_is_short_and_without_controls():
    assert last_line("a\n\x1b[31mred\n \n") == r"'\x1b[31mred'"
    assert len(last_line("x" * 10_000)) < 130
    assert last_line("") == ""
