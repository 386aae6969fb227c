"""The flags of `prepare-artifacts`."""

from __future__ import annotations

import argparse

DESCRIPTION = """\
Takes a build's executables, verifies by their headers that they are for the system, and writes a folder with

  harness-SYSTEM              each binary of the workspace
  nanna-coder-SYSTEM.tar.gz   all of them
  SHA256SUMS                  as sha256sum -c reads it
  manifest.json               where they come from, what they are, their sizes

The same input gives the same bytes, whatever the time, locale, umask or user. The folder appears whole or not at
all, and only a folder of artifacts is replaced. Executables for another machine, none at all, or more bytes together
than [budget] artifact_bytes: exit 1. Links, devices, setuid files and other non-executables: exit 4. --dry-run also
checks an existing folder against its own SHA256SUMS: a file that was changed since is exit 1.

PATH may be the folder of a build job of `run-job`: its result says where the executables are and what built them. One
that did not pass is exit 1, with its reason.

example: nanna-ci prepare-artifacts --system aarch64-linux --from result --output dist/aarch64-linux
example: nanna-ci prepare-artifacts --system x86_64-linux --from .nanna-ci/jobs/build-x86_64-linux --output dist
"""
DRY_RUN = True
_STRATEGIES = ("nix", "nix-cross", "builder", "cargo-cross", "cargo-apple")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's own flags."""
    parser.add_argument("--system", required=True, help="the system that they must be for, such as aarch64-linux")
    parser.add_argument(
        "--from",
        dest="source",
        required=True,
        metavar="PATH",
        help="a Nix result, cargo's target folder, or the folder that run-job wrote for a build job",
    )
    parser.add_argument(
        "--output", dest="folder", required=True, metavar="DIR", help="the folder to write, one a system"
    )
    parser.add_argument(
        "--strategy", choices=_STRATEGIES, help="what built them, for the manifest (default: what the job says)"
    )
    parser.add_argument(
        "--revision", metavar="COMMIT", help="the source's commit (default: of the clean work tree that has PATH)"
    )
