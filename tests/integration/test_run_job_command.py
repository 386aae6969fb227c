"""`nanna-ci run-job` as its user sees it: a derivation's job, a build, and the host's cargo."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from nanna_ci.binaries import targets
from nanna_ci.binaries.ladder import Built
from nanna_ci.binaries.targets import System
from nanna_ci.cli import main
from nanna_ci.foundation.context import Ports
from nanna_ci.foundation.errors import Interrupted, ToolMissing
from nanna_ci.jobs import build_job
from nanna_ci.pipeline import nix_jobs
from nanna_ci.store.build_times import load_build_times
from support.fake_ports import FakePorts
from support.json_schemas import check
from support.recorded_nix import DATA, RecordedNix
from support.stand_in_nextest import Nextest

CARGO = DATA.parent / "cargo"
UNIT = "unit-x86_64-linux-stable"
GREEN_FILE = CARGO / "green.xml"
MAC_UNIT = "unit-aarch64-darwin-stable"


class Machine:
    """One command line on one machine."""

    def __init__(self, folder: Path, run: Any, system: System | None, monkeypatch: pytest.MonkeyPatch) -> None:
        shutil.copy(DATA / "pipeline.toml", folder)
        monkeypatch.setattr(targets, "host_system", lambda platform, machine: system)
        self.fake = FakePorts(folder)
        self.fake.environ["PATH"] = str(folder / "bin")
        self.run = run
        self.folder = folder

    def __call__(self, *words: str) -> int:
        fake = self.fake
        return main(
            ["run-job", *words],
            Ports(
                environ=fake.environ,
                stdout=fake.stdout,
                stderr=fake.stderr,
                cwd=self.folder,
                run=self.run,
                clock=lambda: fake.seconds,
                now=lambda: 1.7e9,
            ),
        )

    @property
    def out(self) -> str:
        return self.fake.stdout.getvalue()

    @property
    def err(self) -> str:
        return self.fake.stderr.getvalue()

    def job(self, *words: str) -> tuple[int, dict[str, Any]]:
        code = self(*words, "--format", "json")
        answer = json.loads(self.out)
        check(answer)
        assert answer["verdict"] == answer["job"]["verdict"]
        return code, answer["job"]


@pytest.fixture
def linux(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(tmp_path, RecordedNix("failing"), System.X86_64_LINUX, monkeypatch)


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_only_the_jobs_own_derivation_is_built(linux: Machine) -> None:
    code, job = linux.job(UNIT)
    (build,) = linux.run.of("build")
    assert [word.partition("-")[2] for word in build if word.startswith("/nix")] == ["demo-unit.drv^*"]
    reason = "the build failed with exit code 100: demo tests::killed, demo tests::wrong"
    assert (code, job["verdict"], job["reason"]) == (1, "fail", reason)
    assert files(linux.folder / ".nanna-ci/jobs" / UNIT) == ["log.txt", "result.json"]


def test_the_folder_can_be_named(linux: Machine) -> None:
    assert linux(UNIT, "--output", "results/unit") == 1
    result = json.loads((linux.folder / "results/unit/result.json").read_text())
    assert (result["id"], result["verdict"], result["schemaVersion"]) == (UNIT, "fail", 1)
    assert not (linux.folder / ".nanna-ci/jobs").exists()


def test_what_was_built_is_timed_for_the_caches(linux: Machine) -> None:
    linux(UNIT)
    times = load_build_times(linux.folder / ".nanna-ci/build-times.json")
    assert times.of(None, "demo-deps") is not None
    assert times.of(None, "demo-unit") is None, "it failed: how long it takes is unknown"


def test_what_an_older_run_left_does_not_speak_for_this_one(linux: Machine) -> None:
    folder = linux.folder / "out"
    folder.mkdir()
    (folder / "junit.xml").write_text("<testsuites/>")
    linux(UNIT, "--output", "out")
    assert files(folder) == ["log.txt", "result.json"]


def test_an_unknown_id_gets_the_nearest_one(linux: Machine) -> None:
    assert linux("unit-x86_64-linux-stabel") == 2
    assert "unit-x86_64-linux-stabel: no such job" in linux.err
    assert f"did you mean {UNIT}?" in linux.err
    assert linux.run.calls == []
    assert not (linux.folder / ".nanna-ci").exists()


def test_a_job_for_another_machine_is_unavailable(linux: Machine) -> None:
    code, job = linux.job(MAC_UNIT)
    assert (code, job["reason"]) == (3, "needs aarch64-darwin, this machine is x86_64-linux")
    assert linux.run.calls == []


def test_a_job_that_the_toolkit_lacks_something_for_is_unavailable(linux: Machine) -> None:
    code, job = linux.job("audit-x86_64-linux-stable")
    assert (code, job["verdict"], job["reason"]) == (3, "unavailable", "no cargo-audit")


def test_a_signal_leaves_a_result_that_says_so(linux: Machine) -> None:
    linux.run.interrupt = (b"querying info", Interrupted(15))
    assert linux(UNIT) == 143
    result = json.loads((linux.folder / ".nanna-ci/jobs" / UNIT / "result.json").read_text())
    assert (result["verdict"], result["reason"]) == ("unavailable", "interrupted before it ended")


def test_a_pass_reports_the_first_strategy_that_failed(
    linux: Machine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    text = (DATA / "pipeline.toml").read_text()
    (tmp_path / "pipeline.toml").write_text(text.replace('["nix"]', '["nix", "cargo-cross"]'))
    package = linux.run.evaluated["derivations"]["checks.x86_64-linux.unit"]
    linux.run.evaluated["derivations"]["packages.x86_64-linux.demo"] = package  # a derivation that fails
    built = Built(tmp_path)
    monkeypatch.setattr("nanna_ci.binaries.strategies.Workbench.attempt", lambda bench, strategy: built)
    monkeypatch.setattr(build_job, "verify_built", lambda *positional, **options: ())
    code, job = linux.job("build-x86_64-linux")
    assert (code, job["state"]) == (0, "ran")
    assert job["reason"] == "built by cargo-cross, after nix: builder for '" + package + "' failed with exit code 100"
    assert [attempt["outcome"] for attempt in job["evidence"]["attempts"]] == ["failed", "built"]
    assert "derivation" not in job["evidence"]
    assert len(linux.run.of("eval")) == 1


def test_a_build_whose_compiler_was_killed_is_an_error_and_no_failure(linux: Machine) -> None:
    package = linux.run.evaluated["derivations"]["checks.x86_64-linux.unit"]
    linux.run.evaluated["derivations"]["packages.x86_64-linux.demo"] = package
    said = b"failed with exit code 100"
    linux.run.log = [line.replace(said, b"failed due to signal 9 (Killed)") for line in linux.run.log]
    code, job = linux.job("build-x86_64-linux")
    assert (code, job["verdict"]) == (3, "error")
    assert "killed" in job["reason"]
    assert job["evidence"]["report"].endswith("build-x86_64-linux/log.txt")


def test_a_build_that_no_strategy_can_try_is_unavailable(linux: Machine, tmp_path: Path) -> None:
    text = (DATA / "pipeline.toml").read_text()
    (tmp_path / "pipeline.toml").write_text(text.replace('["nix"]', '["nix-cross"]'))
    code, job = linux.job("build-x86_64-linux")
    assert (code, job["verdict"]) == (3, "unavailable")
    assert job["reason"] == "nix-cross: this machine is x86_64-linux itself: there is nothing to cross"


def mac(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, junit: Path | None) -> Machine:
    """A Mac with a cargo: metadata, versions, and nextest that writes its configured JUnit file."""
    (tmp_path / "demo").mkdir()
    run = Nextest(junit.read_bytes() if junit is not None else None)
    run.script("rustc", "--version", stdout=b"rustc 1.96.1 (59807616e 2026-04-14)\n")
    run.script("cargo", "nextest", "--version", stdout=b"cargo-nextest 0.9.143\n")
    metadata = json.loads((CARGO / "metadata.json").read_text()) | {"workspace_root": str(tmp_path / "demo")}
    run.script("cargo", "metadata", stdout=json.dumps(metadata).encode())
    return Machine(tmp_path, run, System.AARCH64_DARWIN, monkeypatch)


def test_on_a_mac_the_same_job_runs_on_the_hosts_cargo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    machine = mac(tmp_path, monkeypatch, CARGO / "junit.xml")
    machine.run.script("cargo", "nextest", "run", returncode=100, stderr=(CARGO / "nextest.log").read_bytes())
    code, job = machine.job(MAC_UNIT, "--output", "out")
    assert (code, job["reason"], job["state"]) == (1, "2 tests failed", "ran")
    assert job["failingTests"] == ["demo tests::killed", "demo tests::wrong"]
    assert job["evidence"]["tests"]["flaky"] == 1
    call = machine.run.calls[-1]
    assert call.argv[:4] == ("cargo", "nextest", "run", "--workspace")
    assert call.options["cwd"] == tmp_path / "demo"
    assert "sum is wrong" in (tmp_path / "out/log.txt").read_text()
    assert (tmp_path / "out/junit.xml").read_bytes() == (CARGO / "junit.xml").read_bytes()


def test_on_a_mac_doc_runs_the_examples_too_and_fails_by_one_of_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine = mac(tmp_path, monkeypatch, None)
    pipeline = tmp_path / "pipeline.toml"
    pipeline.write_text(pipeline.read_text() + '\n[[test]]\nkind = "doc"\nrunners = ["macos-15"]\n')
    machine.run.script("cargo", "--version", stdout=b"cargo 1.96.1\n")
    machine.run.script("cargo", "doc")
    machine.run.script("cargo", "test", "--doc", returncode=101, stdout=b"test src/lib.rs - two (line 3) ... FAILED\n")
    code, job = machine.job("doc-aarch64-darwin-stable")
    assert (code, job["verdict"], job["failingTests"]) == (1, "fail", ["src/lib.rs - two (line 3)"])
    pipeline.write_text(pipeline.read_text() + "\n[doc]\ntests = false\n")
    assert machine("doc-aarch64-darwin-stable") == 0


def test_a_stale_junit_file_does_not_green_a_run_that_wrote_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine = mac(tmp_path, monkeypatch, None)
    machine.run.script("cargo", "nextest", "run", returncode=101, stderr=b"error: could not compile `demo`\n")
    (tmp_path / "out").mkdir()
    shutil.copy(CARGO / "junit.xml", tmp_path / "out/junit.xml")
    _, job = machine.job(MAC_UNIT, "--output", "out")
    assert job["reason"] == "the tests do not build"
    assert "tests" not in job["evidence"]


def test_a_channel_that_the_machine_lacks_is_unavailable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    machine = mac(tmp_path, monkeypatch, None)
    code, job = machine.job("unit-aarch64-darwin-beta")
    assert (code, job["verdict"]) == (3, "unavailable")
    assert job["reason"] == "needs Rust beta; this machine has rustc 1.96.1 (59807616e 2026-04-14)"


def with_rustup(machine: Machine) -> Machine:
    """A machine with rustup on PATH."""
    rustup = machine.folder / "bin/rustup"
    rustup.parent.mkdir()
    rustup.touch(mode=0o755)
    return machine


def test_a_cargo_that_is_not_rustups_gets_no_channel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    machine = with_rustup(mac(tmp_path, monkeypatch, GREEN_FILE))
    said = b"error: no such command: `+stable`\n\nhelp: invoke `cargo` through `rustup`\n"
    machine.run.script("cargo", "+stable", returncode=101, stderr=said)
    machine.run.script("cargo", "nextest", "run")
    code, job = machine.job(MAC_UNIT)
    assert (code, job["evidence"]["command"].split()[:3]) == (0, ["cargo", "nextest", "run"])


def test_with_rustup_the_channel_is_requested(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    machine = with_rustup(mac(tmp_path, monkeypatch, GREEN_FILE))
    machine.run.script("cargo", "+beta", "--version", stdout=b"cargo 1.97.0-beta.3\n")
    machine.run.script("cargo", "+beta", "nextest", "--version", stdout=b"cargo-nextest 0.9.143\n")
    machine.run.script("cargo", "+beta", "nextest", "run", returncode=0)
    code, job = machine.job("unit-aarch64-darwin-beta")
    assert (code, job["evidence"]["command"].split()[:3]) == (0, ["cargo", "+beta", "nextest"])


def test_a_machine_without_cargo_has_no_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    machine = mac(tmp_path, monkeypatch, None)
    machine.run.script("cargo", error=ToolMissing("cargo", "not found"))
    code, job = machine.job(MAC_UNIT)
    assert (code, job["verdict"], job["reason"]) == (3, "unavailable", "cargo: not found")


def test_under_strict_a_job_that_cannot_run_fails(linux: Machine) -> None:
    assert linux("audit-x86_64-linux-stable", "--strict") == 1
    assert "no cargo-audit; --strict counts that as failure" in linux.out


def test_under_strict_an_old_advisory_database_fails_the_job(
    linux: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "out").mkdir()
    database = {"date": "2023-10-01", "basis": "commit", "advisories": 3}
    scan = {"schemaVersion": 1, "database": database, "policy": None, "yankedUnknown": False}
    (tmp_path / "out" / "scan.json").write_text(json.dumps(scan))
    monkeypatch.setattr(nix_jobs, "output_folder", lambda _: tmp_path / "out")
    linux.run = RecordedNix("passing")
    assert linux("clippy-x86_64-linux-stable") == 0
    assert "the advisory database is 44 days old" in linux.out
    assert linux("clippy-x86_64-linux-stable", "--strict") == 1
