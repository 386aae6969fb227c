"""The pipeline end to end: the real nixw, Nix, cargo and qemu, on workspaces that are not the default one.

Runs in the Debian root (`./nixw run .#test`). Every workspace is a copy in a temporary folder.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

REPO = Path(__file__).resolve().parents[2]
NIXW = str(REPO / "nixw")
TIMEOUT_S = 900


def nixw(*arguments: str, cwd: Path = REPO) -> subprocess.CompletedProcess[str]:
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("NANNA_CI_") or name == "NANNA_CI_ROOT"
    }
    return subprocess.run(
        [NIXW, *arguments], cwd=cwd, env=environment, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
    )


def on(workspace: Path, command: str, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """One of our commands on a workspace, from a folder of its own so that run folders do not meet."""
    return nixw(
        "run",
        f"path:{REPO}#{command}",
        "--override-input",
        "nanna-coder",
        f"path:{workspace}",
        "--",
        *arguments,
        cwd=cwd,
    )


def copy(name: str, folder: Path) -> Path:
    """A copy of a test workspace, not the repository's own files: what a test does to it stays in the test."""
    target = folder / name
    shutil.copytree(REPO / "tests" / "data" / name, target)
    return target


def jobs_of(answer: str) -> dict[str, Any]:
    return {job["id"]: job for job in json.loads(answer)["jobs"]}


@pytest.fixture(scope="module")
def faulty_run(tmp_path_factory: pytest.TempPathFactory) -> subprocess.CompletedProcess[str]:
    folder = tmp_path_factory.mktemp("faulty")
    return on(copy("failing-workspace", folder), "ci", "--format", "json", cwd=folder)


def test_a_workspace_with_faults_fails_by_name_and_its_other_jobs_go_on(
    faulty_run: subprocess.CompletedProcess[str],
) -> None:
    assert faulty_run.returncode == 1, faulty_run.stderr
    jobs = jobs_of(faulty_run.stdout)
    verdicts = {name: job["verdict"] for name, job in jobs.items()}
    assert verdicts["unit-x86_64-linux-stable"] == "fail"
    assert verdicts["clippy-x86_64-linux-stable"] == "fail"
    assert verdicts["fmt-x86_64-linux-stable"] == "fail"
    assert verdicts["doc-x86_64-linux-stable"] == "pass"
    assert verdicts["build-x86_64-linux"] == "pass"


def test_the_failing_test_and_the_command_that_reproduces_it_are_named(
    faulty_run: subprocess.CompletedProcess[str],
) -> None:
    unit = jobs_of(faulty_run.stdout)["unit-x86_64-linux-stable"]
    assert any("two_and_two_are_five" in name for name in unit["failingTests"])
    assert "checks.x86_64-linux.unit" in unit["reproduce"]
    assert any("two_and_two_are_five" in line for line in unit["logTail"])


def test_an_image_that_is_built_and_does_not_serve_fails_its_container_test(
    faulty_run: subprocess.CompletedProcess[str],
) -> None:
    jobs = jobs_of(faulty_run.stdout)
    assert jobs["image-faulty-x86_64-linux"]["verdict"] == "pass"
    test = jobs["container-test-faulty-x86_64-linux"]
    assert test["verdict"] == "fail"
    assert "exit" in test["reason"]
    assert [name.partition(":")[0] for name in test["failingTests"]] == ["health /health"]
    assert test["logTail"] == ["3"]
    assert "container-test" in test["reproduce"]


def test_failures_are_named_though_tests_print_results_and_leave_processes(tmp_path: Path) -> None:
    workspace = copy("forging-workspace", tmp_path)
    done = on(workspace, "run-job", "unit-x86_64-linux-stable", "--format", "json", "--output", "out", cwd=workspace)
    assert done.returncode == 1, done.stderr
    job = json.loads(done.stdout)["job"]
    assert (job["reason"], job["failingTests"]) == ("1 test failed", ["forger tests::broken"])
    assert job["evidence"]["tests"] == {"passed": 1, "flaky": 0, "failed": 1, "skipped": 0}
    assert job["evidence"]["exitCode"] == 100
    assert (workspace / "out/log.txt").read_text().count("0123456789abcdef begin") > 1
    assert (workspace / "out/junit.xml").is_file()


def test_a_container_test_runs_as_a_job_with_the_image_that_it_needs(tmp_path: Path) -> None:
    folder = tmp_path / "results" / "harness"
    words = ["container-test-harness-x86_64-linux", "--format", "json", "--output", str(folder)]
    done = nixw("run", f"path:{REPO}#run-job", "--", *words, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    (image,) = answer["needed"]
    assert (image["id"], image["verdict"]) == ("image-harness-x86_64-linux", "pass")
    tested = answer["job"]["evidence"]["image"]
    assert {check["status"] for check in tested["checks"]} == {"passed"}
    assert tested["manifestDigest"].startswith("sha256:")
    assert sorted(path.name for path in folder.iterdir()) == ["junit.xml", "log.txt", "result.json"]
    assert (folder.parent / image["id"] / "result.json").is_file()


def test_another_project_takes_the_pipeline_by_its_own_flake(tmp_path: Path) -> None:
    workspace = copy("other-workspace", tmp_path)
    done = nixw("run", ".#ci", "--", "--format", "json", cwd=workspace)
    assert done.returncode == 0, done.stderr
    verdicts = {name: job["verdict"] for name, job in jobs_of(done.stdout).items()}
    assert verdicts == dict.fromkeys(verdicts, "pass")
    assert {"unit-x86_64-linux-stable", "integration-x86_64-linux-stable", "build-aarch64-linux"} <= set(verdicts)


def test_a_cross_build_is_for_the_other_machine_and_runs_there(tmp_path: Path) -> None:
    workspace = copy("other-workspace", tmp_path)
    done = on(workspace, "cross-build", "--system", "aarch64-linux", "--format", "json", cwd=workspace)
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["chosen"] == "nix-cross"
    assert {item["machine"] for item in answer["executables"]} == {"aarch64"}
    assert {Path(item["path"]).name for item in answer["executables"]} == {"orrery", "almanac"}


def test_artifacts_of_the_wrong_machine_are_refused_with_both_names(tmp_path: Path) -> None:
    workspace = copy("other-workspace", tmp_path)
    built = nixw(
        "build",
        f"path:{REPO}#observatory",
        "--override-input",
        "nanna-coder",
        f"path:{workspace}",
        "--no-link",
        "--print-out-paths",
    )
    assert built.returncode == 0, built.stderr
    words = ["--system", "aarch64-linux", "--from", built.stdout.strip(), "--output", str(tmp_path / "dist")]
    done = on(workspace, "prepare-artifacts", *words, cwd=workspace)
    assert done.returncode == 1, done.stderr
    said = done.stdout + done.stderr
    assert "x86_64" in said
    assert "aarch64" in said
    assert not (tmp_path / "dist").exists()


def test_a_binary_that_is_not_built_is_an_error_that_names_it(tmp_path: Path) -> None:
    workspace = copy("other-workspace", tmp_path)
    config = workspace / "pipeline.toml"
    config.write_text(config.read_text().replace('"almanac"', '"almanack"'))
    done = on(workspace, "run-job", "build-x86_64-linux", cwd=workspace)
    assert done.returncode == 1, done.stderr
    assert "almanack" in done.stdout + done.stderr


def test_a_job_that_is_not_in_the_plan_is_a_usage_error_with_the_nearest_name(tmp_path: Path) -> None:
    done = on(copy("failing-workspace", tmp_path), "run-job", "unit-x86_64-linux-stabel", cwd=tmp_path)
    assert done.returncode == 2
    assert "unit-x86_64-linux-stable" in done.stderr


def test_a_broken_definition_is_one_clear_line(tmp_path: Path) -> None:
    workspace = copy("failing-workspace", tmp_path)
    (workspace / "pipeline.toml").write_text('[workspace]\nname = "x"\nbinarys = []\n')
    for command in ("ci", "plan"):
        done = on(workspace, command, cwd=tmp_path)
        assert done.returncode == 2
        *_, problem, hint = done.stderr.strip().splitlines()
        assert problem.endswith("pipeline.toml: workspace.binarys: unknown key")
        assert hint == 'hint: did you mean "binaries"?'
