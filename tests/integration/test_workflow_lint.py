"""The linters of GitHub workflows, in their strictest setting, have nothing to say about ours and the template's."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = (ROOT / ".github/workflows", ROOT / "templates/rust/.github/workflows")
WORKFLOWS = [path for folder in FOLDERS for path in sorted(folder.glob("*.yml"))]
DEPENDABOT = ROOT / ".github/dependabot.yml"

every_workflow = pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: str(path.relative_to(ROOT)))


def lint(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    found = shutil.which(program)
    assert found is not None, f"{program} is not on PATH: the test environment must have it"
    return subprocess.run([found, *arguments], capture_output=True, text=True, check=False, timeout=120)


def zizmor(path: Path) -> subprocess.CompletedProcess[str]:
    return lint("zizmor", "--offline", "--no-progress", "--color=never", "--persona=auditor", str(path))


@every_workflow
def test_zizmors_auditor_finds_nothing(path: Path) -> None:
    done = zizmor(path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "No findings to report" in done.stdout


def test_only_the_workflow_that_starts_after_another_has_a_finding_that_is_ignored() -> None:
    ignored = [path.name for path in WORKFLOWS if "zizmor: ignore" in path.read_text()]
    assert ignored == ["ci-post.yml", "ci-post.yml"]
    assert "workflow_run: # zizmor: ignore[dangerous-triggers]" in (FOLDERS[0] / "ci-post.yml").read_text()


def test_the_workflows_are_valid_for_github() -> None:
    done = lint("check-jsonschema", "--builtin-schema", "vendor.github-workflows", *map(str, WORKFLOWS))
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
    ("name", "right", "wrong", "finding"),
    [
        ("pipeline", "@3d3c42e5aac5ba805825da76410c181273ba90b1 # v7.0.1", "@v7", "unpinned-uses"),
        (
            "pipeline",
            "@sha256:a29215f6a35e51e22adffa17f89e9d2ef06214e64a2bad10d765c46aea49f11f",
            "",
            "unpinned-images",
        ),
        ("run-jobs", "persist-credentials: false", "fetch-depth: 1", "artipacked"),
        ("pipeline", "permissions: {}", "permissions: write-all", "excessive-permissions"),
        (
            "run-jobs",
            'nix run .#run-job -- "$JOB"',
            "nix run .#run-job -- ${{ github.head_ref }}",
            "template-injection",
        ),
        ("ci", "pull_request: {}", "pull_request_target: {}", "dangerous-triggers"),
        ("ci-post", " # zizmor: ignore[dangerous-triggers] no code of the run is fetched", "", "dangerous-triggers"),
    ],
)
def test_the_auditor_looks_at_what_we_rely_on(name: str, right: str, wrong: str, finding: str, tmp_path: Path) -> None:
    text = (FOLDERS[0] / f"{name}.yml").read_text()
    assert right in text
    folder = tmp_path / ".github/workflows"
    folder.mkdir(parents=True)
    mutant = folder / f"{name}.yml"
    mutant.write_text(text.replace(right, wrong))
    done = zizmor(mutant)
    assert done.returncode != 0
    assert f"[{finding}]" in done.stdout
