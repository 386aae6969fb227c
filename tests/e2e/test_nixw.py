"""nixw's own behaviour around the Debian root: made once, handed on, explained, and nothing left half made."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.fake_nixw_machine import Machine, machine_in
from support.stand_in_debian_mirror import Key

REPO = Path(__file__).resolve().parents[2]


@pytest.fixture
def machine(tmp_path: Path, mirror_key: Key) -> Iterator[Machine]:
    with machine_in(tmp_path, mirror_key) as machine:
        yield machine


def test_the_root_is_made_once_and_the_command_runs_in_it(machine: Machine) -> None:
    first = machine.run("build", ".#x")
    assert first.returncode == 0, first.stderr
    assert "making the Debian root" in first.stderr
    second = machine.run("build", ".#x")
    assert second.returncode == 0
    assert second.stderr == ""
    assert machine.times_made() == 1
    assert len(machine.roots()) == 1
    assert ".partial" not in machine.roots()[0]


def test_the_command_gets_the_overrides_and_hands_them_on(machine: Machine) -> None:
    machine.run("build", ".#x")
    arguments = Path(f"{machine.log}.bwrap").read_text().splitlines()
    start = arguments.index("nix")
    assert arguments[start + 1] == "build"
    assert arguments[-1] == ".#x"
    assert f"path:{REPO}/nix/toolkits/debian" in arguments
    assert f"path:{REPO}/tests/workspace" in arguments
    handed_on = machine.overrides()
    assert handed_on["nixpkgs"] == f"path:{REPO}/nix/toolkits/debian"
    inputs = {f"nixpkgs/{name}" for name in ("root", "tools", "crates", "server")}
    assert set(handed_on) == {"nixpkgs", "nanna-coder", "advisory-db"} | inputs


def test_the_callers_override_wins_and_is_handed_on(machine: Machine, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "Cargo.lock").write_text("version = 4\n")
    result = machine.run("build", ".#x", "--override-input", "nanna-coder", f"path:{other}")
    assert result.returncode == 0, result.stderr
    arguments = Path(f"{machine.log}.bwrap").read_text().splitlines()
    assert arguments.count("nanna-coder") == 1
    assert arguments[arguments.index("nanna-coder") + 1] == f"path:{other}"
    assert f'["nanna-coder","path:{other}"]' in Path(f"{machine.log}.overrides").read_text()


def test_there_is_no_advisory_database_but_the_callers(machine: Machine, tmp_path: Path) -> None:
    machine.run("build", ".#x")
    assert machine.overrides()["advisory-db"] == f"path:{REPO}/nix/toolkits/debian/empty"
    machine.run("build", ".#x", "--override-input", "advisory-db", f"path:{tmp_path}")
    assert machine.overrides()["advisory-db"] == f"path:{tmp_path}"
    arguments = Path(f"{machine.log}.bwrap").read_text().splitlines()
    assert arguments.count("advisory-db") == 1


def test_another_projects_flake_has_no_advisory_database_by_its_own_name_for_it(
    machine: Machine, tmp_path: Path
) -> None:
    project = tmp_path / "project"
    project.mkdir()
    (project / "flake.nix").write_text("{ }")
    (project / "Cargo.lock").write_text("version = 4\n")
    result = machine.run("build", ".#x", cwd=project)
    assert result.returncode == 0, result.stderr
    assert machine.overrides()["pipeline/advisory-db"] == f"path:{REPO}/nix/toolkits/debian/empty"
    assert "advisory-db" not in machine.overrides()


def test_a_broken_pipe_of_nix_does_not_end_what_it_runs(machine: Machine) -> None:
    assert machine.run("run", ".#plan", MODE="pipe").returncode == 0
    assert machine.run("develop", MODE="pipe").returncode == -signal.SIGPIPE


def test_a_command_that_reads_no_flake_gets_no_overrides(machine: Machine) -> None:
    machine.run("--version")
    arguments = Path(f"{machine.log}.bwrap").read_text().splitlines()
    assert arguments[arguments.index("nix") + 1 :] == ["--version"]


@pytest.mark.parametrize(
    ("mode", "words"), [("full", "the disk is full"), ("broken", "some package could not be configured")]
)
def test_a_failed_root_is_explained_and_leaves_nothing(machine: Machine, mode: str, words: str) -> None:
    failed = machine.run("--version", MODE=mode)
    assert failed.returncode == 3
    assert words in failed.stderr
    assert "hint:" in failed.stderr
    assert machine.roots() == []
    assert machine.run("--version").returncode == 0


def test_an_input_whose_making_is_ended_ends_the_start_and_is_made_the_next_time(machine: Machine) -> None:
    failed = machine.run("--version", MODE="killed")
    assert failed.returncode == 3
    assert machine.run("--version").returncode == 0
    assert machine.inputs_made().count("root") == 1


@pytest.mark.parametrize(("name", "minutes"), [("server", 1440), ("tools", 1440), ("crates", 10)])
def test_what_could_not_be_had_stops_nothing_and_is_tried_again_later(
    machine: Machine, name: str, minutes: int
) -> None:
    first = machine.run("build", ".#x", LACKS=name)
    assert first.returncode == 0, first.stderr
    assert machine.overrides()[f"nixpkgs/{name}"].endswith(name)
    again = machine.run("build", ".#x", LACKS=name)
    assert again.stderr == ""
    assert machine.inputs_made().count(name) == 1

    (record,) = (machine.cache / "nanna-ci/inputs").glob(f"{name}-*")
    then = time.time() - (minutes + 2) * 60
    os.utime(record, (then, then))
    assert machine.run("build", ".#x").returncode == 0
    assert machine.inputs_made().count(name) == 2
    assert machine.run("build", ".#x").stderr == ""
    assert machine.inputs_made().count(name) == 2


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_start_ended_half_way_leaves_nothing_broken(machine: Machine, number: signal.Signals) -> None:
    process = machine.start("--version", MODE="slow")
    deadline = time.monotonic() + 30
    while machine.times_made() == 0:
        assert time.monotonic() < deadline, "the stand-in was never started"
        time.sleep(0.01)
    os.killpg(process.pid, number)
    process.communicate(timeout=30)
    assert process.returncode != 0
    assert all(name.endswith(".partial") for name in machine.roots())
    again = machine.run("--version")
    assert again.returncode == 0, again.stderr
    assert len(machine.roots()) == 1


def test_what_a_killed_start_left_mounted_is_unmounted_by_the_next(machine: Machine) -> None:
    assert machine.run("--version").returncode == 0
    (name,) = machine.roots()
    folder = machine.cache / "nanna-ci"
    left = folder / f"{name}.partial"
    (folder / name).rename(left)
    (left / "proc").mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "none", str(left / "proc")], check=True)
    try:
        again = machine.run("--version")
    finally:
        subprocess.run(["umount", str(left / "proc")], check=False, capture_output=True)
    assert again.returncode == 0, again.stderr
    assert machine.roots() == [name]


def test_two_starts_at_once_make_one_root(machine: Machine) -> None:
    both = [machine.start("--version", MODE="slow", SLOW="1") for _ in range(2)]
    results = [process.communicate(timeout=60) for process in both]
    assert [process.returncode for process in both] == [0, 0], results
    assert machine.times_made() == 1
    assert sum("waiting for it" in stderr for _, stderr in results) == 1


def test_another_system_learns_what_to_install(machine: Machine) -> None:
    machine.add("uname", "#!/bin/bash\necho riscv64\n")
    result = machine.run("--version")
    assert result.returncode == 3
    assert "install Nix" in result.stderr


def test_a_user_who_is_not_root_learns_why(machine: Machine) -> None:
    machine.add("id", "#!/bin/bash\necho 1000\n")
    result = machine.run("--version")
    assert result.returncode == 3
    assert "only root can make the Debian root" in result.stderr
    assert machine.roots() == []


def test_an_unknown_toolkit_is_a_usage_error(machine: Machine) -> None:
    result = machine.run("--version", NANNA_CI_TOOLKIT="gentoo")
    assert result.returncode == 2
    assert "nixpkgs or debian" in result.stderr


def test_a_workspace_without_a_lock_is_refused_before_anything_is_made(machine: Machine, tmp_path: Path) -> None:
    (tmp_path / "bare").mkdir()
    result = machine.run("build", "--override-input", "nanna-coder", str(tmp_path / "bare"), ".#x")
    assert result.returncode == 2
    assert "no Cargo.lock" in result.stderr
    assert machine.times_made() == 0


def test_a_nix_that_reaches_a_substituter_is_used_as_it_is(machine: Machine) -> None:
    machine.add(
        "nix", '#!/bin/bash\ncase "$*" in *"config show"*) echo https://cache.invalid ;; *) echo "nix: $*" ;; esac\n'
    )
    result = machine.run("build", ".#x")
    assert result.returncode == 0
    assert result.stdout == "nix: --extra-experimental-features nix-command flakes build .#x\n"
    assert machine.times_made() == 0


def test_a_nix_that_reaches_no_substituter_is_not_used(machine: Machine) -> None:
    machine.add("nix", '#!/bin/bash\ncase "$*" in *"config show"*) echo https://cache.invalid ;; *) exit 1 ;; esac\n')
    result = machine.run("build", ".#x")
    assert result.returncode == 0
    assert machine.times_made() == 1
    assert result.stderr.splitlines()[0].startswith(
        "nixw: this machine's nix reaches no binary cache: taking the Debian"
    )
