"""The flags of `dev-check`."""

from __future__ import annotations

import argparse

DESCRIPTION = """\
Runs the host's cargo in the work tree around the working folder: fmt, clippy with warnings denied, all tests with
nextest, audit, deny. It runs every step and reports everything. A tool that is not installed makes its step
`unavailable`, with the command that installs it. --fix first lets clippy and fmt fix what they can.

Features, variables, lints and nextest's settings are those of the nearest pipeline.toml, here or in a folder above.

In a folder without Cargo.toml, such as this project's own, it checks the flake's workspace under CI: in the folder that
--override-input or nixw names, or, for a flake input, the copy in the Nix store, which --fix cannot change.

Nothing is isolated here: the authoritative answer is that of `ci`.

example: nanna-ci dev-check --fix
"""
DRY_RUN = False


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's own flags."""
    parser.add_argument("--fix", action="store_true", help="let clippy and fmt change the sources first")
