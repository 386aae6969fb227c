"""The flags of `release`."""

from __future__ import annotations

import argparse

DESCRIPTION = """\
Publishes a release on GitHub, in an order that leaves nothing half done for anybody to see: a draft, then every file of
--assets one by one, then a comparison of each with the digest that GitHub names, and only then the publication. After
that every asset is downloaded again and compared once more.

It may be interrupted at any time: the same command, for the same commit, goes on from what GitHub has. Files that are
there are not sent again; another file of the same name is refused, or replaced with --clobber. To a published release
nothing is ever added. --assets takes a folder of files, or of folders as CI downloads artifacts (those get one
SHA256SUMS together); each SHA256SUMS is checked first.

Refused: a tag that is not of the commit that is checked out, or not of the version in Cargo.toml (--version says one
without cargo); a tree with changes, apart from the files to publish; a version that is not newer than the latest
release. PACKAGE-v1.2.3 names one crate of a workspace. The notes are written from the commits since the last tag, by
Conventional Commits or as a list, what breaks first; then the images by digest (publish-images.json), how to verify the
attestation (provenance.sigstore.json), and with --history what changed in sizes, times, coverage and benchmarks since
the last tag. --notes FILE gives other ones.

--verify only downloads and compares, for the event `release: published`: with SHA256SUMS and GitHub's digests, and with
--assets if they are given. GITHUB_TOKEN needs `contents: write`; to verify, `contents: read`, or none.

example: nanna-ci release v1.2.3 --assets dist --repository nanna-coder/nanna-coder --dry-run
"""
DRY_RUN = True


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's own flags."""
    parser.add_argument("tag", metavar="TAG", nargs="?", help="the tag (default, on GitHub: the one that was pushed)")
    parser.add_argument("--assets", metavar="DIR", help="the files to publish")
    parser.add_argument("--repository", metavar="OWNER/REPO", help="where (default, on GitHub: this repository)")
    parser.add_argument("--version", metavar="V", help="what the tag must name, as 1.2.3 (default: Cargo.toml's)")
    parser.add_argument("--notes", metavar="FILE", help="Markdown to publish in place of the commits' messages")
    parser.add_argument("--history", metavar="WHERE", help="figures to compare in the notes: a folder or branch:NAME")
    parser.add_argument("--clobber", action="store_true", help="replace and delete assets of the draft that differ")
    parser.add_argument("--verify", action="store_true", help="only download a published release and compare")
