"""Each strategy: when it is impossible, when it failed, when it built, and when the climb must end."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from nanna_ci.binaries.cargo_settings import CargoSettings
from nanna_ci.binaries.ladder import Built, Failed, Impossible
from nanna_ci.binaries.strategies import Workbench
from nanna_ci.binaries.targets import BuildTarget, System
from nanna_ci.foundation.errors import CommandFailed, CommandTimedOut, ConfigError, NannaError, ToolMissing
from nanna_ci.pipeline.vocabulary import Strategy
from nanna_ci.store.build_log import BuildLog
from nanna_ci.store.build_result import BuildOutcome, BuildResult, DerivationResult
from nanna_ci.store.nix import Nix
from nanna_ci.store.store_path import parse_store_path
from support.fake_ports import FakeRun

HASH = "0123456789abcdfghijklmnpqrsvwxyz"
DRV, OUT = f"/nix/store/{HASH}-nanna.drv", f"/nix/store/{HASH}-nanna"
X86, ARM = System.X86_64_LINUX, System.AARCH64_LINUX


@dataclass
class FakeNix:
    """Nix, with a flake of `derivations` and `unavailable` for every system."""

    derivations: Mapping[str, str] = field(default_factory=dict)
    unavailable: Mapping[str, str] = field(default_factory=dict)
    fails: NannaError | None = None
    build_fails: NannaError | None = None
    state: BuildOutcome = BuildOutcome.BUILT
    extra_platforms: Sequence[str] = ()
    flake: str = "."
    evaluated: list[str] = field(default_factory=list)
    built: list[tuple[str, ...]] = field(default_factory=list)

    def evaluate(self, attribute: str, *, apply: str) -> dict[str, str | None]:
        if self.fails:
            raise self.fails
        self.evaluated.append(attribute)
        key = apply.partition('p.derivations."')[2].partition('"')[0]
        return {"unavailable": self.unavailable.get(key), "derivation": self.derivations.get(key)}

    def settings(self) -> dict[str, object]:
        if self.fails:
            raise self.fails
        return {"extra-platforms": list(self.extra_platforms)}

    def build(self, installables: Sequence[str], **_: object) -> BuildResult:
        self.built.append(tuple(installables))
        if self.build_fails:
            raise self.build_fails
        there = self.state.there
        result = DerivationResult(
            installable=installables[0],
            derivation=parse_store_path(DRV),
            outputs={"out": parse_store_path(OUT)},
            state=self.state,
            seconds=1.0,
            reason=None if there else "builder failed with exit code 1",
            log_tail=() if there else ("boom",),
        )
        return BuildResult(there, (result,), BuildLog(), 1.0)


def typed(nix: FakeNix) -> Nix:
    fake: Any = nix
    return fake  # type: ignore[no-any-return]


@pytest.fixture
def bench(tmp_path: Path) -> Workbench:
    run = FakeRun()
    packages = [{"targets": [{"kind": ["bin"], "name": "harness"}]}]
    answer = json.dumps({"packages": packages, "workspace_root": "/src"}).encode()
    run.script("cargo", "metadata", stdout=answer)
    run.script("rustc", "--print", "target-libdir", stdout=str(tmp_path / "lib").encode())
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib/libstd-1.rlib").touch()
    return Workbench(
        target=BuildTarget(ARM, "aarch64-unknown-linux-gnu"),
        host=X86,
        workspace="nanna",
        binaries=("harness",),
        settings=CargoSettings(flags=("--workspace", "--all-features"), environment={"A": "b"}),
        nix=typed(FakeNix()),
        run=run,
        environ={},
        cwd=tmp_path,
        folder=tmp_path / "out",
        which=lambda name: name,
        on_silence=lambda _: None,
    )


def run_of(bench: Workbench) -> FakeRun:
    assert isinstance(bench.run, FakeRun)
    return bench.run


def native(bench: Workbench) -> Workbench:
    return replace(bench, target=BuildTarget(X86, "x86_64-unknown-linux-gnu"))


def impossible(bench: Workbench, strategy: Strategy) -> str:
    result = bench.attempt(strategy)
    assert isinstance(result, Impossible)
    return result.reason


def test_the_native_package_is_built_on_its_own_system(bench: Workbench) -> None:
    nix = FakeNix({"packages.x86_64-linux.nanna": DRV})
    assert replace(native(bench), nix=typed(nix)).attempt(Strategy.NIX) == Built(Path(OUT), DRV)
    assert nix.evaluated == ["legacyPackages.x86_64-linux.pipeline"]
    assert nix.built == [(f"{DRV}^out",)]


def test_the_native_package_is_impossible_elsewhere(bench: Workbench) -> None:
    assert impossible(bench, Strategy.NIX) == "this machine is x86_64-linux, not aarch64-linux"
    assert impossible(replace(bench, host=None), Strategy.NIX) == "this machine is an unknown system, not aarch64-linux"


def test_the_cross_package_has_the_targets_name_and_the_hosts_system(bench: Workbench) -> None:
    nix = FakeNix({"packages.x86_64-linux.nanna-aarch64-linux": DRV})
    assert replace(bench, nix=typed(nix)).attempt(Strategy.NIX_CROSS) == Built(Path(OUT), DRV)


def test_there_is_nothing_to_cross_on_the_target_itself(bench: Workbench) -> None:
    assert "nothing to cross" in impossible(native(bench), Strategy.NIX_CROSS)


def test_a_builder_builds_the_targets_own_package(bench: Workbench) -> None:
    nix = FakeNix({"packages.aarch64-linux.nanna": DRV}, extra_platforms=["aarch64-linux"])
    assert replace(bench, nix=typed(nix)).attempt(Strategy.BUILDER) == Built(Path(OUT), DRV)
    assert nix.evaluated == ["legacyPackages.aarch64-linux.pipeline"]


def test_without_a_builder_nothing_is_evaluated(bench: Workbench) -> None:
    nix = FakeNix()
    assert "Nix has no builder for aarch64-linux" in impossible(replace(bench, nix=typed(nix)), Strategy.BUILDER)
    assert nix.evaluated == []
    assert "needs no other builder" in impossible(native(bench), Strategy.BUILDER)


@pytest.mark.parametrize("strategy", [Strategy.NIX_CROSS, Strategy.BUILDER])
def test_without_nix_its_strategies_are_impossible(bench: Workbench, strategy: Strategy) -> None:
    nix = FakeNix(fails=ToolMissing("nix", "not found"))
    assert "not found" in impossible(replace(bench, nix=typed(nix)), strategy)


def test_what_the_flake_declares_unavailable_is_impossible_with_its_reason(bench: Workbench) -> None:
    nix = FakeNix(unavailable={"packages.x86_64-linux.nanna-aarch64-linux": "Debian has no cross OpenSSL"})
    assert impossible(replace(bench, nix=typed(nix)), Strategy.NIX_CROSS) == "Debian has no cross OpenSSL"


@pytest.mark.parametrize("strategy", [Strategy.NIX_CROSS, Strategy.BUILDER])
def test_a_missing_attribute_ends_the_climb(bench: Workbench, strategy: Strategy) -> None:
    nix = FakeNix({"packages.x86_64-linux.other": DRV}, extra_platforms=["aarch64-linux"])
    with pytest.raises(ConfigError, match=r"there is no attribute packages\."):
        replace(bench, nix=typed(nix)).attempt(strategy)


def test_a_broken_evaluation_ends_the_climb(bench: Workbench) -> None:
    nix = FakeNix(fails=CommandFailed(["nix"], 1, "error: syntax error"))
    with pytest.raises(CommandFailed):
        replace(bench, nix=typed(nix)).attempt(Strategy.NIX_CROSS)


def test_a_failed_build_moves_on_with_its_reason_and_log(bench: Workbench) -> None:
    nix = FakeNix({"packages.x86_64-linux.nanna-aarch64-linux": DRV}, state=BuildOutcome.FAILED)
    result = replace(bench, nix=typed(nix)).attempt(Strategy.NIX_CROSS)
    assert result == Failed("builder failed with exit code 1", ("boom",))


@pytest.mark.parametrize(
    "error", [CommandFailed(["nix"], 1, "a\nno space"), CommandTimedOut(["nix"], 5, "a\nno space")]
)
def test_a_build_that_nix_could_not_do_moves_on(bench: Workbench, error: NannaError) -> None:
    nix = FakeNix({"packages.x86_64-linux.nanna-aarch64-linux": DRV}, build_fails=error)
    assert replace(bench, nix=typed(nix)).attempt(Strategy.NIX_CROSS) == Failed(error.message, ("a", "no space"))


def test_cargo_builds_with_the_cross_linker_into_the_given_folder(bench: Workbench) -> None:
    run = run_of(bench)
    run.script("cargo", "build")
    folder = bench.folder / "target"
    assert bench.attempt(Strategy.CARGO_CROSS) == Built(folder / "aarch64-unknown-linux-gnu/release")
    call = run.calls[-1]
    assert call.argv[-4:] == ("--target-dir", str(folder), "--bin", "harness")
    assert call.options["env"]["CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER"] == "aarch64-linux-gnu-gcc"


def test_cargo_needs_no_linker_of_its_own_on_the_target_itself(bench: Workbench) -> None:
    run_of(bench).script("cargo", "build")
    at_home = replace(native(bench), which=lambda _: None)
    assert at_home.attempt(Strategy.CARGO_CROSS) == Built(bench.folder / "target/x86_64-unknown-linux-gnu/release")
    assert run_of(bench).calls[-1].options["env"] == {"A": "b"}


def test_cargo_is_impossible_without_linker_library_or_cargo(bench: Workbench, tmp_path: Path) -> None:
    assert "no cross linker" in impossible(replace(bench, which=lambda _: None), Strategy.CARGO_CROSS)
    (tmp_path / "lib/libstd-1.rlib").unlink()
    assert "rustc has no standard library for aarch64" in impossible(bench, Strategy.CARGO_CROSS)
    run_of(bench).script("cargo", error=ToolMissing("cargo", "not found"))
    assert impossible(bench, Strategy.CARGO_CROSS) == "cargo: not found"


def test_cargo_does_not_cross_kernels(bench: Workbench) -> None:
    darwin = replace(bench, target=BuildTarget(System.AARCH64_DARWIN, "aarch64-apple-darwin"))
    assert "cannot link for aarch64-darwin on x86_64-linux" in impossible(darwin, Strategy.CARGO_CROSS)
    assert "Apple's tools are on macOS only" in impossible(darwin, Strategy.CARGO_APPLE)
    assert run_of(bench).calls == []


def test_a_mac_builds_the_other_macs_triple(bench: Workbench) -> None:
    run_of(bench).script(
        "cargo", "build", "--release", "--locked", "--workspace", "--all-features", "--target", "x86_64-apple-darwin"
    )
    intel = BuildTarget(System.X86_64_DARWIN, "x86_64-apple-darwin")
    on_a_mac = replace(bench, host=System.AARCH64_DARWIN, target=intel)
    assert on_a_mac.attempt(Strategy.CARGO_APPLE) == Built(bench.folder / "target/x86_64-apple-darwin/release")


def test_a_compile_error_moves_on_with_the_first_error(bench: Workbench) -> None:
    run_of(bench).script("cargo", "build", returncode=101, stderr=b"warning: w\nerror[E1]: wrong\nerror: could not\n")
    result = bench.attempt(Strategy.CARGO_CROSS)
    assert result == Failed("error[E1]: wrong", ("warning: w", "error[E1]: wrong", "error: could not"))


def broken_workspace(run: FakeRun) -> None:
    run.script("cargo", "metadata", returncode=101, stderr=b"error: failed to parse manifest")


def other_binaries(run: FakeRun) -> None:
    run.script("cargo", "metadata", stdout=b'{"packages":[],"workspace_root":"/src"}')


@pytest.mark.parametrize("broken", [broken_workspace, other_binaries])
def test_a_broken_or_other_workspace_ends_the_climb(bench: Workbench, broken: Callable[[FakeRun], None]) -> None:
    broken(run_of(bench))
    with pytest.raises(ConfigError):
        bench.attempt(Strategy.CARGO_CROSS)
