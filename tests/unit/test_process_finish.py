"""Programs that a first signal lets come to their end: what they would leave half done, nobody would find."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from nanna_ci import process

PROGRAM = """
import signal, sys
from nanna_ci import process
from nanna_ci.errors import CommandTimedOut, Interrupted
for number in (signal.SIGINT, signal.SIGTERM):
    signal.signal(number, process.handle_signal)
try:
    process.run(["sh", "-c", sys.argv[1]], timeout_s=float(sys.argv[2]), finish=True)
except Interrupted as error:
    sys.exit(128 + error.signal_number)
except CommandTimedOut:
    sys.exit(9)
"""


def started(folder: Path, then: str, timeout_s: float) -> subprocess.Popen[bytes]:
    """A program that has begun, and goes on once `folder/go` is there, with `then`."""
    environ = {**os.environ, "PYTHONPATH": str(Path(process.__file__).parents[1])}
    script = f"echo $$ > {folder}/pid; while ! [ -e {folder}/go ]; do sleep 0.05; done; {then}"
    ours = subprocess.Popen([sys.executable, "-c", PROGRAM, script, str(timeout_s)], env=environ)
    wait_for(lambda: (folder / "pid").exists() and (folder / "pid").read_text().endswith("\n"))
    return ours


def wait_for(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def is_gone(folder: Path) -> bool:
    try:
        os.kill(int((folder / "pid").read_text()), 0)
    except ProcessLookupError:
        return True
    return False


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_first_signal_lets_it_end_and_is_raised_behind_it(tmp_path, number):
    ours = started(tmp_path, f"echo done > {tmp_path}/done", 60)
    ours.send_signal(number)
    (tmp_path / "go").touch()
    assert ours.wait(30) == 128 + number
    assert (tmp_path / "done").read_text() == "done\n"


def test_a_second_signal_ends_it_at_once(tmp_path):
    ours = started(tmp_path, "true", 60)
    ours.send_signal(signal.SIGTERM)
    ours.send_signal(signal.SIGINT)  # another kind: two of one kind that are pending at once are one
    assert ours.wait(30) in (128 + signal.SIGTERM, 128 + signal.SIGINT)
    wait_for(lambda: is_gone(tmp_path))


def test_its_own_time_limit_holds_all_the_same(tmp_path):
    ours = started(tmp_path, "true", 0.5)
    ours.send_signal(signal.SIGTERM)
    assert ours.wait(30) in (9, 128 + signal.SIGTERM)
    wait_for(lambda: is_gone(tmp_path))
