"""What a check sees: the same variables and programs in the nixpkgs toolkit and in the Debian one.

Needs `nix` on PATH, to evaluate the nixpkgs toolkit's own code over stand-ins for nixpkgs and crane. The Debian side is
its builder, with the programs that it would start recorded.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import cargo
import checks
import pytest

SOURCE = Path(__file__).parents[2]
# in pipeline.toml, and as the modules of pkg-config that the Debian toolkit makes of them
LIBRARIES = {"libssh2": "libssh2", "openssl": "openssl", "sqlite": "sqlite3", "zlib": "zlib"}
# how each toolkit brings cargo to its sources, crates and processors: crane and stdenv have ways of their own
OWN_WAYS = {
    "CARGO_BUILD_BUILD_DIR",
    "CARGO_BUILD_JOBS",
    "CARGO_HOME",
    "CARGO_INCREMENTAL",
    "CARGO_NET_OFFLINE",
    "CARGO_PROFILE",
    "CARGO_TARGET_DIR",
    "CARGO_TERM_COLOR",
    "HOME",
    "NEXTEST_SHOW_PROGRESS",
    "XDG_RUNTIME_DIR",
}
STEPS = ("clippy", "doc", "unit", "integration", "build", "deps")


def on_nixpkgs(libraries: Iterable[str]) -> dict[str, Any]:
    """step -> its environment, its programs, and whether it has a home of its own."""
    file = SOURCE / "tests" / "stand_in_nixpkgs" / "rust.nix"
    expression = f"import {file} {{ libraries = ''{json.dumps(sorted(libraries))}''; }}"
    argv = ["nix", "eval", "--impure", "--json", "--expr", expression]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    seen: dict[str, Any] = json.loads(done.stdout)
    return seen


@pytest.fixture(scope="module")
def nixpkgs() -> dict[str, Any]:
    return on_nixpkgs(LIBRARIES)


@pytest.fixture
def debian(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """step -> the variables with which the Debian builder starts cargo, but for those that it inherits."""

    def environment_of(step: str, modules: Iterable[str] = LIBRARIES.values()) -> dict[str, str]:
        started: list[dict[str, str]] = []

        def run_nextest(*_: Any, env: dict[str, str], **__: Any) -> tuple[int, Path]:
            started.append(env)
            return 0, tmp_path

        attributes = {"triple": "x86_64-unknown-linux-gnu", "cross": False, "profile": "dev", "modules": list(modules)}
        attributes |= {
            "run": "nextest" if step in {"unit", "integration"} else step,
            "kind": step,
            "nextest": "nextest",
        }
        attributes |= {"binaries": [], "crates": ""}
        monkeypatch.setattr(cargo.os, "environ", {})
        monkeypatch.setattr(cargo, "TOP", tmp_path)
        monkeypatch.setattr(cargo, "run", lambda argv, env, **_: started.append(env))
        monkeypatch.setattr(checks, "prepare", cargo.environment)
        monkeypatch.setattr(checks, "require_libraries", lambda *_: None)
        monkeypatch.setattr(checks, "run_nextest", run_nextest)
        monkeypatch.setattr(checks, "finish_nextest", lambda *_: None)
        if step in {"build", "deps"}:
            return dict(cargo.environment(attributes | {"profile": "release" if step == "build" else "dev"}))
        checks.check(attributes, tmp_path / f"out-{step}")
        return dict(started[-1])

    return environment_of


def compared(environment: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if name not in OWN_WAYS}


@pytest.mark.parametrize("step", STEPS)
def test_cargo_sees_the_same_variables(nixpkgs, debian, step):
    assert compared(nixpkgs[step]["environment"]) == compared(debian(step))


@pytest.mark.parametrize("step", STEPS)
def test_a_library_that_is_not_named_sets_no_variable(debian, step):
    ours = compared(debian(step, []))
    assert compared(on_nixpkgs([])[step]["environment"]) == ours
    assert not ours.keys() & set(cargo.LIBRARY_VARIABLES.values())


@pytest.mark.parametrize("step", ["unit", "integration"])
def test_tests_have_a_home_that_they_may_write_to(nixpkgs, debian, step):
    assert nixpkgs[step]["home"]
    assert Path(debian(step)["HOME"]).is_dir()


def test_every_program_that_a_check_sees_on_nixpkgs_is_in_the_debian_root(nixpkgs):
    lines = (SOURCE / "nix/toolkits/debian/packages.txt").read_text().splitlines()
    packages = {line.partition(":")[0] for line in lines if not line.startswith("#")}
    programs = {program for step in nixpkgs.values() for program in step["programs"]}
    assert {{"gitMinimal": "git"}.get(name, name) for name in programs} <= packages
    assert all("gitMinimal" in nixpkgs[step]["programs"] for step in ("unit", "integration"))
    assert all("pkg-config" in nixpkgs[step]["programs"] for step in STEPS)
