"""The flags of `provenance`."""

from __future__ import annotations

import argparse

DESCRIPTION = """\
Writes a folder of evidence: what was built, from which source, by which derivation, and what is known about it. Anyone
can check it with `verify`, offline.

  provenance.intoto.json      SLSA provenance (v1.1) as an in-toto statement: revision and NAR hash of the source, every
                              flake input and override, derivations, outputs with their NAR hashes, builder
  test-results.intoto.json    what became of the jobs of --run; a job that did not run counts as neither
  vex.json                    OpenVEX: the decisions of --baseline
  *.predicate.json, subjects.sha256    the same in parts, as actions/attest takes them to sign
  derivations/ outputs/ artifacts/ images/ sbom/ scan/    what the statements are about
  evidence.json               every file with its SHA-256: the one to sign

Artifacts and images must be what the flake evaluates to now. A work tree with changes is said to be one. Times and
folders of this machine are in none of it: the same build gives the same bytes. A file with a secret of the environment
in it is refused. Where DIR has this very evidence already it stays, with its signatures; else it is replaced.

example: nanna-ci provenance --artifacts dist/x86_64-linux --run .nanna-ci/latest --output evidence
"""
DRY_RUN = True


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's own flags."""
    parser.add_argument("--output", dest="folder", required=True, metavar="DIR", help="the folder to write")
    parser.add_argument(
        "--artifacts", action="append", default=[], metavar="DIR",
        help="a folder that prepare-artifacts wrote from a Nix result; repeatable, one a system",
    )  # fmt: skip
    parser.add_argument(
        "--image-layout", dest="layouts", action="append", default=[], metavar="DIR",
        help="an image as the flake builds it, an OCI layout; repeatable",
    )  # fmt: skip
    parser.add_argument("--run", metavar="DIR", help="a run of `ci`, such as .nanna-ci/latest: its jobs' results")
    for flag, what in (("--sbom", "a CycloneDX SBOM of an output or image"), ("--sarif", "the SARIF of a scan")):
        parser.add_argument(flag, action="append", default=[], metavar="FILE", help=f"{what}; repeatable")
    parser.add_argument("--scan", metavar="FILE", help="what `scan --format json` printed")
    parser.add_argument("--baseline", metavar="FILE", help="decisions about findings, security-baseline.toml")
    parser.add_argument(
        "--builder", metavar="URI", help="who built (default: the run's workflow on GitHub, else this machine)"
    )
