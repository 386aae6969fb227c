"""Temporary folders, and signals at the worst moment."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

import nanna_ci
from nanna_ci.foundation.scratch import scratch_folder

# the first file to be removed brings a signal; `rmtree` goes on only if that does not raise in the middle of it
SIGNALLED = """
import os, signal, sys
from pathlib import Path
from nanna_ci.foundation import process
from nanna_ci.foundation.errors import Interrupted
from nanna_ci.foundation.scratch import scratch_folder

signal.signal(signal.SIGTERM, process.handle_signal)
unlink, sent = os.unlink, []

def signalling(*words, **options):
    if not sent:
        sent.append(os.kill(os.getpid(), signal.SIGTERM))
    unlink(*words, **options)

try:
    with scratch_folder("x-") as folder:
        for name in "ab":
            (folder / name).touch()
        os.unlink = signalling
except Interrupted as end:
    sys.exit(128 + end.signal_number)
"""


def test_the_folder_is_ours_alone_and_gone_after_the_block() -> None:
    with scratch_folder("nanna-ci-x-") as folder:
        assert folder.stat().st_mode & 0o777 == 0o700
        assert folder.name.startswith("nanna-ci-x-")
        (folder / "file").touch()
    assert not folder.exists()


def test_the_folder_is_gone_after_an_error() -> None:
    with pytest.raises(KeyError), scratch_folder("x-") as folder:
        raise KeyError
    assert not folder.exists()


@pytest.mark.skipif(sys.platform == "win32", reason="no signals")
def test_a_signal_while_it_is_removed_comes_after_the_removal(tmp_path: Path) -> None:
    environ = {"TMPDIR": str(tmp_path), "PYTHONPATH": str(Path(nanna_ci.__file__).parents[1])}
    done = subprocess.run([sys.executable, "-c", SIGNALLED], env=environ, check=False, timeout=60)
    assert done.returncode == 128 + signal.SIGTERM
    assert not list(tmp_path.iterdir())
