"""A workspace whose .cargo/config.toml and build script are hostile, under `run-job` on the host's cargo.

What macOS and Windows run, here on Linux: no sandbox. The numbers are those of docs/security.md. Needs cargo on PATH.
"""

from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path
from typing import Any

import pytest

from nanna_ci.binaries import targets
from nanna_ci.cli import main
from nanna_ci.foundation import process
from support.fake_ports import FakePorts

JOB = "doc-aarch64-darwin-stable"
SECRETS = {
    "GITHUB_TOKEN": "ghs_" + "Z9y8X7w6" * 5,
    "CACHIX_AUTH_TOKEN": "cachix-secret-0123456789abcdef",
    "ACTIONS_RUNTIME_TOKEN": "runtime-secret-0123456789abcdef",
    "CARGO_REGISTRY_TOKEN": "registry-secret-0123456789abcdef",
}
PIPELINE = """\
[workspace]
name = "mine"
[[test]]
kind = "doc"
runners = ["macos-15"]
"""
LIBRARY = """\
//! ```
//! assert_eq!(1, 2, "this example fails");
//! ```
"""


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """Each program of the configuration notes its environment, then does what it is there for."""
    folder = tmp_path / "mine"
    (folder / "src").mkdir(parents=True)
    (folder / ".cargo").mkdir()
    (tmp_path / "loot").mkdir()
    spies = {}
    for name, does in (("wrapper", 'exec "$@"'), ("linker", 'exec cc "$@"'), ("runner", "exit 0")):
        spies[name] = folder / f"{name}.sh"
        spies[name].write_text(f"#!/bin/sh\nenv >> {tmp_path}/loot/{name}\n{does}\n")
        spies[name].chmod(0o755)
    (folder / ".cargo/config.toml").write_text(
        f'[build]\nrustc-wrapper = "{spies["wrapper"]}"\n'
        f'[target.\'cfg(all())\']\nlinker = "{spies["linker"]}"\nrunner = "{spies["runner"]}"\n'
        '[alias]\ntest = "version"\ndoc = "version"\n'
    )
    (folder / "Cargo.toml").write_text('[package]\nname = "mine"\nversion = "0.1.0"\nedition = "2021"\n')
    (folder / "src/lib.rs").write_text(LIBRARY)
    (folder / "build.rs").write_text(
        "use std::io::Write;\nfn main() {\n"
        f'    let mut file = std::fs::File::create("{tmp_path}/loot/build-script").unwrap();\n'
        '    for (name, value) in std::env::vars() { writeln!(file, "{name}={value}").unwrap(); }\n'
        '    println!("::set-output name=verdict::pass");\n}\n'
    )
    (folder / "pipeline.toml").write_text(PIPELINE)
    return folder


def run_doc(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[int, dict[str, Any]]:
    """The job's exit code and its result, with secrets in the environment of `run-job` itself."""
    monkeypatch.setattr(targets, "host_system", lambda platform, machine: targets.System.AARCH64_DARWIN)
    environ = {name: value for name, value in os.environ.items() if not name.startswith("NANNA_CI_")}
    environ |= {**SECRETS, "CARGO_TARGET_DIR": str(workspace.parent / "target")}
    fake = FakePorts(workspace, environ=environ)
    code = main(["run-job", JOB, "--format", "json"], dataclasses.replace(fake.ports, run=process.run))
    return code, dict(json.loads(fake.stdout.getvalue())["job"])


def test_configured_programs_and_build_scripts_see_no_secret_and_replace_no_command(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """6, 13"""
    config = workspace / ".cargo/config.toml"
    config.write_text("".join(line for line in config.read_text().splitlines(True) if "runner" not in line))
    code, job = run_doc(workspace, monkeypatch)
    loot = {path.name: path.read_text() for path in (workspace.parent / "loot").iterdir()}
    assert loot.keys() == {"wrapper", "linker", "build-script"}
    for name, seen in loot.items():
        assert "PATH=" in seen
        assert [secret for secret in SECRETS.values() if secret in seen] == [], name
    assert (code, job["verdict"]) == (1, "fail"), job
    assert job["failingTests"] == ["src/lib.rs - (line 1)"]


def test_a_configured_runner_sees_no_secret_and_decides_the_workspaces_own_tests(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """13: as a change of the tests themselves would, so reviewers have to look at it as at one."""
    code, job = run_doc(workspace, monkeypatch)
    ran = workspace.parent / "loot/runner"
    seen = ran.read_text() if ran.exists() else ""  # cargo runs examples by it since 1.89
    assert [secret for secret in SECRETS.values() if secret in seen] == []
    assert (code, job["verdict"]) == ((0, "pass") if seen else (1, "fail"))
