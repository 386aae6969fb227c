"""What a check sees: the same variables and programs in the nixpkgs toolkit and in the Debian one.

Needs `nix` on PATH, to evaluate the nixpkgs toolkit's own code over stand-ins for nixpkgs and crane. The Debian side is
its builder, with the programs that it would start recorded.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cargo
import checks
import pytest

SOURCE = Path(__file__).parents[2]
# in pipeline.toml, and as the modules of pkg-config that the Debian toolkit makes of them
LIBRARIES = {"libssh2": "libssh2", "openssl": "openssl", "sqlite": "sqlite3", "zlib": "zlib"}
# how each brings cargo to its sources, crates and processors: crane and stdenv have ways of their own, to the same end
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
STEPS = ("clippy", "doc", "unit", "integration", "build", "benchmarks", "deps", "coverage")


SETTINGS = """
[workspace]
name = "workspace"
binaries = ["harness"]
libraries = @libraries@
packages = ["git", "less"]
[cargo]
features = ["one", "two"]
exclude = ["left-out"]
arguments = ["--config", "net.retry=3"]
environment = { LC_ALL = "C", RUSTDOCFLAGS = "--cfg docs" }
[clippy]
arguments = ["-A", "clippy::too_many_arguments"]
[doc]
deny_warnings = true
[nextest]
filter = "not test(it's slow)"
retries = 2
arguments = ["--test-threads=1"]
"""
PLAIN = """
[workspace]
name = "workspace"
binaries = ["harness"]
[clippy]
deny_warnings = false
"""


def on_both(settings: str) -> dict[str, Any]:
    """What tests/stand_in_nixpkgs/rust.nix answers for a pipeline.toml."""
    file = SOURCE / "tests" / "stand_in_nixpkgs" / "rust.nix"
    # JSON's strings are Nix's, but for what interpolates
    argv = ["nix", "eval", "--impure", "--json", "--expr", f"import {file} {json.dumps(settings)}"]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


@dataclass(frozen=True)
class Started:
    """How the Debian builder starts cargo or nextest: the words after the program, the variables that it sets."""

    words: list[str]
    environment: dict[str, str]


Both = Callable[[str], tuple[dict[str, Any], Callable[[str], Started]]]


@pytest.fixture
def both(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Both:
    """A pipeline.toml -> what checks see on nixpkgs, and how the Debian builder starts a step."""

    def answer(settings: str) -> tuple[dict[str, Any], Callable[[str], Started]]:
        seen = on_both(settings)
        return seen["nixpkgs"], lambda step: start(step, seen["debian"][step])

    def start(step: str, attributes: dict[str, Any]) -> Started:
        started: list[Started] = []

        def run_nextest(_: str, words: list[str], *, env: dict[str, str], **__: Any) -> tuple[int, Path]:
            started.append(Started(words, env))
            return 0, tmp_path

        monkeypatch.setattr(os, "environ", {})
        monkeypatch.setattr(cargo, "TOP", tmp_path)
        monkeypatch.setattr(cargo, "run_or_end", lambda argv, env, **_: started.append(Started(argv[2:], env)))
        monkeypatch.setattr(checks, "run_doctests", lambda _: None)
        monkeypatch.setattr(checks, "prepare", cargo.environment)
        monkeypatch.setattr(checks, "require_libraries", lambda *_: None)
        monkeypatch.setattr(checks, "run_nextest", run_nextest)
        monkeypatch.setattr(checks, "finish_nextest", lambda *_: None)
        if step in {"build", "benchmarks", "deps", "coverage"}:
            return Started(attributes["flags"], cargo.environment(attributes))
        checks.check(attributes, tmp_path / f"out-{len(list(tmp_path.iterdir()))}")
        return started[-1]

    return answer


def with_libraries(names: Iterable[str]) -> str:
    return SETTINGS.replace("@libraries@", json.dumps(sorted(names)))


def compared(environment: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if name not in OWN_WAYS}


@pytest.mark.parametrize("settings", [with_libraries(LIBRARIES), PLAIN], ids=["all", "little"])
def test_cargo_sees_the_same_variables(both: Both, settings: str) -> None:
    nixpkgs, debian = both(settings)
    for step in STEPS:
        assert compared(nixpkgs[step]["environment"]) == compared(debian(step).environment), step


@pytest.mark.parametrize("settings", [with_libraries([]), PLAIN], ids=["all", "little"])
@pytest.mark.parametrize("step", ["clippy", "doc", "unit", "integration", "build"])
def test_cargo_gets_the_same_words(both: Both, settings: str, step: str) -> None:
    nixpkgs, debian = both(settings)
    # crane has words of its own for doc and build; folders, and the profile that the report is written by, differ
    own = ("--profile=", "--tool-config", "--target-dir=", "--config=build.build-dir=", "--no-deps")
    theirs = [word for word in shlex.split(nixpkgs[step]["words"]) if not word.startswith(own)]
    ours = debian(step).words + (["--bins"] if step == "build" else [])
    assert theirs == [word for word in ours if not word.startswith(own)]
    if step in {"unit", "integration"}:
        for words in (shlex.split(nixpkgs[step]["words"]), debian(step).words):
            assert [word for word in words if word.startswith("--target-dir=")], "a variable would reach the tests"


def test_what_the_workspace_says_reaches_cargo(both: Both) -> None:
    _, debian = both(with_libraries([]))
    flags = ["--workspace", "--locked", "--exclude=left-out", "--features=one,two", "--config", "net.retry=3"]
    assert debian("build").words == flags
    assert debian("clippy").words[-5:] == ["--", "-D", "warnings", "-A", "clippy::too_many_arguments"]
    assert debian("unit").words[-3:] == ["-E", "not kind(test) and (not test(it's slow))", "--test-threads=1"]
    assert debian("unit").environment["LC_ALL"] == "C"
    assert debian("doc").environment["RUSTDOCFLAGS"] == "--cfg docs -D warnings"


def test_by_default_clippys_warnings_are_errors_and_rustdocs_are_not(both: Both) -> None:
    _, debian = both('[workspace]\nname = "workspace"\n')
    assert debian("clippy").words[-2:] == ["-D", "warnings"]
    assert debian("doc").environment["RUSTDOCFLAGS"] == ""


def test_a_library_that_is_not_named_sets_no_variable(both: Both) -> None:
    nixpkgs, debian = both(with_libraries([]))
    for step in STEPS:
        variables = set(cargo.LIBRARY_VARIABLES.values())
        assert not debian(step).environment.keys() & variables
        assert not nixpkgs[step]["environment"].keys() & variables


def test_tests_have_a_home_that_they_may_write_to(both: Both) -> None:
    nixpkgs, debian = both(PLAIN)
    for step in ("unit", "integration"):
        assert nixpkgs[step]["home"]
        assert Path(debian(step).environment["HOME"]).is_dir()


def test_a_workspace_in_a_folder_is_built_there(both: Both) -> None:
    nixpkgs, _ = both('[workspace]\nname = "workspace"\nfolder = "harness"\n')
    assert {nixpkgs[step]["unpacked"] for step in (*STEPS, "fmt")} == {"cd $sourceRoot/harness && sourceRoot=."}


def test_every_program_that_a_check_sees_on_nixpkgs_is_in_the_debian_root(both: Both) -> None:
    lines = (SOURCE / "nix/toolkits/debian/packages.txt").read_text().splitlines()
    packages = {line.partition(":")[0] for line in lines if not line.startswith("#")}
    nixpkgs, _ = both(with_libraries(LIBRARIES))
    programs = {program for step in nixpkgs.values() for program in step["programs"]}
    assert {{"gitMinimal": "git"}.get(name, name) for name in programs} <= packages
    assert all("gitMinimal" in nixpkgs[step]["programs"] for step in ("unit", "integration", "coverage"))
    assert all({"pkg-config", "git", "less"} <= set(nixpkgs[step]["programs"]) for step in STEPS)
