"""SIGINT and SIGTERM in the middle of a command: children gone, temporary files gone, the right exit code."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import nanna_ci

# a command whose `execute` is the text after it, in place of a real one
PROGRAM = """
import concurrent.futures, sys, tempfile, time, types
from pathlib import Path
from nanna_ci import cli
from nanna_ci.foundation import process
from nanna_ci.cli import command_line
from nanna_ci.foundation.verdict import Verdict
from nanna_ci.report.blocks import Document
from nanna_ci.report.outcome import Outcome

def execute(arguments, context):
    folder = Path.cwd()
    with tempfile.TemporaryDirectory(dir=folder) as temporary:
{body}
    return Outcome(Verdict.PASS, Document("done", ()), {{}})

module = types.ModuleType("fake")
module.DESCRIPTION = "fake"
module.DRY_RUN, module.add_arguments, module.execute = False, lambda parser: None, execute
sys.modules["nanna_ci.usage.fake"] = sys.modules["nanna_ci.commands.fake"] = module
command_line.COMMANDS = {{"fake": "a fake"}}
sys.argv = ["nanna-ci", "fake", "--format", "json"]
cli.entry()
"""
IN_A_PROGRAM = """
        process.run(["sh", "-c", "echo $$ > pid; sleep 100 & wait"], timeout_s=60)
"""
IN_TWO_THREADS = """
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            scripts = ["echo $$ > pid; exec sleep 100", "exec sleep 100"]
            list(pool.map(lambda script: process.run(["sh", "-c", script], timeout_s=60), scripts))
"""
IN_OUR_OWN_CODE = """
        process.run(["sh", "-c", "echo $$ > pid"], timeout_s=60)
        time.sleep(100)
"""
IN_A_LOOP_THAT_CATCHES_ERRORS = """
        for _ in range(50):
            try:
                process.run(["sh", "-c", "echo $$ > pid; sleep 100 & wait"], timeout_s=60, accept=frozenset({0, -15}))
            except process.CommandFailed:
                pass
"""


def children_of(folder: Path) -> list[str]:
    """Programs that run in the folder."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cwd"):
        try:
            if (
                entry.readlink() == folder
                and "Z" not in (entry.parent / "stat").read_text().rpartition(")")[2].split()[0]
            ):
                found.append((entry.parent / "cmdline").read_text())
        except OSError:  # it has ended, or is not ours
            continue
    return found


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("body", [IN_A_PROGRAM, IN_TWO_THREADS, IN_OUR_OWN_CODE, IN_A_LOOP_THAT_CATCHES_ERRORS])
def test_a_signal_ends_everything(tmp_path, number, body):
    environ = {**os.environ, "PYTHONPATH": str(Path(nanna_ci.__file__).parent.parent)}
    ours = subprocess.Popen(
        [sys.executable, "-c", PROGRAM.format(body=body)],
        cwd=tmp_path,
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    end = time.monotonic() + 30
    while not (tmp_path / "pid").exists() and time.monotonic() < end:
        time.sleep(0.01)
    time.sleep(0.1)
    ours.send_signal(number)
    try:
        stdout, stderr = ours.communicate(timeout=30)
    finally:
        ours.kill()
    assert ours.returncode == 128 + number
    assert stderr == b"nanna-ci: error: interrupted\n"
    assert b'"verdict": "unavailable"' in stdout
    assert [path.name for path in tmp_path.iterdir()] == ["pid"]
    assert children_of(tmp_path) == []
