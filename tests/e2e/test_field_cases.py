"""Situations from the field, answered by `dev-check` with the real cargo and nextest, in copies.

Needs cargo, rustfmt, clippy and cargo-nextest on PATH (`./nixw run .#test`).
"""

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

CASES = Path(__file__).resolve().parents[1] / "data" / "cases"
HOSTILE = """\
[profile.nanna-ci]
default-filter = "not test(broken)"
junit.path = "elsewhere.xml"
[profile.default.junit]
path = "elsewhere.xml"
"""


@pytest.fixture
def case(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """A copy of the case that the test names."""
    name = request.param
    shutil.copytree(CASES / name, tmp_path / name)
    return tmp_path / name


def run(folder: Path, *words: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """One of our commands in a folder."""
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("NANNA_CI_", "GITHUB_", "CARGO_"))
    }
    kept |= {"PYTHONPATH": str(Path(nanna_ci.__file__).parents[1]), **environ}
    argv = [sys.executable, "-m", "nanna_ci", *words]
    return subprocess.run(argv, cwd=folder, env=kept, capture_output=True, text=True, timeout=300, check=False)


def steps(folder: Path, *words: str, **environ: str) -> dict[str, dict[str, Any]]:
    done = run(folder, "dev-check", "--format", "json", *words, **environ)
    return {step["id"]: step for step in json.loads(done.stdout)["steps"]}


@pytest.mark.parametrize("case", ["leaky"], indirect=True)
def test_a_test_that_fails_and_leaves_a_child_is_named_with_its_panic(case: Path) -> None:
    nextest = steps(case)["nextest"]
    assert (nextest["verdict"], nextest["failingTests"]) == ("fail", ["w::it leaves_a_child"])
    assert "server did not answer" in nextest["logTail"]


@pytest.mark.parametrize("case", ["timeout-pass"], indirect=True)
def test_a_test_that_may_run_out_of_time_is_not_called_failed_beside_one_that_is(case: Path) -> None:
    nextest = steps(case)["nextest"]
    assert (nextest["reason"], nextest["failingTests"]) == ("1 test failed", ["w::it leaves_a_child"])


@pytest.mark.parametrize("case", ["setup-script"], indirect=True)
def test_a_setup_script_that_fails_is_named_with_what_it_printed(case: Path) -> None:
    nextest = steps(case)["nextest"]
    assert (nextest["verdict"], nextest["failingTests"]) == ("fail", ["setup script db"])
    assert "no database" in nextest["logTail"]


@pytest.mark.parametrize("case", ["path-dependencies"], indirect=True)
def test_fix_formats_the_members_of_the_workspace_alone(case: Path) -> None:
    others = [case / "vendored/src/lib.rs", case / "ws/third/src/lib.rs"]
    before = [file.read_bytes() for file in others]
    assert steps(case / "ws")["fmt"]["verdict"] == "pass"
    member = case / "ws/src/main.rs"
    member.write_text(member.read_text().replace("fn main()", "fn  main( )"))
    assert steps(case / "ws", "--fix")["fmt"]["verdict"] == "pass"
    assert "fn main()" in member.read_text()
    assert [file.read_bytes() for file in others] == before


@pytest.mark.parametrize("case", ["stale-lock"], indirect=True)
def test_a_lock_that_does_not_fit_fails_by_its_fix_and_stays_as_it_is(case: Path) -> None:
    before = (case / "Cargo.lock").read_bytes()
    answers = steps(case)
    for name in ("clippy", "nextest"):
        assert answers[name]["verdict"] == "fail"
        assert "cargo update --workspace" in answers[name]["reason"]
    assert (case / "Cargo.lock").read_bytes() == before


@pytest.mark.parametrize("case", ["broken-manifest"], indirect=True)
def test_a_broken_manifest_is_reported_with_its_innermost_cause(case: Path) -> None:
    done = run(case, "dev-check")
    assert done.returncode == 2
    assert "failed to find a workspace root" in done.stderr


def crate(folder: Path, source: str, nextest: str | None = None) -> Path:
    """A crate of its own."""
    (folder / "src").mkdir()
    (folder / "src/lib.rs").write_text(source)
    (folder / "Cargo.toml").write_text('[package]\nname = "w"\nversion = "0.1.0"\nedition = "2021"\n')
    if nextest is not None:
        (folder / ".config").mkdir()
        (folder / ".config/nextest.toml").write_text(nextest)
    return folder


BROKEN = "#[test]\nfn fine() {}\n#[test]\nfn broken() {\n    panic!();\n}\n"


def test_a_workspaces_own_profile_hides_no_failing_test(tmp_path: Path) -> None:
    nextest = steps(crate(tmp_path, BROKEN, HOSTILE))["nextest"]
    assert (nextest["verdict"], nextest["failingTests"]) == ("fail", ["w broken"])
    assert nextest["evidence"]["tests"]["passed"] == 1


def test_the_environment_makes_no_pass_of_a_workspace_without_tests(tmp_path: Path) -> None:
    folder = crate(tmp_path, "//! Nothing.\n")
    nextest = steps(folder, NEXTEST_NO_TESTS="pass")["nextest"]
    assert nextest["verdict"] == "unavailable"
    assert nextest["evidence"]["environment"]["removed"] == ["NEXTEST_NO_TESTS"]


def test_a_runner_that_hides_the_tests_is_not_used(tmp_path: Path) -> None:
    name = "CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUNNER"
    nextest = steps(crate(tmp_path, BROKEN), **{name: "/bin/true"})["nextest"]
    assert (nextest["verdict"], nextest["failingTests"]) == ("fail", ["w broken"])
