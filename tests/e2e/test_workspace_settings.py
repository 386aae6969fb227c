"""What a workspace says of itself in pipeline.toml, built through nixw, Nix and its sandbox."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from support.fake_workspaces import WORKSPACES, run_job


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return shutil.copytree(WORKSPACES / "settings", tmp_path_factory.mktemp("settings") / "source")


def job_of(source: Path, kind: str, output: Path) -> tuple[int, dict[str, Any], str]:
    """Exit code, the job's result, its log."""
    done = run_job(source, f"{kind}-x86_64-linux-stable", output)
    assert done.stdout, done.stderr
    log = output / "log.txt"
    return done.returncode, json.loads(done.stdout)["job"], log.read_text() if log.exists() else ""


def test_features_variables_programs_a_filter_and_retries_reach_the_tests(source: Path, tmp_path: Path) -> None:
    code, job, log = job_of(source, "unit", tmp_path / "unit")
    assert code == 0, log
    # one at the second attempt; the one that the filter leaves out would fail
    tests = job["evidence"]["tests"]
    assert (tests["passed"], tests["flaky"], tests["failed"]) == (2, 1, 0)


def test_a_test_that_takes_longer_than_the_limit_is_ended_and_named(source: Path, tmp_path: Path) -> None:
    code, job, _ = job_of(source, "integration", tmp_path / "integration")
    assert (code, job["verdict"], job["failingTests"]) == (1, "fail", ["app::slow never_ends"])


def test_lints_may_be_allowed_and_members_left_out(source: Path, tmp_path: Path) -> None:
    code, job, log = job_of(source, "clippy", tmp_path / "clippy")
    assert (code, job["verdict"]) == (0, "pass"), log


def test_rustdocs_warnings_fail_if_the_workspace_says_so_and_nowhere_else(source: Path, tmp_path: Path) -> None:
    code, _, log = job_of(source, "doc", tmp_path / "doc")
    assert code == 0, log
    strict = shutil.copytree(source, tmp_path / "strict")
    text = (strict / "pipeline.toml").read_text()
    (strict / "pipeline.toml").write_text(f"{text}\n[doc]\ndeny_warnings = true\n")
    code, job, _ = job_of(strict, "doc", tmp_path / "strict-doc")
    assert (code, job["verdict"]) == (1, "fail")
    assert "unresolved link to `nowhere`" in " ".join(job["failingTests"])


def test_an_example_in_the_documentation_that_is_wrong_fails_doc_and_is_named(source: Path, tmp_path: Path) -> None:
    wrong = shutil.copytree(source, tmp_path / "wrong")
    library = wrong / "rust/app/src/lib.rs"
    library.write_text(library.read_text().replace("assert_eq!(app::two(), 2);", "assert_eq!(app::two(), 3);"))
    code, job, log = job_of(wrong, "doc", tmp_path / "doc")
    assert (code, job["verdict"]) == (1, "fail"), log
    assert job["failingTests"] == ["app/src/lib.rs - two (line 8)"]
    (wrong / "pipeline.toml").write_text((wrong / "pipeline.toml").read_text() + "\n[doc]\ntests = false\n")
    assert job_of(wrong, "doc", tmp_path / "without")[0] == 0
