"""The flags of `dev-check`."""

from __future__ import annotations

import argparse

DESCRIPTION = """\
Runs the host's cargo in the work tree around the working folder: fmt, clippy with warnings denied, all tests with
nextest, audit, deny. It stops at nothing and reports everything. A tool that is not installed makes its step
`unavailable`, with the command that installs it. --fix first lets clippy and fmt mend what they can.

Features, variables, lints and nextest's settings are those of the nearest pipeline.toml, here or in a folder above.

A folder without Cargo.toml, such as this project's own, has the flake's workspace under CI checked: in the folder that
--override-input or nixw names, or, for a flake input, as it lies in the Nix store, which --fix cannot change.

Nothing is isolated here: for the answer that counts run `ci`.

example: nanna-ci dev-check --fix
"""
DRY_RUN = False


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's own flags."""
    parser.add_argument("--fix", action="store_true", help="let clippy and fmt change the sources first")
