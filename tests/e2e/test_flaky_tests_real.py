"""A test that passes only when it is tried again: in Nix's sandbox and with cargo alone, as a pass and as a failure."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import nanna_ci
from nanna_ci.measure.history.records import FlakyTest
from nanna_ci.measure.tests.job_tests import read_job_tests
from support.fake_workspaces import WORKSPACES, run_command

UNIT = "unit-x86_64-linux-stable"
SHAKY = "app tests::shaky"
WARNING = f"1 test passed only when tried again: {SHAKY}"
REFUSED = "1 test failed: passed when tried again, and flaky tests are to fail"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return shutil.copytree(WORKSPACES / "flaky", tmp_path / "flaky")


def let_flaky_tests_fail(source: Path) -> None:
    with (source / "pipeline.toml").open("a") as settings:
        settings.write('flaky_result = "fail"\n')


def unit_job(source: Path, output: Path, *words: str) -> tuple[int, dict[str, Any]]:
    """The job through nixw, Nix and its sandbox."""
    done = run_command(source, "run-job", UNIT, "--output", str(output), *words)
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)["job"]


def dev_check(source: Path, scratch: Path) -> dict[str, Any]:
    """The step of nextest with the cargo on PATH; `scratch` is the temporary folder of its tests, new for each run."""
    scratch.mkdir()
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("NANNA_CI_", "GITHUB_"))}
    environment |= {"PYTHONPATH": str(Path(nanna_ci.__file__).parents[1]), "TMPDIR": str(scratch)}
    argv = [sys.executable, "-m", "nanna_ci", "dev-check", "--format", "json"]
    done = subprocess.run(argv, cwd=source, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.stdout, done.stderr
    (nextest,) = [step for step in json.loads(done.stdout)["steps"] if step["id"] == "nextest"]
    return dict(nextest)


def test_in_nix_a_flaky_pass_is_named_also_from_the_store_and_fails_under_strict(source: Path, tmp_path: Path) -> None:
    code, job = unit_job(source, tmp_path / "out" / UNIT)
    assert (code, job["verdict"], job["evidence"]["warnings"]) == (0, "pass", [WARNING])
    assert job["evidence"]["tests"] == {"passed": 1, "flaky": 1, "failed": 0, "skipped": 0}
    (tests,) = read_job_tests(tmp_path / "out")
    assert (tests.flaky, tests.flaky_tests) == (1, (FlakyTest(SHAKY, 2),))
    code, job = unit_job(source, tmp_path / "again", "--strict")
    assert (code, job["verdict"], job["state"]) == (1, "fail", "present")
    assert job["reason"] == f"{WARNING}; --strict counts that as failure"


def test_in_nix_a_flaky_test_fails_as_one_where_the_workspace_says_so(source: Path, tmp_path: Path) -> None:
    let_flaky_tests_fail(source)
    code, job = unit_job(source, tmp_path / "out" / UNIT)
    assert (code, job["verdict"], job["reason"], job["failingTests"]) == (1, "fail", REFUSED, [SHAKY])
    assert job["evidence"]["tests"] == {"passed": 1, "flaky": 0, "failed": 1, "skipped": 0}
    (tests,) = read_job_tests(tmp_path / "out")
    assert (tests.failed, tests.flaky_tests) == (1, (FlakyTest(SHAKY, 2),))


def test_with_cargo_alone_a_flaky_test_passes_with_a_warning_or_fails_as_one(source: Path, tmp_path: Path) -> None:
    step = dev_check(source, tmp_path / "passing")
    assert (step["verdict"], step["evidence"]["warnings"]) == ("pass", [WARNING])
    assert step["evidence"]["tests"] == {"passed": 1, "flaky": 1, "failed": 0, "skipped": 0}
    let_flaky_tests_fail(source)
    step = dev_check(source, tmp_path / "failing")
    assert (step["verdict"], step["reason"], step["failingTests"]) == ("fail", REFUSED, [SHAKY])


def test_an_override_in_the_workspaces_nextest_toml_lets_one_flaky_test_pass(source: Path, tmp_path: Path) -> None:
    let_flaky_tests_fail(source)
    (source / ".config").mkdir()
    override = '[[profile.default.overrides]]\nfilter = "test(shaky)"\nflaky-result = "pass"\n'
    (source / ".config/nextest.toml").write_text(override)
    step = dev_check(source, tmp_path / "scratch")
    assert (step["verdict"], step["evidence"]["warnings"]) == ("pass", [WARNING])
