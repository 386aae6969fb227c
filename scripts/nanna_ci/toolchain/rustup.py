"""rustup's messages about a missing toolchain: they are about the machine, not about a workspace."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

_NOT_INSTALLED: Final = re.compile(r"toolchain '(?P<name>[^']+)' is not (?:installed|installable)")
_CUSTOM: Final = re.compile(r"(?:custom toolchain|override toolchain) '(?P<name>[^']+)'.* is not installed")
_INVALID: Final = re.compile(r"invalid (?:path |custom )?toolchain(?: name)?:? '[^']+'")
_NO_DEFAULT: Final = re.compile(
    r"no (?:default toolchain|override and no default toolchain|default) is (?:configured|set)"
)
_NOT_LOADED: Final = re.compile(
    r"could not (?:download (?:nonexistent rust version|file)|rename downloaded file)[^\n]*"
    r"|no release found for '[^']*'"
)
_LACKS: Final = re.compile(
    r"'(?:cargo|rustc)(?:\.exe)?' is not installed for the (?:custom )?toolchain '(?P<name>[^']+)'"
)
_SYNCING: Final = re.compile(r"syncing channel updates for '?(?P<name>[^'\s]+)'?")


@dataclass(frozen=True, slots=True)
class MissingToolchain:
    """The toolchain that is missing, in a sentence, and how to install it."""

    reason: str
    hint: str


def find_missing_toolchain(stderr: str) -> MissingToolchain | None:
    """The toolchain that rustup's cargo or rustc proxy could not run with; None if it did not say so."""
    for pattern in (_NOT_INSTALLED, _CUSTOM, _LACKS):
        if match := pattern.search(stderr):
            name = match["name"]
            return MissingToolchain(f"the Rust toolchain {name} is not installed", f"rustup toolchain install {name}")
    if invalid := _INVALID.search(stderr):
        return MissingToolchain(
            f"rustup cannot use {invalid.group()}", "`rustup toolchain list` shows what is installed"
        )
    if _NO_DEFAULT.search(stderr):
        return MissingToolchain("rustup has no default toolchain", "rustup default stable")
    if match := _NOT_LOADED.search(stderr):
        synced = _SYNCING.search(stderr)
        name = synced["name"] if synced else "that the workspace asks for"
        reason = f"the Rust toolchain {name} is not installed, and rustup cannot fetch it: {match.group()}"
        return MissingToolchain(reason, f"rustup toolchain install {name}" if synced else "see `rustup show`")
    return None
