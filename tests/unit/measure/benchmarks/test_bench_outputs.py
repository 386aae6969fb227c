"""What nix and git are asked for the programs of both sides."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from nanna_ci.foundation.errors import CommandFailed, UsageError
from nanna_ci.measure.benchmarks.bench_outputs import BenchOutputs, NoBenchmarks
from nanna_ci.store.nix import Nix
from support.fake_ports import FakeRun

COMMIT = "a" * 40
OUTPUT = "/nix/store/0c5cm1zsyvgqgwm8h9zxq6ja3fr4bwk6-benchmarks"
SUBJECT = {
    "NANNA_CI_FLAKE": "path:/pipeline",
    "NANNA_CI_OVERRIDES": json.dumps([["nixpkgs", "path:/k"], ["nanna-coder", "path:/w"]]),
}
NIX = ("nix", "--extra-experimental-features", "nix-command flakes", "build", "--no-link", "--print-out-paths")
GIT = ("git", "-c", "core.fsmonitor=false", "-C")


def outputs(run: FakeRun, environ: dict[str, str]) -> BenchOutputs:
    return BenchOutputs(Nix(run, environ=environ), run, environ, Path("/w"), lambda _: None)


@pytest.fixture
def run() -> FakeRun:
    """git that answers, with the workspace in the folder `below` of the work tree."""
    made = FakeRun()
    made.script(*GIT)
    made.script(*GIT, "/w", "rev-parse", "--show-prefix", stdout=b"below/\n")
    made.script(*GIT, "/w", "rev-parse", "--show-toplevel", stdout=b"/top\n")
    return made


def test_the_base_is_the_same_output_over_the_source_of_its_commit(run: FakeRun, tmp_path: Path) -> None:
    scratch = tmp_path / "commit"
    given = ("--override-input", "nixpkgs", "path:/k", "--override-input", "nanna-coder", f"path:{scratch}")
    words = (*NIX, "--no-write-lock-file", *given, "path:/pipeline#benchmark-programs")
    run.script(*words, stdout=f"{OUTPUT}\n".encode())
    assert outputs(run, SUBJECT).base(COMMIT, scratch) == Path(OUTPUT)
    checked_out = [call for call in run.calls if "checkout-index" in call.argv or "read-tree" in call.argv]
    assert [call.argv[4:] for call in checked_out] == [
        ("/w", "read-tree", f"{COMMIT}:below"),
        ("/top", "checkout-index", "--all", f"--prefix={scratch}/"),
    ]
    assert {call.options["env"]["GIT_INDEX_FILE"] for call in checked_out} == {str(tmp_path / "commit.index")}


def test_a_flake_that_is_the_workspace_itself_is_taken_from_the_commit(run: FakeRun, tmp_path: Path) -> None:
    scratch = tmp_path / "commit"
    run.script(*NIX, "--no-write-lock-file", f"path:{scratch}#benchmark-programs", stdout=f"{OUTPUT}\n".encode())
    assert outputs(run, {"NANNA_CI_FLAKE": "path:/w"}).base(COMMIT, scratch) == Path(OUTPUT)
    assert run.calls[-1].options["cwd"] == scratch


def test_on_the_debian_toolkit_nixw_brings_the_crates_of_that_commit(run: FakeRun, tmp_path: Path) -> None:
    scratch = tmp_path / "commit"
    environ = {**SUBJECT, "NANNA_CI_NIXW": "/p/nixw", "NANNA_CI_TOOLKIT": "debian"}
    words = ("build", "--no-link", "--print-out-paths", "--override-input", "nanna-coder", f"path:{scratch}")
    run.script("/p/nixw", *words, "path:/pipeline#benchmark-programs", stdout=f"{OUTPUT}\n".encode())
    assert outputs(run, environ).base(COMMIT, scratch) == Path(OUTPUT)


def test_variables_of_a_git_hook_lead_nowhere_else(run: FakeRun) -> None:
    run.script(*GIT, "/w", "rev-parse", "--verify", stdout=f"{COMMIT}\n".encode())
    environ = {"GIT_DIR": "/elsewhere", "GIT_SSL_CAINFO": "/ca", "HOME": "/h"}
    assert outputs(run, environ).commit("main") == COMMIT
    assert run.calls[-1].options["env"] == {"GIT_SSL_CAINFO": "/ca", "HOME": "/h"}


@pytest.mark.parametrize("ref", ["no-such", "--upload-pack=x"])
def test_what_is_no_ref_is_said(run: FakeRun, ref: str) -> None:
    run.script(*GIT, "/w", "rev-parse", "--verify", returncode=1)
    with pytest.raises(UsageError, match=rf"--against '{ref}' is "):
        outputs(run, {}).commit(ref)


def test_outside_of_a_work_tree_there_is_no_base() -> None:
    run = FakeRun()
    run.script(*GIT, returncode=128)
    with pytest.raises(UsageError, match="needs git, and there is no work tree in /w"):
        outputs(run, {}).commit("main")


def test_a_commit_without_the_folder_is_said(run: FakeRun, tmp_path: Path) -> None:
    run.script(*GIT, "/w", "read-tree", returncode=128)
    with pytest.raises(UsageError, match="aaaaaaaaaaaa has no folder 'below'"):
        outputs(run, SUBJECT).base(COMMIT, tmp_path / "commit")


@pytest.mark.parametrize(
    ("stderr", "error"),
    [
        (b"error: flake 'path:/x' does not provide attribute 'packages.x.benchmark-programs'\n", NoBenchmarks),
        (b"error: builder for '/nix/store/x.drv' failed with exit code 101\n", CommandFailed),
    ],
)
def test_an_older_pipeline_is_told_from_a_build_that_fails(
    run: FakeRun, tmp_path: Path, stderr: bytes, error: type[Exception]
) -> None:
    run.script(*NIX, returncode=1, stderr=stderr)
    with pytest.raises(error):
        outputs(run, SUBJECT).base(COMMIT, tmp_path / "commit")
