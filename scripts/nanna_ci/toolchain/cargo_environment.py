"""The environment that cargo's jobs get: without the variables that would silently change a result.

A verdict must rest on the workspace and on the command that is reported with it. What silences a lint, replaces a tool
or filters tests from outside is removed; what may be needed and can still change an answer (a linker's flags, a wrapper
that caches) stays, and both are reported by name, never with their values.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

# nextest reads its options from NEXTEST_*: the profile, which tests, how often, what an end without tests means
_HARMLESS: Final = frozenset({"NEXTEST_TEST_THREADS"})
_REMOVED: Final = re.compile(
    r"NEXTEST(?:_\w+)?"
    r"|CARGO_ALIAS_\w+"  # another command instead of clippy, fmt or nextest
    r"|CARGO_TARGET_\w+_RUNNER"  # the test runner: `true` passes or hides them all
    r"|CARGO_BUILD_WARNINGS"
    r"|CARGO_ENCODED_RUSTDOCFLAGS"  # overrides the RUSTDOCFLAGS that the job sets
    r"|CLIPPY_ARGS|CLIPPY_CONF_DIR"
    r"|(?:CARGO_BUILD_)?RUSTC_WORKSPACE_WRAPPER"
    r"|RUSTFMT"
)
_REPORTED: Final = re.compile(
    r"(?:CARGO_ENCODED_|CARGO_BUILD_|CARGO_TARGET_\w+_)?RUSTFLAGS"
    r"|(?:CARGO_BUILD_|CARGO_TARGET_\w+_)?RUSTDOCFLAGS"
    r"|(?:CARGO_BUILD_)?RUSTC|(?:CARGO_BUILD_)?RUSTC_WRAPPER|(?:CARGO_BUILD_)?RUSTDOC"
    r"|CARGO_BUILD_TARGET|CARGO_PROFILE_\w+|CARGO_UNSTABLE_\w+|RUSTC_BOOTSTRAP|RUST_TEST_\w+"
)
_FLAGS: Final = re.compile(r"\w*RUSTFLAGS|\w*RUSTDOCFLAGS")
_SILENCES: Final = re.compile(r"(?:^|[\s\x1f])(?:-A|--allow|--cap-lints)")


@dataclass(frozen=True, slots=True)
class CargoEnvironment:
    """The variables that cargo gets, and the names of those that were `removed` and of those `kept` that may matter."""

    variables: Mapping[str, str] = field(default_factory=dict)
    removed: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()

    def to_json(self) -> dict[str, list[str]]:
        """For a result's evidence; empty if there is nothing to report."""
        names_by = {"removed": list(self.removed), "kept": list(self.kept)}
        return {key: names for key, names in names_by.items() if names}

    def to_lines(self) -> list[str]:
        """For a job's log."""
        lines = []
        if self.removed:
            lines.append(f"left out of the environment, for they change answers: {', '.join(self.removed)}")
        if self.kept:
            lines.append(f"in the environment, and they may change answers: {', '.join(self.kept)}")
        return lines


def decide_environment(environ: Mapping[str, str]) -> CargoEnvironment:
    """What cargo's jobs may see of `environ`."""
    removed = sorted(name for name, value in environ.items() if _is_removed(name.upper(), value))
    variables = {name: value for name, value in environ.items() if name not in removed}
    kept = tuple(sorted(name for name, value in variables.items() if value and _REPORTED.fullmatch(name.upper())))
    return CargoEnvironment(variables, tuple(removed), kept)


def _is_removed(name: str, value: str) -> bool:
    if name in _HARMLESS:
        return False
    return bool(_REMOVED.fullmatch(name) or (_FLAGS.fullmatch(name) and _SILENCES.search(value)))
