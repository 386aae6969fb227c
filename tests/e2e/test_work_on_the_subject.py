"""The specification's two commands to reproduce test issues, in a folder without Cargo.toml: real Nix and cargo.

Runs in the Debian root (`./nixw run .#test`).
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parents[2]
TIMEOUT_S = 600


def nixw(command: str, workspace: Path, cwd: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """`nixw COMMAND` of this repository's flake from `cwd`, with `workspace` under CI."""
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith("NANNA_CI_") or name == "NANNA_CI_ROOT"
    }
    kept["CARGO_TARGET_DIR"] = str(cwd / "target")  # nothing of a test stays in the user's cache folder
    name = f"path:{REPO}" if command == "develop" else f"path:{REPO}#{command}"
    verb = "develop" if command == "develop" else "run"
    argv = [str(REPO / "nixw"), verb, name, "--override-input", "nanna-coder", f"path:{workspace}", *words]
    return subprocess.run(argv, cwd=cwd, env=kept, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    folder = tmp_path / "workspace"
    shutil.copytree(REPO / "tests/data/failing-workspace", folder)
    return folder


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    folder = tmp_path / "bare"
    folder.mkdir()
    return folder


def test_cargo_nextest_of_the_shell_tests_the_workspace_under_ci(workspace: Path, bare: Path) -> None:
    done = nixw("develop", workspace, bare, "--command", "cargo", "nextest", "run")
    assert done.returncode == 100, done.stderr
    assert f"no Cargo.toml in {bare}: cargo nextest run goes to the workspace under CI, {workspace}\n" in done.stderr
    assert "tests::two_and_two_are_five" in done.stderr
    assert (bare / "target/debug").is_dir()
    assert not (workspace / "target").exists()


def test_dev_check_checks_the_workspace_under_ci(workspace: Path, bare: Path) -> None:
    done = nixw("dev-check", workspace, bare, "--", "--format", "json")
    assert done.returncode == 1, done.stderr
    answer = json.loads(done.stdout)
    assert answer["workspace"] == str(workspace)
    steps = {step["id"]: step for step in answer["steps"]}
    assert any("two_and_two_are_five" in name for name in steps["nextest"]["failingTests"])
    assert (bare / "target/debug").is_dir()
    assert not (workspace / "target").exists()
