"""The flags of `sbom`."""

from __future__ import annotations

import argparse

DESCRIPTION = """\
Writes a bill of materials: what something is made of, as CycloneDX or SPDX.

  sbom crates                  the workspace's crates, with features and target as they are built
  sbom closure nanna-coder     a package and all store paths that it needs at run time
  sbom image harness-image     an image: layers, store paths and packages, programs, crates
  sbom check FILE              whether a CycloneDX file holds together; nothing is written

Without nix, from files: crates --from FOLDER (of the flake's crate-facts-SYSTEM), closure --from FILE (of nix path-info
--json --recursive, or with --build-closure of nix derivation show --recursive), image --from FOLDER (an OCI layout).

The same input gives the same bytes; the time is SOURCE_DATE_EPOCH, or when the flake was last modified. Programs that
cargo-auditable built carry a list of their crates: where that is not what was built, the exit code is 1; a program
without it is named. Fields that BSI TR-03183-2 requires and nobody knows are counted. What is known of
vulnerabilities is not in a bill: `scan` takes one and finds them.

example: nanna-ci sbom closure nanna-coder --output nanna-coder.cdx.json
example: nanna-ci sbom crates --target aarch64-linux --spec-version 1.6 --output crates.cdx.json
example: nanna-ci sbom image --from ./layout --facts ./facts --bom-format spdx --output image.spdx.json
"""
DRY_RUN = True


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's own flags."""
    parser.add_argument("what", choices=("crates", "closure", "image", "check"), help="what the bill is about")
    parser.add_argument(
        "name",
        nargs="?",
        metavar="NAME",
        help="package or image of the flake, FLAKE#ATTRIBUTE, store path, or a link such as ./result;"
        " with --from what to call it; for check the file",
    )
    parser.add_argument("--from", dest="source", metavar="PATH", help="read files instead of querying nix")
    parser.add_argument("--output", dest="file", metavar="FILE", help="write the bill to FILE, not to stdout")
    parser.add_argument("--target", metavar="SYSTEM", help="the system that is built for (default: this machine's)")
    parser.add_argument(
        "--facts", metavar="FOLDER", help="crate facts of the programs (default: those of the flake, if it has any)"
    )
    parser.add_argument(
        "--build-closure", action="store_true", help="of a closure: what it takes to build it, not to run it"
    )
    parser.add_argument(
        "--bom-format",
        choices=("cyclonedx", "spdx"),
        default="cyclonedx",
        help="default: cyclonedx; spdx is SPDX 3.0.1",
    )
    parser.add_argument(
        "--spec-version", choices=("1.6", "1.7"), help="of CycloneDX (default: 1.7; check: what the file says)"
    )
    parser.add_argument("--creator", metavar="CONTACT", help="e-mail address or URL of who makes the bill")
