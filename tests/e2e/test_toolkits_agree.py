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
    "CARGO_BUILD_JOBS",
    "CARGO_HOME",
    "CARGO_INCREMENTAL",
    "CARGO_NET_OFFLINE",
    "CARGO_PROFILE",
    "CARGO_TERM_COLOR",
    "NEXTEST_SHOW_PROGRESS",
    "TZ",
}
# of the dev profile: without effect on a build in the release profile, which the nixpkgs toolkit leaves it out of
DEV = {"CARGO_PROFILE_DEV_DEBUG"}
# Differences that there are, and should not be; whoever mends one takes it out here.
# nix/toolkits/debian/builder/cargo.py never sets these:
NEVER_ON_DEBIAN = {"LIBSQLITE3_SYS_USE_PKG_CONFIG", "RUST_BACKTRACE"}
# and these also where pipeline.toml does not name their library:
ALWAYS_ON_DEBIAN = {"LIBSSH2_SYS_USE_PKG_CONFIG", "OPENSSL_NO_VENDOR"}
# nix/toolkits/nixpkgs/rust.nix never sets these. Where a workspace's own configuration names other folders for what is
# built, crane finds no dependencies to reuse; where it names a compiler cache, or a test asks for USER, it fails.
NEVER_ON_NIXPKGS = {
    "CARGO_BUILD_BUILD_DIR",
    "CARGO_TARGET_DIR",
    "LOGNAME",
    "RUSTC_WRAPPER",
    "USER",
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
        run = "nextest" if step in {"unit", "integration"} else step
        attributes = {"triple": "x86_64-unknown-linux-gnu", "cross": False, "modules": list(modules), "run": run}
        attributes |= {"kind": step, "nextest": "nextest"}
        monkeypatch.setattr(cargo.os, "environ", {})
        for module in (cargo, checks):
            monkeypatch.setattr(module, "TOP", tmp_path)
        monkeypatch.setattr(checks, "prepare", cargo.environment)
        monkeypatch.setattr(checks, "require_libraries", lambda *_: None)
        monkeypatch.setattr(checks, "cargo", lambda _, argv, values: started.append(values))
        monkeypatch.setattr(checks, "run", lambda argv, cwd, env: started.append(env))
        monkeypatch.setattr(checks.shutil, "copy", lambda *_: None)
        if step in {"build", "deps"}:
            return dict(cargo.environment(attributes))
        checks.check(attributes, tmp_path / f"out-{step}")
        return dict(started[-1])

    return environment_of


def compared(environment: dict[str, str], step: str) -> dict[str, str]:
    # a home has a test of its own
    left_out = OWN_WAYS | {"HOME"} | (DEV if step == "build" else set())
    return {name: value for name, value in environment.items() if name not in left_out}


@pytest.mark.parametrize("step", STEPS)
def test_cargo_sees_the_same_variables(nixpkgs, debian, step):
    theirs, ours = compared(nixpkgs[step]["environment"], step), compared(debian(step), step)
    pending = {name: value for name, value in theirs.items() if name in NEVER_ON_DEBIAN}
    assert theirs | {name: ours.get(name) for name in NEVER_ON_NIXPKGS} == ours | pending
    assert not ours.keys() & NEVER_ON_DEBIAN, "mended: take it out of NEVER_ON_DEBIAN"
    assert not theirs.keys() & NEVER_ON_NIXPKGS, "mended: take it out of NEVER_ON_NIXPKGS"


@pytest.mark.parametrize("step", STEPS)
def test_a_library_that_is_not_named_sets_no_variable(debian, step):
    theirs, ours = compared(on_nixpkgs([])[step]["environment"], step), compared(debian(step, []), step)
    assert not theirs.keys() & (ALWAYS_ON_DEBIAN | {"LIBSQLITE3_SYS_USE_PKG_CONFIG"})
    assert ours.keys() - theirs.keys() - NEVER_ON_NIXPKGS == ALWAYS_ON_DEBIAN, "mended: take it out of ALWAYS_ON_DEBIAN"


@pytest.mark.parametrize("step", ["unit", "integration"])
def test_tests_have_a_home_that_they_may_write_to(nixpkgs, debian, step):
    assert nixpkgs[step]["home"]
    assert "HOME" in debian(step)


def test_every_program_that_a_check_sees_on_nixpkgs_is_in_the_debian_root(nixpkgs):
    lines = (SOURCE / "nix/toolkits/debian/packages.txt").read_text().splitlines()
    packages = {line.partition(":")[0] for line in lines if not line.startswith("#")}
    programs = {program for step in nixpkgs.values() for program in step["programs"]}
    assert {{"gitMinimal": "git"}.get(name, name) for name in programs} <= packages
    assert all("gitMinimal" in nixpkgs[step]["programs"] for step in ("unit", "integration"))
    assert all("pkg-config" in nixpkgs[step]["programs"] for step in STEPS)
