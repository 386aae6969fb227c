"""The flags of `verify`."""

from __future__ import annotations

import argparse

DESCRIPTION = """\
Checks a folder that `provenance` wrote, offline, link by link; each is verified, failed, missing, or n/a where the
folder says that it has none of it.

  index         every file is what evidence.json says, and evidence.json is what the files give
  source        revision, NAR hash and store path of the source agree, and the derivations were made from it
  derivation    each derivation's own store path follows from its bytes; it makes the outputs that are stated
  output        the output's NAR hash, computed again from the files
  artifact      manifest, SHA256SUMS, archive; the executables are those of the output
  layers, image blobs, layers (unpacked too), config and manifest of each image have their digests
  sbom          an SBOM names each output by this NAR hash and each image by this digest and these layers
  sarif, vex, test-results    are about these images and artifacts, and do not contradict themselves
  signature     evidence.json is signed by the key or identity, and so is everything else that is signed

Signatures are bundles of cosign or actions/attest: signatures/FILE.sigstore.json for FILE, and
signatures/images/NAME.sigstore.json for an image, by digest. Whose they must be: --key, or --identity and --issuer,
both exact: a pattern is refused. Without either nothing tells whether all of it was replaced, and a folder with
signatures fails. A keyless bundle needs --trusted-root, Sigstore's keys as a file, for nothing is fetched.

--rebuild also builds every derivation again with nix, from the flake that stands here, and compares file by file.

example: nanna-ci verify evidence --key cosign.pub
"""
DRY_RUN = False


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's own flags."""
    parser.add_argument("folder", metavar="DIR", help="the folder of evidence")
    parser.add_argument("--key", metavar="FILE", help="the public key that signed it, in PEM")
    parser.add_argument("--identity", metavar="URL", help="whose keyless signature it must be: exact, no pattern")
    parser.add_argument("--issuer", metavar="URL", help="who vouched for the identity: exact, no pattern")
    parser.add_argument("--trusted-root", metavar="FILE", help="Sigstore's trusted_root.json, for keyless bundles")
    parser.add_argument("--rebuild", action="store_true", help="build again with nix, and compare")
