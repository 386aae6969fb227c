"""The closed sets that pipeline.toml chooses from, and what follows from each system."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass


class Channel(enum.StrEnum):
    """A Rust release channel."""

    STABLE = "stable"
    BETA = "beta"
    NIGHTLY = "nightly"


class SuiteKind(enum.StrEnum):
    """What a test suite does with the workspace."""

    UNIT = "unit"
    INTEGRATION = "integration"
    CLIPPY = "clippy"
    FMT = "fmt"
    DOC = "doc"
    AUDIT = "audit"
    DENY = "deny"


class Strategy(enum.StrEnum):
    """A way to make an executable for a target."""

    NIX = "nix"
    NIX_CROSS = "nix-cross"
    BUILDER = "builder"
    CARGO_CROSS = "cargo-cross"
    CARGO_APPLE = "cargo-apple"


class OperatingSystem(enum.StrEnum):
    """The second half of a system double."""

    LINUX = "linux"
    DARWIN = "darwin"
    WINDOWS = "windows"


STRATEGIES: Mapping[OperatingSystem, tuple[Strategy, ...]] = {
    OperatingSystem.LINUX: (Strategy.NIX, Strategy.NIX_CROSS, Strategy.BUILDER),
    OperatingSystem.DARWIN: (Strategy.CARGO_APPLE,),
    OperatingSystem.WINDOWS: (Strategy.CARGO_CROSS,),
}
"""Of a target that names none. Cargo outside of Nix is a last resort on Linux, for those who ask for it."""

POSSIBLE_STRATEGIES: Mapping[OperatingSystem, tuple[Strategy, ...]] = {
    **STRATEGIES,
    OperatingSystem.LINUX: (*STRATEGIES[OperatingSystem.LINUX], Strategy.CARGO_CROSS),
}


@dataclass(frozen=True, slots=True)
class SystemFacts:
    """What follows from a system double: Rust's triple and GitHub's runner of that very system."""

    os: OperatingSystem
    triple: str
    runner: str


SYSTEMS: Mapping[str, SystemFacts] = {
    "x86_64-linux": SystemFacts(OperatingSystem.LINUX, "x86_64-unknown-linux-gnu", "ubuntu-24.04"),
    "aarch64-linux": SystemFacts(OperatingSystem.LINUX, "aarch64-unknown-linux-gnu", "ubuntu-24.04-arm"),
    "x86_64-darwin": SystemFacts(OperatingSystem.DARWIN, "x86_64-apple-darwin", "macos-15-intel"),
    "aarch64-darwin": SystemFacts(OperatingSystem.DARWIN, "aarch64-apple-darwin", "macos-15"),
    "x86_64-windows": SystemFacts(OperatingSystem.WINDOWS, "x86_64-pc-windows-msvc", "windows-2025"),
}
RUNNERS: Mapping[str, str] = {facts.runner: system for system, facts in SYSTEMS.items()}
"""Runner -> system double."""
