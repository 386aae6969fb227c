"""An adopter's workflows as a check of the flake: built where they keep to the rules, and what it says where not."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from support.fake_adopters import flake_lock, write_callers
from support.nix_evaluation import REPO, SYSTEM, evaluate_pipeline

CI = ".github/workflows/ci.yml"


@pytest.fixture
def adopter(tmp_path: Path) -> Path:
    folder = tmp_path / "workspace"
    shutil.copytree(REPO / "tests/workspace", folder, ignore=shutil.ignore_patterns("target"))
    (folder / "flake.lock").write_text(flake_lock())
    write_callers(folder)
    return folder


def build(folder: Path, name: str = "workflow") -> subprocess.CompletedProcess[str]:
    flake = ["--override-input", "nanna-coder", f"path:{folder}"]
    argv = [str(REPO / "nixw"), "build", "--no-link", "--print-build-logs", "--print-out-paths"]
    return subprocess.run(
        [*argv, f"{REPO}#checks.{SYSTEM}.{name}", *flake], capture_output=True, text=True, check=False, cwd=REPO
    )


@pytest.mark.parametrize("name", ["workflow", "pipeline-workflows"])
def test_workflows_that_keep_to_the_rules_are_a_derivation_that_builds(adopter: Path, name: str) -> None:
    done = build(adopter, name)
    assert done.returncode == 0, done.stderr
    assert ": no rule is broken." in Path(done.stdout.strip()).read_text()


def test_a_broken_rule_fails_the_build_and_is_in_its_log(adopter: Path) -> None:
    file = adopter / CI
    file.write_text(file.read_text().replace("contents: write", "contents: read"))
    done = build(adopter)
    assert done.returncode != 0
    assert f"{CI}:11: call-permissions: job pipeline grants contents: read" in " ".join(done.stderr.split())


def test_a_workspace_without_a_table_of_pins_has_no_such_check(adopter: Path) -> None:
    shutil.rmtree(adopter / ".github")
    pipeline = evaluate_pipeline("--override-input", "nanna-coder", f"path:{adopter}")
    assert f"checks.{SYSTEM}.workflow" not in pipeline["derivations"]
    assert f"checks.{SYSTEM}.pipeline-workflows" in pipeline["derivations"]
