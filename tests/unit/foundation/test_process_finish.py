"""Programs that a first signal lets come to their end: what they would leave half done would not be found."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from nanna_ci.foundation import process

PROGRAM = """
import signal, sys
from nanna_ci.foundation import process
from nanna_ci.foundation.errors import CommandTimedOut, Interrupted
for number in (signal.SIGINT, signal.SIGTERM):
    signal.signal(number, process.handle_signal)
try:
    process.run(["sh", "-c", sys.argv[1]], timeout_s=float(sys.argv[2]), finish=True)
except Interrupted as error:
    sys.exit(128 + error.signal_number)
except CommandTimedOut:
    sys.exit(9)
"""


# A program that starts others slowly: signals come while it does not know them yet.
SLOW_TO_LEARN = PROGRAM.replace(
    "for number",
    """
import os, time
spawn = process._spawn
def slowly(*arguments, **options):
    child = spawn(*arguments, **options)
    while not os.path.exists(sys.argv[3]):
        time.sleep(0.01)
    return child
process._spawn = slowly
for number""",
)


@contextlib.contextmanager
def started(folder: Path, then: str, timeout_s: float, program: str = PROGRAM) -> Iterator[subprocess.Popen[bytes]]:
    """A program that has begun, and goes on once `folder/go` is there, with `then`; the rest is killed."""
    environ = {**os.environ, "PYTHONPATH": str(Path(process.__file__).parents[2])}
    # bounded: should the test itself be killed, nothing loops forever
    loop = f"n=0; while ! [ -e {folder}/go ] && [ $n -lt 1200 ]; do n=$((n + 1)); sleep 0.05; done"
    script = f"echo $$ > {folder}/pid; {loop}; {then}"
    argv = [sys.executable, "-c", program, script, str(timeout_s), f"{folder}/known"]
    ours = subprocess.Popen(argv, env=environ, start_new_session=True)
    try:
        wait_for(lambda: (folder / "pid").exists() and (folder / "pid").read_text().endswith("\n"))
        yield ours
    finally:
        ours.kill()
        ours.wait()
        if not is_gone(folder):
            os.killpg(int((folder / "pid").read_text()), signal.SIGKILL)


def wait_for(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def is_gone(folder: Path) -> bool:
    """A zombie has ended: its new parent, such as the first process of a sandbox, may never reap it."""
    try:
        status = Path("/proc", (folder / "pid").read_text().strip() or "0", "stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return True
    return status.rpartition(")")[2].split()[0] == "Z"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_first_signal_lets_it_end_and_is_raised_behind_it(tmp_path, number):
    with started(tmp_path, f"echo done > {tmp_path}/done", 60) as ours:
        ours.send_signal(number)
        (tmp_path / "go").touch()
        assert ours.wait(30) == 128 + number
        assert (tmp_path / "done").read_text() == "done\n"


def test_a_second_signal_ends_it_at_once(tmp_path):
    with started(tmp_path, "true", 60) as ours:
        ours.send_signal(signal.SIGTERM)
        ours.send_signal(signal.SIGINT)  # another kind: two of one kind that are pending at once are one
        assert ours.wait(30) in (128 + signal.SIGTERM, 128 + signal.SIGINT)
        wait_for(lambda: is_gone(tmp_path))


def test_two_signals_while_it_is_being_started_leave_nobody_behind(tmp_path):
    with started(tmp_path, "true", 60, SLOW_TO_LEARN) as ours:
        ours.send_signal(signal.SIGTERM)
        ours.send_signal(signal.SIGINT)
        time.sleep(0.2)
        (tmp_path / "known").touch()
        assert ours.wait(30) in (128 + signal.SIGTERM, 128 + signal.SIGINT)
        wait_for(lambda: is_gone(tmp_path))


def test_its_own_time_limit_holds_anyway(tmp_path):
    with started(tmp_path, "true", 0.5) as ours:
        ours.send_signal(signal.SIGTERM)
        assert ours.wait(30) in (9, 128 + signal.SIGTERM)
        wait_for(lambda: is_gone(tmp_path))
