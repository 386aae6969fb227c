"""`ci` and `run-job` with the real nix: builds that pass, fail, block others; a second run, signals, two runs at once.

Needs `nix` on PATH, 2.26 or later, that may build; builders find /usr/bin/python3 in the sandbox.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path
from typing import Any

import pytest

import nanna_ci

PIPELINE = """
[workspace]
name = "demo"
binaries = ["demo"]

[[target]]
system = "x86_64-linux"
strategies = ["nix"]

[[test]]
kind = "unit"
runners = ["ubuntu-24.04", "windows-2025"]

[[test]]
kind = "clippy"

[[test]]
kind = "doc"

[[test]]
kind = "fmt"

[[test]]
kind = "audit"
"""

FLAKE = """
{
  outputs = _:
    let
      make = name: needs: script: derivation {
        inherit name needs;
        system = "x86_64-linux";
        PATH = "/usr/bin:/bin";
        builder = "/usr/bin/python3";
        salt = "@salt@";
        args = [ "-c" "import os, sys, time; out = os.environ['out']\\n${script}" ];
      };
      path = value: builtins.unsafeDiscardOutputDependency value.drvPath;
      write = "print('log of', os.environ['name']); open(out, 'w').write('done')";
      broken = make "broken-deps" [ ] "print('the last words'); sys.exit(7)";
      junit = "<testsuites><testsuite name='demo'><testcase name='good' time='0.1'/></testsuite></testsuites>";
      tests = "os.mkdir(out); open(out + '/junit.xml', 'w').write(\\"${junit}\\")";
      copy = "import shutil; os.makedirs(out + '/bin'); shutil.copy('/usr/bin/true', out + '/bin/demo')";
    in {
      legacyPackages.x86_64-linux.pipeline = {
        unavailable."checks.x86_64-linux.audit" = "no cargo-audit here";
        derivations = builtins.mapAttrs (_: path) {
          "checks.x86_64-linux.unit" = make "demo-unit" [ ] tests;
          "checks.x86_64-linux.clippy" = make "demo-clippy" [ ] "@clippy@";
          "checks.x86_64-linux.doc" = make "demo-doc" [ @doc-needs@ ] write;
          "checks.x86_64-linux.fmt" = make "demo-fmt" [ ] "@fmt@";
          "packages.x86_64-linux.demo" = make "demo" [ ] copy;
        };
      };
    };
}
"""
WRITE = "${write}"
FAIL = "print('error: unused variable'); print(' --> src/lib.rs:1:41'); sys.exit(101)"
SLEEP = "print('asleep', flush=True); time.sleep(600) # @salt@"


@pytest.fixture(scope="module", autouse=True)
def _nix_is_there() -> None:
    assert shutil.which("nix"), "these tests need `nix` on PATH: run them with `./nixw run .#test`"


class Sandbox:
    """A flake in a folder of its own, with derivations that no one has built before."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.salt = uuid.uuid4().hex
        (folder / "pipeline.toml").write_text(PIPELINE)
        (folder / "flake").mkdir()
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("GITHUB_", "NANNA_CI_"))}
        self.environ = kept | {
            "NANNA_CI_FLAKE": f"path:{folder}/flake",
            "PYTHONPATH": str(Path(nanna_ci.__file__).parents[1]),
        }
        self.write()

    def write(self, *, clippy: str = WRITE, fmt: str = WRITE, doc_needs: str = "") -> None:
        text = FLAKE.replace("@clippy@", clippy).replace("@fmt@", fmt).replace("@doc-needs@", doc_needs)
        (self.folder / "flake/flake.nix").write_text(text.replace("@salt@", self.salt))

    def start(self, *words: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "nanna_ci", *words],
            cwd=self.folder,
            env=self.environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *words: str) -> tuple[int, dict[str, Any], str]:
        process = self.start(*words, "--format", "json")
        out, err = process.communicate(timeout=120)
        return process.returncode, json.loads(out), err

    def sleepers(self) -> list[str]:
        """Processes of this sandbox's builders."""
        found = []
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                text = path.read_bytes().decode(errors="replace")
            except OSError:
                continue
            if self.salt in text:
                found.append(text)
        return found


@pytest.fixture
def sandbox(tmp_path: Path) -> Sandbox:
    return Sandbox(tmp_path)


def jobs_of(answer: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {job["id"].removesuffix("-stable"): job for job in answer["jobs"]}


def test_a_first_run_builds_and_a_second_finds_everything_there(sandbox: Sandbox) -> None:
    code, first, _ = sandbox.run("ci")
    assert (code, first["verdict"]) == (0, "pass")
    jobs = jobs_of(first)
    states = {name: jobs[f"{name}-x86_64-linux"]["state"] for name in ("unit", "clippy", "doc", "fmt", "build")}
    assert set(states.values()) == {"built"}
    assert jobs["unit-x86_64-linux"]["evidence"]["tests"]["passed"] == 1
    assert jobs["unit-x86_64-windows"]["verdict"] == "unavailable"
    (executable,) = jobs["build-x86_64-linux"]["evidence"]["executables"]
    assert (executable["name"], executable["machine"]) == ("demo", "x86_64")
    code, second, _ = sandbox.run("ci")
    assert code == 0
    assert {job["state"] for job in second["jobs"]} == {"present", None}
    assert jobs_of(second)["unit-x86_64-linux"]["evidence"] == jobs["unit-x86_64-linux"]["evidence"]


def test_failures_are_distinguished_from_what_they_block_and_other_jobs_go_on(sandbox: Sandbox) -> None:
    sandbox.write(clippy=FAIL, doc_needs="broken")
    code, answer, _ = sandbox.run("ci")
    assert code == 1
    jobs = jobs_of(answer)
    clippy, doc = jobs["clippy-x86_64-linux"], jobs["doc-x86_64-linux"]
    assert (clippy["reason"], clippy["failingTests"]) == (
        "the build failed with exit code 101: src/lib.rs:1:41: unused variable",
        ["src/lib.rs:1:41: unused variable"],
    )
    assert doc["reason"] == "broken-deps failed to build, and this job needs it"
    assert "the last words" in doc["logTail"]
    assert {jobs[name]["verdict"] for name in ("unit-x86_64-linux", "fmt-x86_64-linux", "build-x86_64-linux")} == {
        "pass"
    }
    assert clippy["reproduce"] == f"nix build '{sandbox.environ['NANNA_CI_FLAKE']}#checks.x86_64-linux.clippy' -L"


def test_run_job_builds_one_and_answers_for_it(sandbox: Sandbox) -> None:
    sandbox.write(clippy=FAIL)
    code, answer, _ = sandbox.run("run-job", "unit-x86_64-linux-stable", "--output", "out")
    assert (code, answer["job"]["state"]) == (0, "built")
    assert sorted(path.name for path in (sandbox.folder / "out").iterdir()) == ["junit.xml", "log.txt", "result.json"]
    code, _, _ = sandbox.run("run-job", "clippy-x86_64-linux-stable")
    assert code == 1


def test_a_missing_attribute_is_not_a_failed_build(sandbox: Sandbox) -> None:
    path = sandbox.folder / "flake/flake.nix"
    path.write_text(path.read_text().replace('"checks.x86_64-linux.doc"', '"checks.x86_64-linux.docs"'))
    code, answer, _ = sandbox.run("ci")
    assert code == 2
    assert "checks.x86_64-linux.doc, which the flake does not have" in answer["error"]["message"]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_the_builders_and_keeps_partial_results(sandbox: Sandbox, number: int, code: int) -> None:
    sandbox.write(fmt=SLEEP)
    process = sandbox.start("ci")
    wait_for(sandbox.sleepers)
    process.send_signal(number)
    _, err = process.communicate(timeout=30)
    assert process.returncode == code
    wait_for(lambda: not sandbox.sleepers())
    result = json.loads((sandbox.folder / ".nanna-ci/latest/result.json").read_text())
    assert result["interrupted"] is True
    assert jobs_of(result)["fmt-x86_64-linux"]["reason"] == "interrupted before it ended"
    assert "partial results" in err


def test_two_runs_at_once_both_answer(sandbox: Sandbox) -> None:
    processes = [sandbox.start("ci", "--format", "json") for _ in range(2)]
    answers = [json.loads(process.communicate(timeout=120)[0]) for process in processes]
    assert [answer["verdict"] for answer in answers] == ["pass", "pass"]
    assert len({answer["runFolder"] for answer in answers}) == 2
    assert (sandbox.folder / ".nanna-ci/latest/result.json").exists()


def wait_for(condition: Any) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)
