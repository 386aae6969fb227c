"""What cargo and rustup say when they cannot begin."""

from __future__ import annotations

import pytest

from nanna_ci.toolchain.cargo_errors import innermost_cause
from nanna_ci.toolchain.rustup import find_missing_toolchain

INHERITED = """\
error: failed to parse manifest at `/w/Cargo.toml`

Caused by:
  error inheriting `version` from workspace root manifest's `workspace.package.version`

Caused by:
  failed to find a workspace root

Stack backtrace:
   0: anyhow
"""
TOML = """\
error: unclosed table, expected `]`
 --> Cargo.toml:1:9
  |
1 | [package
  |         ^
"""


@pytest.mark.parametrize(
    ("said", "cause"),
    [
        (INHERITED, "failed to find a workspace root"),
        (TOML, "error: unclosed table, expected `]`: Cargo.toml:1:9: [package"),
        ("error: one\n\nCaused by:\n  a cause over\n  two lines\n", "a cause over: two lines"),
        ("no such thing\nlast\n", "last"),
        ("", "no output on stderr"),
    ],
)
def test_the_innermost_cause_is_reported_in_cargos_own_words(said: str, cause: str) -> None:
    assert innermost_cause(said) == cause


@pytest.mark.parametrize(
    ("said", "reason", "hint"),
    [
        (
            "error: toolchain '1.70.0-x86_64-unknown-linux-gnu' is not installed\nhelp: run `rustup`\n",
            "the Rust toolchain 1.70.0-x86_64-unknown-linux-gnu is not installed",
            "rustup toolchain install 1.70.0-x86_64-unknown-linux-gnu",
        ),
        (
            "error: rustup could not choose a version of cargo to run, because one wasn't specified explicitly, and no "
            "default is configured.\nhelp: run 'rustup default stable'\n",
            "rustup has no default toolchain",
            "rustup default stable",
        ),
        (
            "info: syncing channel updates for '1.70.0-x86_64-apple-darwin'\nerror: could not download file from 'https://x'\n",
            "the Rust toolchain 1.70.0-x86_64-apple-darwin is not installed, and rustup cannot fetch it: "
            "could not download file from 'https://x'",
            "rustup toolchain install 1.70.0-x86_64-apple-darwin",
        ),
        (
            "error: 'cargo' is not installed for the custom toolchain 'mine'.\n",
            "the Rust toolchain mine is not installed",
            "rustup toolchain install mine",
        ),
    ],
)
def test_a_missing_toolchain_is_named_with_its_installation(said: str, reason: str, hint: str) -> None:
    found = find_missing_toolchain(said)
    assert found is not None
    assert (found.reason, found.hint) == (reason, hint)


def test_a_broken_workspace_is_not_a_missing_toolchain() -> None:
    assert find_missing_toolchain(INHERITED) is None
