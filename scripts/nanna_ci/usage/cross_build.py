"""The flags of `cross-build`."""

from __future__ import annotations

import argparse

DESCRIPTION = """\
Builds the workspace's binaries for one system of pipeline.toml, by its strategies in their order:

  nix          the Nix package, on a machine of that system
  nix-cross    the Nix package, cross-compiled
  builder      the system's own Nix package, on a remote or an emulated builder
  cargo-cross  cargo with a linker for the system
  cargo-apple  cargo with an Apple triple, on macOS

The next one is tried only if a strategy failed, or this machine cannot try it; a missing attribute or a broken
configuration is an error. What was built is verified by its header: executables for another machine fail the command
(exit 1), whatever they are called, and nothing else is tried. A foreign Linux executable also runs once if qemu is
installed. No strategy possible: exit 3. Results go to .nanna-ci/cross-build/SYSTEM.

example: nanna-ci cross-build --system aarch64-linux
"""
DRY_RUN = False


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's own flags."""
    parser.add_argument("--system", required=True, help="one of pipeline.toml's targets, such as aarch64-linux")
