"""The flags of `scan`."""

from __future__ import annotations

import argparse

DESCRIPTION = """\
Looks for known vulnerabilities, denied licences and unknown sources, behind one gate. Offline, but for Trivy.

  the workspace (default, or --workspace DIR)   cargo-audit over Cargo.lock, cargo-deny by deny.toml
  --lock FILE                                   cargo-audit alone, over any Cargo.lock
  --sbom FILE                                   packages and store paths against --advisories, crates by cargo-audit,
                                                Rust programs that carry no list of their crates
  --image NAME@sha256:… or an OCI layout        Trivy; a tag is refused

The exit code is 1 where a finding fails: from --fail-severity on, of unknown severity, or against the workspace's own
policy. It is 3 where nothing fails and a scanner is missing, crashed, has no database or printed something else; it is
never 0 then. A match by name alone is possible, and what every derivation of a package carries a patch for is
suppressed: neither fails. Decisions stand in the baseline, each with an owner and an end; an expired one fails.

A SARIF file has a run for each target, within GitHub's limits, the worst findings first.

example: nanna-ci scan --advisory-db ./advisory-db --sarif scan.sarif
example: nanna-ci scan --sbom harness-image.cdx.json --advisories ./osv --image ./layout --without cargo-audit
"""
DRY_RUN = True


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's own flags."""
    parser.add_argument("--workspace", metavar="DIR", help="default: the working folder, if nothing else is given")
    parser.add_argument("--lock", metavar="FILE", help="a Cargo.lock")
    parser.add_argument("--sbom", action="append", default=[], metavar="FILE", help="a CycloneDX file; repeatable")
    parser.add_argument(
        "--image", action="append", default=[], metavar="IMAGE", help="NAME@sha256:…, or an OCI layout; repeatable"
    )
    parser.add_argument(
        "--advisory-db", metavar="DIR", help="RustSec's advisory-db (default: the flake's input of that name)"
    )
    parser.add_argument("--advisories", metavar="DIR", help="advisories in the OSV format, *.json")
    parser.add_argument("--baseline", metavar="FILE", help="accepted findings (default: [security] baseline)")
    parser.add_argument(
        "--fail-severity",
        choices=("low", "medium", "high", "critical"),
        help="the least that fails (default: [security] fail_severity, low)",
    )
    parser.add_argument("--sarif", metavar="FILE", help="write SARIF 2.1.0 to FILE")
    parser.add_argument(
        "--without",
        action="append",
        default=[],
        choices=("cargo-audit", "cargo-deny", "store-paths", "crate-lists", "trivy"),
        help="leave a scanner out, which the report says; repeatable",
    )
    parser.add_argument("--strict", action="store_true", help="old advisories fail ([security] database_max_age_days)")
