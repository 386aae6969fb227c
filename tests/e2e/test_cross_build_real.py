"""`cross-build` with the real nix, the real cargo and qemu, on a flake and a crate as small as they can be.

Needs nix (2.26 or later, that may build), cargo with the aarch64 standard library, aarch64-linux-gnu-gcc and qemu-user.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any

import pytest

import nanna_ci

SCRIPTS = Path(nanna_ci.__file__).parents[1]
FLAKE = """
{
  outputs = _: let
    make = name: executable: derivation {
      inherit name executable;
      system = "x86_64-linux";
      salt = "@salt@";
      builder = "/usr/bin/python3";
      args = [ "-c" ''
        import os, shutil
        os.makedirs(os.environ["out"] + "/bin")
        shutil.copy(os.environ["executable"], os.environ["out"] + "/bin/harness")
      '' ];
    };
    pipeline = {
      unavailable."packages.x86_64-linux.absent-aarch64-linux" = "this toolkit has no cross compiler";
      derivations = builtins.mapAttrs (_: value: builtins.unsafeDiscardOutputDependency value.drvPath) {
        "packages.x86_64-linux.right-aarch64-linux" = make "right" ./aarch64;
        "packages.x86_64-linux.wrong-aarch64-linux" = make "wrong" ./x86_64;
        "packages.x86_64-linux.empty-aarch64-linux" = make "empty" ./nothing;
        "packages.x86_64-linux.fails-aarch64-linux" = make "fails" "/no/such/file";
      };
    };
  in { legacyPackages.x86_64-linux = { inherit pipeline; }; };
}
"""


@pytest.fixture(scope="module", autouse=True)
def _tools_are_there() -> None:
    tools = ("nix", "cargo", "rustc", "gcc", "aarch64-linux-gnu-gcc", "qemu-aarch64")
    absent = [tool for tool in tools if not shutil.which(tool)]
    assert not absent, f"these tests need {', '.join(absent)}: run them with `./nixw run .#test`"
    assert platform.machine() == "x86_64"


@pytest.fixture(scope="module")
def flake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("flake")
    source = folder / "main.c"
    source.write_text('#include <stdio.h>\nint main(void) { puts("harness 1.0"); return 0; }\n')
    subprocess.run(["gcc", "-o", folder / "x86_64", source], check=True)
    subprocess.run(["aarch64-linux-gnu-gcc", "-o", folder / "aarch64", source], check=True)
    (folder / "nothing").write_text("no program at all\n")
    (folder / "flake.nix").write_text(FLAKE.replace("@salt@", uuid.uuid4().hex))
    return folder


@pytest.fixture
def crate(tmp_path: Path) -> Path:
    """A work tree: a crate with one program, no dependencies, and its lock."""
    (tmp_path / "src").mkdir()
    (tmp_path / "src/main.rs").write_text('fn main() { println!("harness 1.0"); }\n')
    (tmp_path / "Cargo.toml").write_text('[package]\nname = "harness"\nversion = "1.0.0"\nedition = "2021"\n')
    (tmp_path / "Cargo.lock").write_text('version = 4\n\n[[package]]\nname = "harness"\nversion = "1.0.0"\n')
    return tmp_path


def build(flake: Path, cwd: Path, name: str, *strategies: str) -> tuple[int, dict[str, Any], str]:
    """Exit code, answer, stderr; the workspace is called `name`."""
    listed = json.dumps(strategies or ["nix", "nix-cross", "builder"])
    (cwd / "pipeline.toml").write_text(
        f'[workspace]\nname = "{name}"\nbinaries = ["harness"]\n'
        f'[[target]]\nsystem = "aarch64-linux"\nstrategies = {listed}\n'
    )
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("GITHUB_", "NANNA_CI_"))}
    environ = {**kept, "PYTHONPATH": str(SCRIPTS), "NANNA_CI_FLAKE": f"path:{flake}"}
    words = ["cross-build", "--system", "aarch64-linux", "--format", "json"]
    argv = [sys.executable, "-m", "nanna_ci", *words]
    done = subprocess.run(argv, cwd=cwd, env=environ, capture_output=True, text=True, check=False)
    return done.returncode, json.loads(done.stdout), done.stderr


def outcomes(answer: dict[str, Any]) -> list[tuple[str, str]]:
    return [(attempt["strategy"], attempt["outcome"]) for attempt in answer["attempts"]]


def test_the_cross_package_is_built_verified_and_runs(flake: Path, tmp_path: Path) -> None:
    code, answer, talk = build(flake, tmp_path, "right")
    assert (code, answer["chosen"]) == (0, "nix-cross"), talk
    assert outcomes(answer) == [("nix", "impossible"), ("nix-cross", "built")]
    (executable,) = answer["executables"]
    assert (executable["machine"], executable["interpreter"]) == ("aarch64", "/lib/ld-linux-aarch64.so.1")
    assert (executable["ran"], executable["ranReason"]) == (True, "`--version` under qemu-aarch64")
    assert answer["derivation"].endswith("-right.drv")
    assert (tmp_path / ".nanna-ci/cross-build/aarch64-linux/result").resolve() == Path(answer["result"])


def test_its_artifacts_name_derivation_and_nar_hash(flake: Path, tmp_path: Path) -> None:
    _, answer, _ = build(flake, tmp_path, "right")
    words = ["prepare-artifacts", "--system", "aarch64-linux", "--output", "dist", "--strategy", answer["chosen"]]
    argv = [sys.executable, "-m", "nanna_ci", *words, "--from", ".nanna-ci/cross-build/aarch64-linux/result"]
    subprocess.run(
        argv, cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(SCRIPTS)}, stdout=subprocess.DEVNULL, check=True
    )
    manifest = json.loads((tmp_path / "dist/manifest.json").read_bytes())
    command = ["nix", "--extra-experimental-features", "nix-command", "path-info", "--json", answer["result"]]
    shown = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    (info,) = shown.values() if isinstance(shown, dict) else shown
    assert (manifest["derivation"], manifest["output"]) == (info["deriver"], answer["result"])
    assert (manifest["narHash"], manifest["strategy"]) == (info["narHash"], "nix-cross")


def test_an_executable_for_this_machine_offered_as_aarch64_is_a_no(flake: Path, tmp_path: Path) -> None:
    code, answer, _ = build(flake, tmp_path, "wrong")
    assert (code, answer["verdict"], answer["chosen"], answer["executables"]) == (1, "fail", None, [])
    assert "an ELF executable for x86_64, but aarch64-linux was requested" in answer["reason"]


def test_a_build_that_makes_no_program_is_refused(flake: Path, tmp_path: Path) -> None:
    code, answer, _ = build(flake, tmp_path, "empty")
    assert (code, answer["verdict"]) == (4, "fail")
    assert "not an executable" in answer["reason"]


def test_a_missing_attribute_ends_the_climb(flake: Path, crate: Path) -> None:
    code, answer, _ = build(flake, crate, "nobody", "nix-cross", "cargo-cross")
    assert code == 2
    assert "there is no attribute packages.x86_64-linux.nobody-aarch64-linux" in answer["error"]["message"]
    assert not (crate / ".nanna-ci/cross-build").exists()


def test_a_failed_build_falls_back_to_cargo_for_the_same_target(flake: Path, crate: Path) -> None:
    code, answer, talk = build(flake, crate, "fails", "nix-cross", "builder", "cargo-cross")
    assert (code, answer["chosen"]) == (0, "cargo-cross"), talk
    assert outcomes(answer) == [("nix-cross", "failed"), ("builder", "impossible"), ("cargo-cross", "built")]
    assert "exit code 1" in answer["attempts"][0]["reason"]
    (executable,) = answer["executables"]
    assert (executable["machine"], executable["ran"]) == ("aarch64", True)


def test_what_is_unavailable_falls_back_with_its_reason(flake: Path, crate: Path) -> None:
    (crate / "src/main.rs").write_text("fn main() { oh no }\n")
    code, answer, _ = build(flake, crate, "absent", "nix-cross", "cargo-cross")
    assert (code, answer["verdict"]) == (1, "fail")
    assert answer["attempts"][0]["reason"] == "this toolkit has no cross compiler"
    assert answer["attempts"][1]["reason"].startswith("error")
