"""Each rung of the ladder, on this machine: the Nix package, native, cross or on a builder, and cargo."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, assert_never

from nanna_ci.binaries.cargo import (
    Run,
    cross_environment,
    first_error,
    has_standard_library,
    is_apple_to_apple,
    plan_build,
    query_workspace,
    run_cargo,
)
from nanna_ci.binaries.cargo_settings import CargoSettings
from nanna_ci.binaries.ladder import Built, Failed, Impossible, Result
from nanna_ci.binaries.targets import BuildTarget, System
from nanna_ci.foundation.errors import CommandFailed, CommandTimedOut, ConfigError, ToolMissing
from nanna_ci.foundation.guarded_read import MEBIBYTE, read_file
from nanna_ci.pipeline.vocabulary import Strategy
from nanna_ci.store.nix import Nix

_LOG_LINES = 40
_MOST_INCLUDES: Final = 10


@dataclass(frozen=True, slots=True)
class Workbench:
    """What the strategies work with.

    `host` is this machine's system, None if unknown. `folder` takes results: a link to the Nix
    output, or cargo's target folder. `cwd` is the workspace's folder for cargo, and `settings` how it is called.
    `on_silence` is as in process.run.
    """

    target: BuildTarget
    host: System | None
    workspace: str
    binaries: tuple[str, ...]
    settings: CargoSettings
    nix: Nix
    run: Run
    environ: Mapping[str, str]
    cwd: Path
    folder: Path
    which: Callable[[str], str | None]
    on_silence: Callable[[float], None]

    def attempt(self, strategy: Strategy) -> Result:
        """Try one strategy. Raises ConfigError, and whatever else must end the climb."""
        match strategy:
            case Strategy.NIX:
                return self._native()
            case Strategy.NIX_CROSS:
                return self._cross()
            case Strategy.BUILDER:
                return self._builder()
            case Strategy.CARGO_CROSS:
                return self._cargo_cross()
            case Strategy.CARGO_APPLE:
                return self._cargo_apple()
            case _:
                assert_never(strategy)

    def _native(self) -> Result:
        if self.host is not self.target.system:
            return Impossible(f"this machine is {_name(self.host)}, not {self.target.system.value}")
        return self._build_package(self.target.system, self.workspace)

    def _cross(self) -> Result:
        if self.host is None:
            return Impossible("packages are not made on this kind of machine")
        if self.host is self.target.system:
            return Impossible(f"this machine is {self.host.value} itself: there is nothing to cross")
        return self._build_package(self.host, f"{self.workspace}-{self.target.system.value}")

    def _builder(self) -> Result:
        if self.host is self.target.system:
            return Impossible(f"this machine is {self.target.system.value} itself: it needs no other builder")
        try:
            settings = self.nix.settings()
        except ToolMissing as error:
            return Impossible(error.message)
        if not has_builder(settings, self.target.system.value, read_machines_file):
            return Impossible(
                f"Nix has no builder for {self.target.system.value}: none in `builders`, not in `extra-platforms`"
            )
        return self._build_package(self.target.system, self.workspace)

    def _build_package(self, system: System, package: str) -> Result:
        """Build `packages.SYSTEM.PACKAGE`: impossible if the flake says unavailable, an error if it lacks it."""
        attribute = f"packages.{system.value}.{package}"
        key = json.dumps(attribute)  # names have no character that Nix's strings would read otherwise
        apply = f"p: {{ unavailable = p.unavailable.{key} or null; derivation = p.derivations.{key} or null; }}"
        try:
            found = self.nix.evaluate(f"legacyPackages.{system.value}.pipeline", apply=apply)
        except ToolMissing as error:
            return Impossible(error.message)
        if found["unavailable"] is not None:
            return Impossible(found["unavailable"])
        if found["derivation"] is None:
            raise ConfigError(f"flake {self.nix.flake}", f"there is no attribute {attribute}")
        return self._build_derivation(found["derivation"])

    def _build_derivation(self, derivation: str) -> Result:
        self.folder.mkdir(parents=True, exist_ok=True)
        try:
            built = self.nix.build(
                [f"{derivation}^out"],
                keep_going=False,
                out_link=self.folder / "result",
                on_silence=self.on_silence,
            ).results[0]
        except (CommandFailed, CommandTimedOut) as error:
            return Failed(error.message, _tail(error.stderr_tail))
        if not built.state.there:
            return Failed(built.reason or f"the build ended as {built.state.value}", built.log_tail[-_LOG_LINES:])
        output = built.outputs.get("out")
        folder = (self.folder / "result").resolve() if output is None else Path(str(output))
        return Built(folder, derivation)

    def _cargo_cross(self) -> Result:
        if self.host is None or self.host.kernel != self.target.system.kernel:
            return Impossible(f"cargo cannot link for {self.target.system.value} on {_name(self.host)}")
        if self.host is self.target.system:
            return self._build_with_cargo({})
        environment = cross_environment(self.target, self.environ, self.which, lambda path: Path(path).exists())
        if environment is None:
            return Impossible(f"no cross linker for {self.target.triple} on PATH")
        return self._build_with_cargo(environment)

    def _cargo_apple(self) -> Result:
        if not is_apple_to_apple(self.host, self.target):
            return Impossible(f"Apple's tools are on macOS only; this machine is {_name(self.host)}")
        return self._build_with_cargo({})

    def _build_with_cargo(self, environment: Mapping[str, str]) -> Result:
        try:
            workspace = query_workspace(run=self.run, environ=self.environ, cwd=self.cwd)
            has_library = has_standard_library(self.target.triple, run=self.run, environ=self.environ, cwd=self.cwd)
        except ToolMissing as error:
            return Impossible(error.message)
        if absent := sorted(set(self.binaries) - workspace.binaries):
            raise ConfigError("[workspace] binaries", f"{workspace.root} has no program called {', '.join(absent)}")
        if not has_library:
            return Impossible(f"rustc has no standard library for {self.target.triple} (rustup target add installs it)")
        folder = self.folder / "target"
        command = plan_build(self.target, self.binaries, self.settings, target_folder=folder, environment=environment)
        try:
            run_cargo(command, run=self.run, environ=self.environ, cwd=self.cwd, on_silence=self.on_silence)
        except CommandFailed as error:
            return Failed(first_error(error.stderr_tail), _tail(error.stderr_tail))
        except CommandTimedOut as error:
            return Failed(error.message, _tail(error.stderr_tail))
        return Built(folder / self.target.triple / "release")


def _name(system: System | None) -> str:
    return "an unknown system" if system is None else system.value


def _tail(stderr: str) -> tuple[str, ...]:
    return tuple(stderr.splitlines()[-_LOG_LINES:])


def has_builder(settings: Mapping[str, Any], system: str, read: Callable[[str], str | None]) -> bool:
    """Whether derivations of `system` can be built from here, by emulation or on a remote builder.

    `settings` are Nix's own, name → value. `read` gives the text of a machines file, None if there is none.
    """
    platforms = settings.get("extra-platforms", [])
    if isinstance(platforms, list) and system in platforms:
        return True
    machines = settings.get("builders", "")
    return any(system in systems for systems in parse_machines(machines if isinstance(machines, str) else "", read))


def parse_machines(text: str, read: Callable[[str], str | None]) -> list[frozenset[str]]:
    """The systems of each machine in Nix's `builders` setting: entries `URI SYSTEM,SYSTEM …` between `;` or newlines.

    `@FILE` stands for a file of them. A machine without systems has those of this one, which need no builder.
    """
    machines: list[frozenset[str]] = []
    waiting = [text]
    for _ in range(_MOST_INCLUDES):  # a file that names itself must not loop
        if not waiting:
            break
        for line in waiting.pop().replace(";", "\n").splitlines():
            words = line.partition("#")[0].split()
            if words and words[0].startswith("@"):
                waiting.append(read(words[0][1:]) or "")
            elif len(words) > 1:
                machines.append(frozenset(words[1].split(",")))
    return machines


def read_machines_file(path: str) -> str | None:
    """The text of a machines file; None if it cannot be read, which Nix takes as having none."""
    try:
        return read_file(Path(path), MEBIBYTE).decode("utf-8", "replace")
    except OSError:
        return None
