"""Locks that end with their run."""

from __future__ import annotations

import fcntl
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

import nanna_ci
from nanna_ci.containers.engine.run_lock import RunLocks, locks_folder
from nanna_ci.foundation.errors import NannaError

RUN, OTHER = "0123456789ab", "ba9876543210"


def test_a_lock_is_held_as_long_as_its_block_and_stays_until_it_is_forgotten(tmp_path):
    locks = RunLocks(tmp_path / "locks", "podman")
    assert locks.running() == {}
    with locks.held(RUN):
        assert locks.running() == {RUN: True}
    assert locks.running() == {RUN: False}
    locks.forget(RUN)
    locks.forget(RUN)
    assert locks.running() == {}


def test_who_only_looks_does_not_keep_a_run_from_its_lock(tmp_path):
    locks = RunLocks(tmp_path, "podman")
    (tmp_path / f"podman-{RUN}").touch()
    with (tmp_path / f"podman-{RUN}").open() as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        threading.Timer(0.1, lambda: fcntl.flock(file, fcntl.LOCK_UN)).start()
        with locks.held(RUN):
            assert locks.running() == {RUN: True}


def test_a_lock_file_that_a_sweep_took_for_a_dead_runs_is_made_anew(tmp_path, monkeypatch):
    locks = RunLocks(tmp_path, "podman")
    flock = fcntl.flock
    taken: list[Any] = []

    def after_a_sweep(descriptor, how):
        if not taken:
            taken.append(locks.forget(RUN))
        flock(descriptor, how)

    monkeypatch.setattr(fcntl, "flock", after_a_sweep)
    with locks.held(RUN):
        assert taken
        assert locks.running() == {RUN: True}


def test_what_a_run_notes_is_read_back_by_others(tmp_path):
    locks = RunLocks(tmp_path / "locks", "podman")
    digest = "sha256:" + "a" * 64
    assert locks.noted(RUN) == ()
    with locks.held(RUN):
        locks.note(RUN, digest)
        locks.note(RUN, digest)
        locks.note(RUN, "junk")
    assert RunLocks(tmp_path / "locks", "podman").noted(RUN) == (digest,)


def test_each_engine_knows_its_own_runs_and_no_other_files(tmp_path):
    (tmp_path / "podman-nothing").touch()
    (tmp_path / "notes.txt").touch()
    with RunLocks(tmp_path, "docker").held(OTHER):
        assert RunLocks(tmp_path, "podman").running() == {}
        assert RunLocks(tmp_path, "docker").running() == {OTHER: True}


def test_a_killed_run_lets_go(tmp_path):
    code = """
import sys, pathlib
from nanna_ci.containers.engine.run_lock import RunLocks
with RunLocks(pathlib.Path(sys.argv[1]), "podman").held(sys.argv[2]):
    print("held", flush=True)
    sys.stdin.read()
"""
    other = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path), RUN],
        env={"PYTHONPATH": str(Path(nanna_ci.__file__).parent.parent)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        assert RunLocks(tmp_path, "podman").running() == {RUN: True}
        other.kill()
        other.wait(30)
        assert RunLocks(tmp_path, "podman").running() == {RUN: False}


def test_a_program_that_a_run_starts_does_not_hold_its_lock(tmp_path):
    locks = RunLocks(tmp_path, "podman")
    with locks.held(RUN):
        child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    with child:
        assert locks.running() == {RUN: False}
        child.kill()


def test_a_folder_that_cannot_be_made_is_an_error_with_its_name(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(NannaError, match="file"), RunLocks(tmp_path / "file" / "locks", "podman").held(RUN):
        pass


@pytest.mark.parametrize(
    ("environ", "folder"),
    [
        ({"XDG_CACHE_HOME": "/c", "HOME": "/h"}, "/c/nanna-ci/container-runs"),
        ({"XDG_CACHE_HOME": "relative", "HOME": "/h"}, "/h/.cache/nanna-ci/container-runs"),
        ({"HOME": "/h"}, "/h/.cache/nanna-ci/container-runs"),
    ],
)
def test_locks_are_below_the_users_cache_folder(environ, folder):
    assert str(locks_folder(environ)) == folder
