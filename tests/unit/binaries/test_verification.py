"""What a strategy built is held to its target before anybody names it."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from nanna_ci.binaries.executables import WrongMachine
from nanna_ci.binaries.targets import BuildTarget, System
from nanna_ci.binaries.verification import VerifiedExecutable, verify_built
from nanna_ci.foundation.errors import GateFailed
from support.fake_executables import AARCH64, elf
from support.fake_ports import FakeRun

TARGET = BuildTarget(System.AARCH64_LINUX, "aarch64-unknown-linux-gnu")
STATIC = elf(AARCH64, kind=2, interpreter=None, versions=(), needed=())


def verify(folder: Path, run: FakeRun, *names: str) -> tuple[VerifiedExecutable, ...]:
    return verify_built(
        folder, TARGET, names, host=System.X86_64_LINUX, run=run, environ={}, which=lambda name: f"/usr/bin/{name}"
    )


def put(folder: Path, name: str, data: bytes) -> Path:
    (folder / "bin").mkdir(exist_ok=True)
    path = folder / "bin" / name
    path.write_bytes(data)
    return path


def test_every_binary_is_described_hashed_and_tried(tmp_path: Path) -> None:
    paths = [put(tmp_path, "harness", STATIC), put(tmp_path, "worker", STATIC + b"!")]
    run = FakeRun()
    run.script("/usr/bin/qemu-aarch64")
    verified = verify(tmp_path, run, "harness", "worker")
    assert [item.path for item in verified] == paths
    assert [item.sha256 for item in verified] == [hashlib.sha256(path.read_bytes()).hexdigest() for path in paths]
    assert [(item.facts.machine, item.trial.ran) for item in verified] == [("aarch64", True)] * 2


def test_one_that_crashes_is_a_no(tmp_path: Path) -> None:
    put(tmp_path, "harness", STATIC)
    run = FakeRun()
    run.script("/usr/bin/qemu-aarch64", returncode=-11)
    with pytest.raises(GateFailed, match=r"bin/harness does not run: .* signal 11"):
        verify(tmp_path, run, "harness")


def test_one_for_another_machine_is_a_no_and_is_not_run(tmp_path: Path) -> None:
    put(tmp_path, "harness", elf())
    run = FakeRun()
    with pytest.raises(WrongMachine):
        verify(tmp_path, run, "harness")
    assert run.calls == []


def test_a_missing_one_is_a_no(tmp_path: Path) -> None:
    put(tmp_path, "harness", STATIC)
    run = FakeRun()
    run.script("/usr/bin/qemu-aarch64")
    with pytest.raises(GateFailed, match="worker"):
        verify(tmp_path, run, "harness", "worker")
