"""The flags of `publish-images`."""

from __future__ import annotations

import argparse

from nanna_ci.usage import EVENTS

DESCRIPTION = """\
Builds the images of pipeline.toml and pushes them to REGISTRY/OWNER/NAME under

  COMMIT, latest               every architecture: an index of several images, or the one image
  COMMIT-arm64, latest-arm64   the aarch64 image alone

With --release TAG, and on GitHub in a run of a tag, TAG and TAG-arm64 are in the place of `latest`, which stays where
it is. Layers that the registry has are not sent again. What was pushed is read back, signed by digest and verified;
TAG and `latest` come last. Each step first checks whether it is done: the same command resumes a run that died. A tag
of a commit or a release is never moved to another image without --clobber. On a pull request, and on any event but
push, release, schedule and workflow_dispatch, nothing is pushed and the exit code is 0.

The login is --auth-file FILE, else $REGISTRY_USERNAME and $REGISTRY_PASSWORD, else $REGISTRY_AUTH_FILE, else what
`docker login` left. On GitHub Actions the registry is ghcr.io, owner and commit are the run's, and signatures are
keyless; elsewhere say --to, and --key or --unsigned. A key's password is $COSIGN_PASSWORD. http:// is for a registry
on this machine, and stand-ins for another program (the Debian toolkit's model servers) go only to such a registry.

example: nanna-ci publish-images harness --to ghcr.io/OWNER --key cosign.key --dry-run
"""
DRY_RUN = True


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's own flags."""
    parser.add_argument("images", nargs="*", metavar="IMAGE", help="only these of pipeline.toml (default: all)")
    parser.add_argument("--to", metavar="REGISTRY/OWNER", help="where to; on GitHub: ghcr.io and the run's owner")
    parser.add_argument(
        "--revision", metavar="COMMIT", help="the tag (default: the run's commit, else the work tree's)"
    )
    parser.add_argument(
        "--release", metavar="TAG", help="a tag in place of latest (on GitHub: the one that was pushed)"
    )
    parser.add_argument("--event", choices=EVENTS, help="what this is for (default: the run's event, else push)")
    parser.add_argument("--auth-file", metavar="FILE", help="a login, as skopeo or docker login wrote it")
    parser.add_argument(
        "--from", dest="sources", action="append", default=[], metavar="IMAGE=PATH",
        help="an image that is built already, for the architecture that it names; repeatable",
    )  # fmt: skip
    signing = parser.add_mutually_exclusive_group()
    signing.add_argument("--key", metavar="FILE", help="sign with this private key, outside of the transparency log")
    signing.add_argument("--keyless", action="store_true", help="sign as this workflow (the default on GitHub)")
    signing.add_argument("--unsigned", action="store_true", help="do not sign, and say so in the report")
    parser.add_argument("--identity", metavar="URL", help="whose keyless signature it must be (default: the run's)")
    for flag, what in (("--sbom", "a CycloneDX SBOM"), ("--provenance", "an in-toto statement with SLSA provenance")):
        parser.add_argument(
            flag, action="append", default=[], metavar="IMAGE=FILE",
            help=f"attest {what} of an image; IMAGE-arm64 is its aarch64 part",
        )  # fmt: skip
    parser.add_argument(
        "--tested", metavar="DIR",
        help="container tests' results: push only the exact builds that passed there, by digest",
    )  # fmt: skip
    parser.add_argument(
        "--clobber", action="store_true", help="move a commit's or a release's tag that names another image"
    )
