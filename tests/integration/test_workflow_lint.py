"""The linters of GitHub workflows, in their strictest setting, have nothing to say about ours."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

WORKFLOW = Path(__file__).parents[2] / ".github/workflows/ci.yml"
DEPENDABOT = Path(__file__).parents[2] / ".github/dependabot.yml"


def lint(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    found = shutil.which(program)
    assert found is not None, f"{program} is not on PATH: the test environment must have it"
    return subprocess.run([found, *arguments], capture_output=True, text=True, check=False, timeout=120)


def zizmor(path: Path) -> subprocess.CompletedProcess[str]:
    return lint("zizmor", "--offline", "--no-progress", "--color=never", "--persona=auditor", str(path))


def test_zizmors_auditor_finds_nothing() -> None:
    done = zizmor(WORKFLOW)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "No findings to report" in done.stdout


def test_the_workflow_is_valid_for_github() -> None:
    done = lint("check-jsonschema", "--builtin-schema", "vendor.github-workflows", str(WORKFLOW))
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_configuration_of_dependabot_is_valid() -> None:
    done = lint("check-jsonschema", "--builtin-schema", "vendor.dependabot", str(DEPENDABOT))
    assert done.returncode == 0, done.stdout + done.stderr
    assert zizmor(DEPENDABOT).returncode == 0


def test_zizmor_wants_a_week_before_dependabot_takes_a_release(tmp_path: Path) -> None:
    text = DEPENDABOT.read_text()
    mutant = tmp_path / ".github/dependabot.yml"
    mutant.parent.mkdir()
    mutant.write_text(text.replace("default-days: 7", "default-days: 1"))
    done = zizmor(mutant)
    assert done.returncode != 0
    assert "[dependabot-cooldown]" in done.stdout


@pytest.mark.parametrize(
    ("right", "wrong", "finding"),
    [
        ("@3d3c42e5aac5ba805825da76410c181273ba90b1 # v7.0.1", "@v7", "unpinned-uses"),
        ("@sha256:a29215f6a35e51e22adffa17f89e9d2ef06214e64a2bad10d765c46aea49f11f", "", "unpinned-images"),
        ("persist-credentials: false", "fetch-depth: 1", "artipacked"),
        ("permissions: {}", "permissions: write-all", "excessive-permissions"),
        ('nix run .#run-job -- "$JOB"', "nix run .#run-job -- ${{ github.head_ref }}", "template-injection"),
        ("  pull_request:\n", "  pull_request_target:\n", "dangerous-triggers"),
    ],
)
def test_the_auditor_looks_at_what_we_rely_on(right: str, wrong: str, finding: str, tmp_path: Path) -> None:
    text = WORKFLOW.read_text()
    assert right in text
    folder = tmp_path / ".github/workflows"
    folder.mkdir(parents=True)
    mutant = folder / "ci.yml"
    mutant.write_text(text.replace(right, wrong))
    done = zizmor(mutant)
    assert done.returncode != 0
    assert f"[{finding}]" in done.stdout
