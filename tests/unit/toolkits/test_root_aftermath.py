"""What is left of a root that was not finished."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import aftermath
from aftermath import mounts_below, run_to_end

MOUNTS = r"""proc /proc proc rw 0 0
none /cache/root.partial/dev/pts devpts rw 0 0
none /cache/root.partial/dev devpts rw 0 0
none /cache/root.partialother/dev devpts rw 0 0
none /cache/root.partial/with\040blank tmpfs rw 0 0
"""


def test_what_is_mounted_below_a_folder_comes_the_deepest_first() -> None:
    assert mounts_below(Path("/cache/root.partial"), MOUNTS) == [
        "/cache/root.partial/with blank",
        "/cache/root.partial/dev/pts",
        "/cache/root.partial/dev",
    ]


def test_a_programs_steps_are_said_and_its_output_and_exit_code_kept() -> None:
    said: list[str] = []
    code, log = run_to_end(
        ["sh", "-c", "echo I: installing x; echo other >&2; exit 3"], ("I: installing",), said.append
    )
    assert (code, log) == (3, "I: installing x\nother\n")
    assert said == ["installing x (0 s)"]


def test_a_program_that_cleans_up_after_ctrl_c_gets_no_second_signal(tmp_path: Path) -> None:
    cleans = (
        f"trap 'sleep 0.5; touch {tmp_path}/clean; exit 1' INT; trap 'exit 9' TERM; "
        f"touch {tmp_path}/up; while :; do sleep 0.1; done"
    )
    script = f"import sys; from aftermath import run_to_end; run_to_end(['bash', '-c', {cleans!r}], (), print)"
    environment = {**os.environ, "PYTHONPATH": str(Path(aftermath.__file__).parent)}
    with subprocess.Popen([sys.executable, "-c", script], env=environment, start_new_session=True) as process:
        try:
            deadline = time.monotonic() + 30
            while not (tmp_path / "up").exists():
                assert time.monotonic() < deadline
                time.sleep(0.01)
            os.killpg(process.pid, signal.SIGINT)
            process.wait(30)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
    assert (tmp_path / "clean").exists()
