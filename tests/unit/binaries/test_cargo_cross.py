"""Cargo for a target: the command, the linker's environment, and what it says when it fails."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from nanna_ci.binaries.cargo import (
    cross_environment,
    first_error,
    has_standard_library,
    is_apple_to_apple,
    parse_metadata,
    plan_build,
    query_workspace,
    run_cargo,
)
from nanna_ci.binaries.cargo_settings import CargoSettings
from nanna_ci.binaries.targets import BuildTarget, System
from nanna_ci.foundation.errors import ConfigError, MalformedData
from support.fake_ports import FakeRun

ARM = BuildTarget(System.AARCH64_LINUX, "aarch64-unknown-linux-gnu")
LINKER, CC = "CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER", "CC_aarch64_unknown_linux_gnu"


def on_path(*programs: str) -> Callable[[str], str | None]:
    return lambda name: name if name in programs else None


def no_library(_: str) -> bool:
    return False


def test_a_build_names_target_folder_and_every_binary() -> None:
    settings = CargoSettings(flags=("--workspace", "--all-features"), environment={"A": "workspace", "C": "d"})
    command = plan_build(
        ARM, ["harness", "worker"], settings, target_folder=Path("/run/target"), environment={"A": "b"}
    )
    assert command.argv == (
        *("cargo", "build", "--release", "--locked", "--workspace", "--all-features"),
        *("--target", "aarch64-unknown-linux-gnu"),
        *("--target-dir", "/run/target", "--bin", "harness", "--bin", "worker"),
    )
    # the linker is ours to say
    assert command.environment == {"A": "b", "C": "d"}


def test_a_gnu_linker_on_the_path_serves_cargo_and_build_scripts() -> None:
    found = cross_environment(ARM, {}, on_path("aarch64-linux-gnu-gcc"), no_library)
    assert found == {LINKER: "aarch64-linux-gnu-gcc", CC: "aarch64-linux-gnu-gcc"}


def test_without_a_linker_there_is_no_environment() -> None:
    assert cross_environment(ARM, {}, on_path("gcc"), no_library) is None
    assert cross_environment(ARM, {LINKER: "gone"}, on_path("aarch64-linux-gnu-gcc"), no_library) is None
    darwin = BuildTarget(System.AARCH64_DARWIN, "aarch64-apple-darwin")
    assert cross_environment(darwin, {}, on_path("aarch64-linux-gnu-gcc"), no_library) is None


def test_what_the_caller_set_stays() -> None:
    environ = {LINKER: "my-gcc", CC: "my-cc"}
    assert cross_environment(ARM, environ, on_path("my-gcc", "aarch64-linux-gnu-gcc"), no_library) == {}


def test_debians_libraries_of_the_target_are_found() -> None:
    probed: list[str] = []

    def exists(path: str) -> bool:
        probed.append(path)
        return True

    found = cross_environment(ARM, {}, on_path("aarch64-linux-gnu-gcc"), exists)
    assert probed == ["/usr/lib/aarch64-linux-gnu/pkgconfig"]
    assert found is not None
    assert found["PKG_CONFIG_ALLOW_CROSS_aarch64_unknown_linux_gnu"] == "1"
    assert found["PKG_CONFIG_LIBDIR_aarch64_unknown_linux_gnu"] == f"{probed[0]}:/usr/share/pkgconfig"


def test_macs_build_for_macs_only() -> None:
    intel = BuildTarget(System.X86_64_DARWIN, "x86_64-apple-darwin")
    assert is_apple_to_apple(System.AARCH64_DARWIN, intel)
    assert not is_apple_to_apple(System.X86_64_LINUX, intel)
    assert not is_apple_to_apple(System.AARCH64_DARWIN, ARM)
    assert not is_apple_to_apple(None, intel)


def test_the_command_runs_in_its_folder_over_the_callers_environment(tmp_path: Path) -> None:
    run = FakeRun()
    run.script("cargo")
    run_cargo(
        plan_build(ARM, [], CargoSettings(), target_folder=tmp_path, environment={"A": "b"}),
        run=run,
        environ={"P": "q"},
        cwd=tmp_path,
    )
    assert run.calls[0].options["env"] == {"P": "q", "A": "b"}
    assert run.calls[0].options["cwd"] == tmp_path


def metadata(*targets: tuple[str, str]) -> bytes:
    packages = [{"targets": [{"kind": [kind], "name": name} for kind, name in targets]}]
    return json.dumps({"packages": packages, "workspace_root": "/src"}).encode()


def test_the_workspaces_programs_are_those_of_kind_bin() -> None:
    found = parse_metadata(metadata(("bin", "harness"), ("lib", "model"), ("test", "serve")))
    assert (found.root, found.binaries) == (Path("/src"), frozenset({"harness"}))


@pytest.mark.parametrize(
    "data", [b"", b"[]", b"{}", b'{"packages":[{}],"workspace_root":"/"}', b"[" * 100_000, b"\xff"]
)
def test_what_cargo_would_not_write_is_refused(data: bytes) -> None:
    with pytest.raises(MalformedData):
        parse_metadata(data)


def test_a_broken_manifest_is_a_configuration_error(tmp_path: Path) -> None:
    run = FakeRun()
    run.script("cargo", "metadata", returncode=101, stderr=b"error: no `[package]`\n\nCaused by:\n  so\n")
    with pytest.raises(ConfigError, match=r"cargo cannot read the workspace: no `\[package\]`: so"):
        query_workspace(run=run, environ={}, cwd=tmp_path)


def test_the_first_error_is_the_reason() -> None:
    said = "   Compiling x\nwarning: w\nerror[E0308]: mismatched types\n  --> x\nerror: could not compile `x`\n"
    assert first_error(said) == "error[E0308]: mismatched types"
    assert first_error("linking\nld: gone\n") == "ld: gone"
    assert first_error("") == "no output on stderr"


def test_a_standard_library_is_there_when_its_files_are(tmp_path: Path) -> None:
    run = FakeRun()
    run.script("rustc", "--print", "target-libdir", "--target", ARM.triple, stdout=f"{tmp_path}\n".encode())
    assert not has_standard_library(ARM.triple, run=run, environ={}, cwd=tmp_path)
    (tmp_path / "libstd-0123.rlib").touch()
    assert has_standard_library(ARM.triple, run=run, environ={}, cwd=tmp_path)
