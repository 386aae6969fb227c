"""cargo-nextest of the development shell, in front of a stand-in for the real one."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from nanna_ci.pipeline.subject import Subject

SHELL = Path(__file__).parents[2] / "nix/shell/bin"
BASH = shutil.which("bash") or "bash"  # a build sandbox has no /usr/bin/env to start the script by
STAND_IN = """\
#!/bin/sh
echo "$PWD|${CARGO_TARGET_DIR:-}|$*"
exit 7
"""


@dataclass
class Shell:
    """A working folder without Cargo.toml, a workspace beside it, and the shell's PATH."""

    folder: Path
    workspace: Path
    programs: Path

    def nextest(self, *words: str, cwd: Path | None = None, **environ: str) -> tuple[list[str], str]:
        """What the real program saw (folder, target folder, words), and what was said."""
        unwanted = ("NANNA_CI_", "CARGO_", "XDG_CACHE_HOME")
        bare = {name: value for name, value in os.environ.items() if not name.startswith(unwanted)}
        path = f"{SHELL}:{self.programs}:{os.environ['PATH']}"
        done = subprocess.run(
            [BASH, str(SHELL / "cargo-nextest"), "nextest", *words],
            cwd=cwd or self.folder,
            env={**bare, "PATH": path, **environ},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == 7, done.stderr
        return done.stdout.rstrip("\n").split("|"), done.stderr


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    made = Shell(tmp_path / "here", tmp_path / "work space", tmp_path / "bin")
    for folder in (made.folder, made.workspace, made.programs):
        folder.mkdir()
    (made.workspace / "Cargo.toml").touch()
    program = made.programs / "cargo-nextest"
    program.write_text(STAND_IN)
    program.chmod(0o755)
    return made


@pytest.mark.parametrize("command", ["run", "list"])
def test_without_a_workspace_it_goes_to_the_one_under_ci_and_says_so(shell: Shell, command: str) -> None:
    seen, said = shell.nextest(command, "-p", "model", NANNA_CI_WORKSPACE=str(shell.workspace))
    target = str(Subject(shell.workspace).target_folder({"HOME": os.environ["HOME"]}))
    assert seen == [str(shell.workspace), target, f"nextest {command} -p model"]
    assert said == (
        f"nanna-ci: no Cargo.toml in {shell.folder}: cargo nextest {command} goes to the workspace under CI, "
        f"{shell.workspace}\n"
    )


def test_the_folder_that_nixw_hands_on_comes_before_the_flakes_copy(shell: Shell) -> None:
    pairs = [["nixpkgs", "path:/toolkit"], ["nanna-coder", f"path:{shell.workspace}"], ["nixpkgs/root", "path:/root"]]
    for overrides in (json.dumps(pairs), json.dumps(pairs, separators=(",", ":"))):
        seen, _ = shell.nextest("run", NANNA_CI_WORKSPACE=str(shell.programs), NANNA_CI_OVERRIDES=overrides)
        assert seen[0] == str(shell.workspace)


@pytest.mark.parametrize("own", [{"CARGO_TARGET_DIR": "/mine"}, {"XDG_CACHE_HOME": "/cache"}])
def test_it_builds_where_dev_check_does(shell: Shell, own: dict[str, str]) -> None:
    seen, _ = shell.nextest("run", cwd=None, NANNA_CI_WORKSPACE=str(shell.workspace), **own)
    assert seen[1] == str(Subject(shell.workspace).target_folder(own))


def test_in_a_workspace_and_below_one_it_is_the_real_program(shell: Shell) -> None:
    (shell.folder / "Cargo.toml").touch()
    (shell.folder / "below").mkdir()
    for folder in (shell.folder, shell.folder / "below"):
        seen, said = shell.nextest("run", cwd=folder, NANNA_CI_WORKSPACE=str(shell.workspace))
        assert (seen, said) == ([str(folder), "", "nextest run"], "")


@pytest.mark.parametrize(
    "words",
    [["--version"], ["run", "--manifest-path", "x/Cargo.toml"], ["run", "--archive-file=x"], ["self", "update"], []],
)
def test_what_needs_no_workspace_is_the_real_programs(shell: Shell, words: list[str]) -> None:
    seen, said = shell.nextest(*words, NANNA_CI_WORKSPACE=str(shell.workspace))
    assert (seen, said) == ([str(shell.folder), "", " ".join(["nextest", *words])], "")


@pytest.mark.parametrize("workspace", ["", "/nowhere"])
def test_if_no_workspace_is_named_the_real_program_decides(shell: Shell, workspace: str) -> None:
    seen, said = shell.nextest("run", NANNA_CI_WORKSPACE=workspace)
    assert (seen, said) == ([str(shell.folder), "", "nextest run"], "")


def test_without_the_real_program_it_ends_and_says_so(shell: Shell) -> None:
    done = subprocess.run(
        [BASH, str(SHELL / "cargo-nextest"), "nextest", "run"],
        env={"PATH": str(SHELL)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (3, "nanna-ci: this shell has no cargo-nextest\n")
