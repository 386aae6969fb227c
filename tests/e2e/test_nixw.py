"""nixw's own behaviour around the Debian root, with stand-ins for what takes minutes: mmdebstrap, bwrap, apt-get.

Each test runs the real ./nixw with a cache folder of its own and a PATH on which the stand-ins come first.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parents[2]

# A stand-in for mmdebstrap: makes a folder where the real one makes a Debian. $MODE says how it should go.
MMDEBSTRAP = """#!/bin/bash
for argument; do [[ $argument == *.partial ]] && root=$argument; done
mkdir -p "$root/etc"
echo half >"$root/etc/half"
echo made >>"$LOG"
case ${MODE:-} in
  full) echo 'E: write error: No space left on device' >&2; exit 1 ;;
  offline) echo 'E: Temporary failure resolving the mirror' >&2; exit 1 ;;
  slow) sleep "${SLOW:-60}" ;;
esac
"""
# A stand-in for bwrap: says what it was asked to run; for ground.sh it answers a store path.
BWRAP = """#!/bin/bash
[[ ${MODE:-} == pipe && " $* " == *" nix "* ]] && kill -PIPE $$
[[ ${MODE:-} == groundless && " $* " == *" tools "* ]] && exit 3
[[ ${MODE:-} == serverless && "$*" == *"/ground.sh server" ]] && echo asked >>"$LOG.server" && exit 3
for argument; do
  [[ $argument == */ground.sh ]] && echo /nix/store/00000000000000000000000000000000-source && exit 0
done
printf '%s\\n' "$@" >"$LOG.bwrap"
printf '%s' "$NANNA_CI_OVERRIDES" >"$LOG.overrides"
"""


class Machine:
    """A machine that has never seen nixw, as far as nixw can tell."""

    def __init__(self, folder: Path) -> None:
        self.cache = folder / "cache"
        self.log = folder / "log"
        self.programs = folder / "programs"
        self.programs.mkdir()
        for name, text in {"mmdebstrap": MMDEBSTRAP, "bwrap": BWRAP}.items():
            self.add(name, text)
        # the real nix of the root must not be found: this machine has none
        self.path = f"{self.programs}:{folder / 'host'}"
        (folder / "host").mkdir()
        for source in ("/usr/bin", "/bin", "/usr/sbin"):
            for program in Path(source).iterdir():
                link = folder / "host" / program.name
                if not program.name.startswith("nix") and not link.is_symlink():
                    link.symlink_to(program)

    def add(self, name: str, text: str) -> None:
        path = self.programs / name
        path.write_text(text)
        path.chmod(0o755)

    def environment(self, **extra: str) -> dict[str, str]:
        return {
            "PATH": self.path,
            "HOME": str(self.cache.parent),
            "XDG_CACHE_HOME": str(self.cache),
            "LOG": str(self.log),
            **extra,
        }

    def start(self, *arguments: str, **extra: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [str(REPO / "nixw"), *arguments],
            env=self.environment(**extra),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            cwd=REPO,
        )

    def run(self, *arguments: str, **extra: str) -> subprocess.CompletedProcess[str]:
        process = self.start(*arguments, **extra)
        stdout, stderr = process.communicate(timeout=60)
        return subprocess.CompletedProcess(arguments, process.returncode, stdout, stderr)

    def roots(self) -> list[str]:
        return sorted(path.name for path in (self.cache / "nanna-ci").glob("debian-*"))

    def times_made(self) -> int:
        return len(self.log.read_text().splitlines()) if self.log.exists() else 0


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


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
    asked = Path(f"{machine.log}.bwrap").read_text().splitlines()
    start = asked.index("nix")
    assert asked[start + 1] == "build"
    assert asked[-1] == ".#x"
    assert f"path:{REPO}/nix/toolkits/debian" in asked
    assert f"path:{REPO}/tests/workspace" in asked
    handed_on = dict(json.loads(Path(f"{machine.log}.overrides").read_text()))
    assert handed_on["nixpkgs"] == f"path:{REPO}/nix/toolkits/debian"
    ground = {f"nixpkgs/{name}" for name in ("root", "tools", "crates", "server")}
    assert set(handed_on) == {"nixpkgs", "nanna-coder"} | ground


def test_the_callers_override_wins_and_is_handed_on(machine: Machine, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "Cargo.lock").write_text("version = 4\n")
    result = machine.run("build", ".#x", "--override-input", "nanna-coder", f"path:{other}")
    assert result.returncode == 0, result.stderr
    asked = Path(f"{machine.log}.bwrap").read_text().splitlines()
    assert asked.count("nanna-coder") == 1
    assert asked[asked.index("nanna-coder") + 1] == f"path:{other}"
    assert f'["nanna-coder","path:{other}"]' in Path(f"{machine.log}.overrides").read_text()


def test_a_broken_pipe_of_nix_does_not_end_what_it_runs(machine: Machine) -> None:
    assert machine.run("run", ".#plan", MODE="pipe").returncode == 0
    assert machine.run("develop", MODE="pipe").returncode == -signal.SIGPIPE


def test_a_command_that_reads_no_flake_gets_no_overrides(machine: Machine) -> None:
    machine.run("--version")
    asked = Path(f"{machine.log}.bwrap").read_text().splitlines()
    assert asked[asked.index("nix") + 1 :] == ["--version"]


@pytest.mark.parametrize(("mode", "words"), [("full", "disk is full"), ("offline", "no Debian mirror can be reached")])
def test_a_failed_root_is_explained_and_leaves_nothing(machine: Machine, mode: str, words: str) -> None:
    failed = machine.run("--version", MODE=mode)
    assert failed.returncode == 3
    assert words in failed.stderr
    assert "hint:" in failed.stderr
    assert machine.roots() == []
    assert machine.run("--version").returncode == 0


def test_tools_that_cannot_be_made_end_the_start_and_leave_no_copy(machine: Machine, tmp_path: Path) -> None:
    (tmp_path / "temporary").mkdir()
    failed = machine.run("--version", MODE="groundless", TMPDIR=str(tmp_path / "temporary"))
    assert failed.returncode == 3
    assert list((tmp_path / "temporary").iterdir()) == []
    assert machine.run("--version").returncode == 0


def test_a_model_server_that_cannot_be_fetched_stops_nothing_and_is_tried_again_a_day_later(machine: Machine) -> None:
    first = machine.run("build", ".#x", MODE="serverless")
    assert first.returncode == 0, first.stderr
    assert "going on without the model server" in first.stderr
    assert "nixpkgs/server" not in Path(f"{machine.log}.overrides").read_text()
    asked = Path(f"{machine.log}.server")
    assert machine.run("build", ".#x", MODE="serverless").stderr == ""
    assert asked.read_text() == "asked\n"

    (failed,) = (machine.cache / "nanna-ci/ground").glob("server-*.failed")
    yesterday = time.time() - 25 * 3600
    os.utime(failed, (yesterday, yesterday))
    assert machine.run("build", ".#x").returncode == 0
    assert "nixpkgs/server" in Path(f"{machine.log}.overrides").read_text()


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


def test_two_starts_at_once_make_one_root(machine: Machine) -> None:
    both = [machine.start("--version", MODE="slow", SLOW="1") for _ in range(2)]
    results = [process.communicate(timeout=60) for process in both]
    assert [process.returncode for process in both] == [0, 0], results
    assert machine.times_made() == 1
    assert sum("waiting for it" in stderr for _, stderr in results) == 1


def test_another_system_is_told_what_to_install(machine: Machine) -> None:
    machine.add("uname", "#!/bin/bash\necho riscv64\n")
    result = machine.run("--version")
    assert result.returncode == 3
    assert "install Nix" in result.stderr


def test_who_is_not_root_is_told_so(machine: Machine) -> None:
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
