"""process.run against real programs: output, limits, and no process left behind."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from itertools import pairwise
from pathlib import Path

import pytest

from nanna_ci.foundation import process
from nanna_ci.foundation.errors import (
    CommandFailed,
    CommandTimedOut,
    Interrupted,
    MalformedData,
    ToolMissing,
    UsageError,
)

PYTHON = sys.executable


def python(code: str) -> list[str]:
    return [PYTHON, "-I", "-c", code]


def is_alive(pid: int) -> bool:
    """A zombie has ended: its new parent has only not reaped it yet."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return status.rpartition(")")[2].split()[0] != "Z"


def wait_until(condition, timeout_s: float = 10.0) -> bool:
    end = time.monotonic() + timeout_s
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.01)
    return False


def pid_in(file: Path) -> int:
    assert wait_until(lambda: file.exists() and file.read_text().endswith("\n")), "the program never started"
    return int(file.read_text())


@pytest.fixture
def short_grace(monkeypatch):
    monkeypatch.setattr(process, "GRACE_S", 0.4)


def test_gives_output_code_and_time():
    completed = process.run(["sh", "-c", "echo out; echo err >&2; exit 3"], timeout_s=10, accept=frozenset({0, 3}))
    assert (completed.stdout, completed.stderr_tail, completed.returncode) == (b"out\n", "err\n", 3)
    assert 0 < completed.seconds < 10


def test_text_replaces_bytes_that_are_not_utf8():
    assert process.run(["printf", r"a\377b"], timeout_s=10).text() == "a\ufffdb"


def test_a_code_that_is_not_accepted_fails_with_the_last_words_of_stderr():
    with pytest.raises(CommandFailed) as caught:
        process.run(["sh", "-c", "echo first >&2; echo last >&2; exit 7"], timeout_s=10)
    assert caught.value.returncode == 7
    assert caught.value.stderr_tail == "first\nlast\n"
    assert "last" in caught.value.message


def test_death_by_signal_is_a_negative_code():
    with pytest.raises(CommandFailed) as caught:
        process.run(["sh", "-c", "kill -9 $$"], timeout_s=10)
    assert caught.value.returncode == -9


def test_a_program_that_does_not_exist_is_a_missing_tool():
    with pytest.raises(ToolMissing) as caught:
        process.run(["no-such-program-here"], timeout_s=10)
    assert caught.value.tool == "no-such-program-here"
    assert caught.value.hint is not None


def test_a_file_that_may_not_be_executed_is_a_missing_tool(tmp_path):
    script = tmp_path / "script"
    script.write_text("#!/bin/sh\n")
    script.chmod(0o644)
    with pytest.raises(ToolMissing, match="cannot be started"):
        process.run([str(script)], timeout_s=10)


def test_a_folder_that_does_not_exist_is_not_blamed_on_the_program(tmp_path):
    with pytest.raises(UsageError, match="no such folder"):
        process.run(["true"], timeout_s=10, cwd=tmp_path / "none")


def test_a_nul_in_an_argument_is_refused():
    with pytest.raises(UsageError):
        process.run(["echo", "a\0b"], timeout_s=10)


def test_environment_folder_and_input_are_handed_on(tmp_path):
    code = "import os, sys; print(os.environ['A'], os.getcwd(), sys.stdin.read())"
    completed = process.run(python(code), timeout_s=20, env={"A": "1"}, cwd=tmp_path, stdin=b"hello")
    assert completed.text() == f"1 {tmp_path} hello\n"


def test_without_input_the_program_reads_an_end_of_file():
    assert process.run(["cat"], timeout_s=10).stdout == b""


def test_large_input_and_output_do_not_block_each_other():
    data = os.urandom(3_000_000)
    assert process.run(["cat"], timeout_s=30, stdin=data).stdout == data


def test_a_program_that_ignores_its_input_is_not_an_error():
    assert process.run(["true"], timeout_s=10, stdin=b"x" * 1_000_000).returncode == 0


def test_more_stdout_than_the_limit_ends_the_program():
    started = time.monotonic()
    with pytest.raises(MalformedData, match="more than 1000 bytes"):
        process.run(["yes"], timeout_s=60, stdout_limit_bytes=1000)
    assert time.monotonic() - started < 30


def test_stdout_at_the_limit_passes():
    assert len(process.run(["head", "-c", "1000", "/dev/zero"], timeout_s=10, stdout_limit_bytes=1000).stdout) == 1000


def test_lines_come_as_they_are_written_and_stdout_is_not_kept():
    seen: list[tuple[str, bytes]] = []
    completed = process.run(
        ["sh", "-c", "printf 'a\\nb'; printf 'x\\n\\ny\\n' >&2"],
        timeout_s=10,
        on_stdout=lambda line: seen.append(("out", line)),
        on_stderr=lambda line: seen.append(("err", line)),
    )
    assert [line for name, line in seen if name == "out"] == [b"a", b"b"]
    assert [line for name, line in seen if name == "err"] == [b"x", b"", b"y"]
    assert completed.stdout == b""
    assert completed.stderr_tail == "x\n\ny\n"


def test_a_line_comes_before_the_program_ends(tmp_path):
    go = tmp_path / "go"
    code = f"""
import os, sys, time
print("ready", flush=True)
while not os.path.exists({str(go)!r}):
    time.sleep(0.01)
"""
    process.run(python(code), timeout_s=20, on_stdout=lambda line: go.write_text("go"))


def test_a_line_over_the_limit_is_cut():
    lines: list[bytes] = []
    process.run(["sh", "-c", "head -c 3000000 /dev/zero; echo; echo b"], timeout_s=20, on_stdout=lines.append)
    assert [len(line) for line in lines] == [1024 * 1024, 1]


def test_a_flood_of_invalid_stderr_is_replaced_and_bounded():
    code = "import os\nfor _ in range(2000): os.write(2, b'\\xff' * 50_000)"
    completed = process.run(python(code), timeout_s=60)
    assert set(completed.stderr_tail) == {"\ufffd", "\n"}, "a line without an end gets one"
    assert len(completed.stderr_tail) == 64 * 1024


def test_an_error_in_a_callback_ends_the_program(tmp_path):
    pid_file = tmp_path / "pid"

    def fail(line: bytes) -> None:
        raise RuntimeError("callback")

    with pytest.raises(RuntimeError, match="callback"):
        process.run(["sh", "-c", f"echo $$ > {pid_file}; echo line; exec sleep 100"], timeout_s=60, on_stdout=fail)
    assert not is_alive(pid_in(pid_file))


def test_passthrough_writes_to_our_own_streams(capfd):
    completed = process.run(["sh", "-c", "echo out; echo err >&2"], timeout_s=10, passthrough=True)
    assert capfd.readouterr() == ("out\n", "err\n")
    assert (completed.stdout, completed.stderr_tail) == (b"", "")


def test_passthrough_with_secrets_is_refused_because_it_cannot_hide_them():
    with pytest.raises(ValueError, match="redacted"):
        process.run(["true"], timeout_s=10, passthrough=True, secrets=["hunter2hunter2"])


def test_secrets_are_taken_out_of_stderr_lines_and_errors():
    secret = "s3cr3t/value+with=signs"
    lines: list[bytes] = []
    with pytest.raises(CommandFailed) as caught:
        process.run(
            ["sh", "-c", 'echo "token $T" >&2; exit 1', "sh", secret],
            timeout_s=10,
            env={"T": secret, "PATH": os.environ["PATH"]},
            secrets=[secret],
            on_stderr=lines.append,
        )
    assert lines == [b"token [redacted]"]
    assert caught.value.stderr_tail == "token [redacted]\n"
    assert secret not in caught.value.message
    assert secret not in caught.value.argv


def test_at_the_time_limit_the_program_gets_a_chance_to_end_itself(tmp_path):
    traces = tmp_path / "traces"
    code = f"""
import signal, sys, time
def end(*_):
    open({str(traces)!r}, "w").write("ended")
    sys.exit(0)
signal.signal(signal.SIGTERM, end)
print("ready", file=sys.stderr, flush=True)
time.sleep(100)
"""
    with pytest.raises(CommandTimedOut) as caught:
        process.run(python(code), timeout_s=1.5)
    assert caught.value.timeout_s == 1.5
    assert caught.value.stderr_tail == "ready\n"
    assert traces.read_text() == "ended"


def test_a_program_that_ignores_term_is_killed_after_the_grace(tmp_path, short_grace):
    pid_file = tmp_path / "pid"
    started = time.monotonic()
    with pytest.raises(CommandTimedOut):
        process.run(
            ["sh", "-c", f"trap '' TERM; echo $$ > {pid_file}; for _ in $(seq 60); do sleep 1; done"], timeout_s=0.8
        )
    assert time.monotonic() - started < 10
    assert not is_alive(pid_in(pid_file))


def test_an_orphan_is_killed_when_its_parent_has_ended(tmp_path):
    pid_file = tmp_path / "pid"
    completed = process.run(
        ["sh", "-c", f"(trap '' TERM HUP; for _ in $(seq 60); do sleep 1; done) & echo $! > {pid_file}; echo done"],
        timeout_s=60,
    )
    assert completed.stdout == b"done\n"
    assert wait_until(lambda: not is_alive(pid_in(pid_file)))


def test_an_orphan_that_holds_the_pipe_does_not_hold_us(tmp_path):
    pid_file = tmp_path / "pid"
    started = time.monotonic()
    tell = f"open({str(pid_file)!r}, 'w').write(str(os.getpid()) + chr(10))"
    alone = f"import os, time; os.setsid(); {tell}; time.sleep(30)"
    wait = "for _ in $(seq 300); do ! [ -s $0 ] || exit 0; sleep 0.05; done"
    process.run(["sh", "-c", f'{PYTHON} -I -c "{alone}" & {wait}', str(pid_file)], timeout_s=60)
    assert time.monotonic() - started < 15
    os.kill(pid_in(pid_file), signal.SIGKILL)


def test_silence_is_reported(monkeypatch):
    monkeypatch.setattr(process, "SILENCE_S", 0.2)
    silences: list[float] = []
    process.run(["sleep", "1.2"], timeout_s=10, on_silence=silences.append)
    assert len(silences) >= 2
    assert all(later - earlier >= 0.2 for earlier, later in pairwise([0.0, *silences]))


def test_runs_in_two_threads_do_not_disturb_each_other():
    results: dict[str, bytes] = {}

    def work(name: str) -> None:
        results[name] = process.run(["sh", "-c", f"sleep 0.2; echo {name}"], timeout_s=20).stdout

    threads = [threading.Thread(target=work, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == {name: f"{name}\n".encode() for name in "abcd"}


def test_terminate_all_ends_the_runs_of_every_thread_and_refuses_new_ones(monkeypatch, tmp_path):
    monkeypatch.setattr(process, "_REGISTRY", process._Registry())
    errors: list[BaseException] = []

    def work(number: int) -> None:
        try:
            process.run(["sh", "-c", f"echo $$ > {tmp_path / str(number)}; exec sleep 100"], timeout_s=60)
        except Interrupted as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    pids = [pid_in(tmp_path / str(number)) for number in range(2)]
    process.terminate_all(signal.SIGTERM)
    for thread in threads:
        thread.join(20)
    assert [type(error) for error in errors] == [Interrupted, Interrupted]
    assert not any(map(is_alive, pids))
    with pytest.raises(Interrupted):
        process.run(["true"], timeout_s=10)


PROGRAM = """
import signal, sys
from nanna_ci.foundation import process
from nanna_ci.foundation.errors import Interrupted
if len(sys.argv) > 2:
    process.GRACE_S = float(sys.argv[2])
for number in (signal.SIGINT, signal.SIGTERM):
    signal.signal(number, process.handle_signal)
try:
    process.run(["sh", "-c", sys.argv[1]], timeout_s=60)
except Interrupted as error:
    sys.exit(128 + error.signal_number)
"""


def start(script: str, *more: str) -> subprocess.Popen[bytes]:
    environ = {**os.environ, "PYTHONPATH": str(Path(process.__file__).parents[2])}
    return subprocess.Popen([PYTHON, "-c", PROGRAM, script, *more], env=environ)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_group_and_is_raised_as_interrupted(tmp_path, number):
    pid_file = tmp_path / "pid"
    ours = start(f"sleep 100 & echo $! > {pid_file}; wait")
    child = pid_in(pid_file)
    ours.send_signal(number)
    assert ours.wait(20) == 128 + number
    assert wait_until(lambda: not is_alive(child))


def test_a_second_signal_kills_at_once(tmp_path):
    pid_file = tmp_path / "pid"
    # no $(seq): the signal would end that too, and with it the loop
    loop = "n=0; while [ $n -lt 600 ]; do n=$((n + 1)); sleep 0.1; done"
    ours = start(f"trap 'echo term >> {pid_file}.term' TERM; echo $$ > {pid_file}; {loop}", "60")
    child = pid_in(pid_file)
    ours.send_signal(signal.SIGTERM)
    assert wait_until(Path(f"{pid_file}.term").exists)
    assert is_alive(child)
    started = time.monotonic()
    ours.send_signal(signal.SIGINT)
    assert ours.wait(20) == 128 + signal.SIGINT
    assert time.monotonic() - started < 10
    assert wait_until(lambda: not is_alive(child))


def test_nothing_of_a_finished_run_stays_behind():
    def held() -> tuple[int, int]:
        return threading.active_count(), len(list(Path("/proc/self/fd").iterdir()))

    threads, descriptors = held()
    for _ in range(5):
        process.run(["sh", "-c", "echo a; echo b >&2"], timeout_s=10, stdin=b"x")
    assert wait_until(lambda: held()[0] <= threads and held()[1] <= descriptors)


def test_the_registry_forgets_a_group_that_ended():
    process.run(["true"], timeout_s=10)
    assert not [child for child in process._REGISTRY.live.values() if re.search("true", str(child.args))]


def test_input_may_come_in_pieces_that_nobody_holds_at_once():
    chunks = (bytes([65 + number % 26]) * 100_000 for number in range(50))
    completed = process.run(python("import sys; print(len(sys.stdin.buffer.read()))"), timeout_s=20, stdin=chunks)
    assert completed.text() == "5000000\n"


def test_input_that_breaks_off_ends_the_programs_input():
    def chunks():
        yield b"begun"
        raise OSError("the disk is gone")

    assert process.run(["cat"], timeout_s=20, stdin=chunks()).stdout == b"begun"


@pytest.fixture
def signalled(monkeypatch):
    """A registry to which a signal has come."""
    registry = process._Registry()
    registry.stop_signal = signal.SIGTERM
    monkeypatch.setattr(process, "_REGISTRY", registry)
    return registry


def test_after_a_signal_only_a_block_that_cleans_up_runs_programs(signalled):
    with pytest.raises(Interrupted):
        process.run(["true"], timeout_s=10)
    done = []
    with pytest.raises(Interrupted), process.cleaning_up(10):  # noqa: PT012 - what the block does is the test
        done.append(process.run(["echo", "clean"], timeout_s=10).stdout)
        done.append(process.run(["echo", "again"], timeout_s=10).stdout)
    assert done == [b"clean\n", b"again\n"]
    with pytest.raises(Interrupted):
        process.run(["true"], timeout_s=10)


def test_only_the_thread_that_cleans_up_may_go_on(signalled):
    caught = []

    def other():
        try:
            process.run(["true"], timeout_s=10)
        except Interrupted as error:
            caught.append(error)

    with pytest.raises(Interrupted), process.cleaning_up(10):  # noqa: PT012 - what the block does is the test
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
    assert len(caught) == 1


def test_cleaning_up_has_one_limit_for_everything(short_grace, signalled):
    started = time.monotonic()
    with pytest.raises(CommandTimedOut), process.cleaning_up(0.5):
        process.run(["sleep", "60"], timeout_s=60)
    assert time.monotonic() - started < 30


def test_cleaning_up_without_a_signal_changes_nothing():
    with process.cleaning_up(10):
        assert process.run(["echo", "clean"], timeout_s=10).stdout == b"clean\n"
    assert process.run(["echo", "on"], timeout_s=10).stdout == b"on\n"


def test_a_signal_lets_the_cleaning_end(signalled):
    signalled.stop_signal = None
    done = []
    with pytest.raises(Interrupted), process.cleaning_up(20):  # noqa: PT012 - what the block does is the test
        process.handle_signal(signal.SIGINT)
        done.append(process.run(["echo", "clean"], timeout_s=10).stdout)
    assert done == [b"clean\n"]


def test_a_signal_that_comes_while_the_handler_of_the_first_begins_is_the_second(monkeypatch):
    monkeypatch.setattr(process, "_REGISTRY", process._Registry())
    ended: list[int] = []
    terminate_all = process.terminate_all

    def interrupted_at_once(signal_number):
        if not ended:
            process.handle_signal(signal.SIGINT)
        terminate_all(signal_number)

    monkeypatch.setattr(process, "terminate_all", interrupted_at_once)
    monkeypatch.setattr(os, "_exit", ended.append)
    with pytest.raises(Interrupted):
        process.handle_signal(signal.SIGTERM)
    assert ended[:1] == [128 + signal.SIGINT]
