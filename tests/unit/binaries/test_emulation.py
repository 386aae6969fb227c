"""Running a foreign executable once, under qemu."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from nanna_ci.binaries.emulation import Trial, try_run
from nanna_ci.binaries.executables import parse_executable
from nanna_ci.binaries.targets import System
from nanna_ci.foundation.errors import CommandTimedOut
from support.fake_executables import AARCH64, elf
from support.fake_ports import FakeRun

STATIC = parse_executable(elf(AARCH64, kind=2, interpreter=None, versions=(), needed=()), "x")
PROGRAM = Path("/build/harness")


def only(*programs: str) -> Callable[[str], str | None]:
    return lambda name: f"/usr/bin/{name}" if name in programs else None


QEMU = only("qemu-aarch64")


def trial(
    run: FakeRun,
    which: Callable[[str], str | None] = QEMU,
    *,
    interpreter: str | None = None,
    system: System = System.AARCH64_LINUX,
    host: System | None = System.X86_64_LINUX,
) -> Trial:
    facts = replace(STATIC, interpreter=interpreter)
    return try_run(PROGRAM, facts, system, host, run=run, environ={}, which=which)


def test_version_is_enough() -> None:
    run = FakeRun()
    run.script("/usr/bin/qemu-aarch64", "/build/harness", "--version")
    assert trial(run) == Trial(True, "`--version` under qemu-aarch64")


def test_help_is_tried_where_version_is_unknown() -> None:
    run = FakeRun()
    run.script("/usr/bin/qemu-aarch64-static", "/build/harness", "--version", returncode=2)
    run.script("/usr/bin/qemu-aarch64-static", "/build/harness", "--help")
    assert trial(run, only("qemu-aarch64-static")).ran is True


def test_neither_flag_is_not_an_answer() -> None:
    run = FakeRun()
    run.script("/usr/bin/qemu-aarch64", returncode=2)
    assert trial(run) == Trial(None, "exits with 2 on --version and 2 on --help under qemu-aarch64")


def test_a_crash_is_a_no() -> None:
    run = FakeRun()
    run.script("/usr/bin/qemu-aarch64", returncode=-4)
    assert trial(run) == Trial(False, "`--version` under qemu-aarch64 was ended by signal 4")


def test_a_program_that_does_not_end_is_not_an_answer() -> None:
    run = FakeRun()
    run.script("/usr/bin/qemu-aarch64", error=CommandTimedOut(["qemu"], 30, ""))
    assert trial(run).ran is None


def test_nothing_is_run_without_qemu_on_the_same_machine_or_for_another_kernel() -> None:
    run = FakeRun()
    assert trial(run, only()) == Trial(None, "qemu-aarch64 is not on PATH")
    assert trial(run, host=System.AARCH64_LINUX).ran is None
    assert trial(run, system=System.AARCH64_DARWIN).ran is None
    assert trial(run, host=System.AARCH64_DARWIN).ran is None
    assert trial(run, host=None).ran is None
    assert run.calls == []


def test_a_loader_that_is_not_here_is_said(tmp_path: Path) -> None:
    run = FakeRun()
    loader = str(tmp_path / "ld.so")
    assert trial(run, interpreter=loader) == Trial(None, f"its loader {loader} is not on this machine")
    assert run.calls == []
    Path(loader).touch()
    run.script("/usr/bin/qemu-aarch64", "/build/harness")
    assert trial(run, interpreter=loader).ran is True


def test_the_cross_libraries_folder_is_used_if_the_loader_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "exists", lambda self: str(self) == "/usr/aarch64-linux-gnu/lib/ld-linux-aarch64.so.1")
    run = FakeRun()
    run.script("/usr/bin/qemu-aarch64", "-L", "/usr/aarch64-linux-gnu", "/build/harness")
    assert trial(run, interpreter="/lib/ld-linux-aarch64.so.1").ran is True
