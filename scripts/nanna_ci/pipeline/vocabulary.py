"""The closed sets that pipeline.toml chooses from, and what follows from each system."""

from __future__ import annotations

import enum
import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


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
    COVERAGE = "coverage"


class Severity(enum.StrEnum):
    """How bad a finding is, from the least on."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


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


@functools.cache
def key_table() -> dict[str, Any]:
    """keys.json: what pipeline.toml may contain, and what follows from each system."""
    table: dict[str, Any] = json.loads(Path(__file__).with_name("keys.json").read_bytes())
    return table


def _strategies(which: str) -> Mapping[OperatingSystem, tuple[Strategy, ...]]:
    return {
        OperatingSystem(name): tuple(map(Strategy, lists[which])) for name, lists in key_table()["strategies"].items()
    }


STRATEGIES = _strategies("default")
"""Of a target that names none. Cargo outside of Nix is a last resort on Linux, for those who ask for it."""

POSSIBLE_STRATEGIES = _strategies("possible")


@dataclass(frozen=True, slots=True)
class SystemFacts:
    """What follows from a system double: Rust's triple and GitHub's runner of that very system."""

    os: OperatingSystem
    triple: str
    runner: str


SYSTEMS: Mapping[str, SystemFacts] = {
    system: SystemFacts(OperatingSystem(facts["os"]), facts["triple"], facts["runner"])
    for system, facts in key_table()["systems"].items()
}
RUNNERS: Mapping[str, str] = {facts.runner: system for system, facts in SYSTEMS.items()}
"""Runner -> system double."""
