"""The flags of `doctor`."""

from __future__ import annotations

import argparse

DESCRIPTION = """\
Checks what decides whether a build hits a cache, and says for each what it found and how to fix it:

  public key        pipeline.toml trusts the key that the cache signs with
  token             CACHIX_AUTH_TOKEN is there, is accepted, and may push
  substituter       each one answers, and how fast; its clock agrees with ours
  signatures        what it holds of the current outputs is signed by a trusted key
  push filter       what it does to the outputs that are built here
  size              of a cache in a folder, against [cache] maximum_size_bytes
  negative entries  paths that are there, and that Nix's own cache still believes absent
  nix settings      Nix runs with the substituters and keys of pipeline.toml
  toolkit           in nixw's Debian root: which Rust it has, what it lacks, and why
  advisory database    its age against [security] database_max_age_days
  scanner              cargo-audit, cargo-deny and Trivy are there, and of which version
  accepted findings    decisions of the baseline that have ended, or will within two weeks

and, where pipeline.toml has an [[image]], what decides whether images can be made, tested and published:

  container engine     podman or docker works
  container limits     it can limit memory and processes
  registry login       publish-images would find one, and the registry lets it push each image
  model locks          every [[model]] is in nix/models.lock.json
  image architectures  each image can be made here, or why not
  disk, memory         what the locked models need

With --github, a repository's settings on GitHub instead, by its REST API; nothing of this machine:

  required check       ci-summary is required on the default branch, by a ruleset or by branch protection; from GitHub
                       Actions, under the name by which it is reported, and for administrators too
  environment          each is limited to some branches; binary-cache to the default branch
  secret               CACHIX_AUTH_TOKEN is in binary-cache, and none is in the whole repository; names only
  workflow token       reads by default, and approves no pull request
  actions policy       Actions is on, and takes actions by commit only
  and                  fork approval, pages, immutable releases, code scanning, code owners

GITHUB_TOKEN is sent where it is set. Without one, or with few rights, what is public is checked, and the rest says
which right it takes. Only GET requests are sent. GITHUB_API_URL names another server than GitHub's.

A cache has 60 s for all its answers, and 0.02 more for each path; then it counts as down.
What could not be checked is `unavailable`, with the reason. A bad finding: exit 1. Nothing is changed; to test push
access to a registry, an upload is opened for each image and cancelled before anything is sent.

example: nanna-ci doctor --format json
example: nanna-ci doctor --github nanna-coder/nanna-coder
"""
DRY_RUN = False


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's own flags."""
    parser.add_argument(
        "--substituter",
        action="append",
        default=[],
        metavar="URL",
        help="check this cache, not those of Nix and pipeline.toml; repeatable",
    )
    parser.add_argument(
        "--to", metavar="REGISTRY/OWNER", help="where images would go; on GitHub: ghcr.io and the run's owner"
    )
    parser.add_argument(
        "--github", metavar="OWNER/REPO", help="check the settings of this repository on GitHub, and nothing else"
    )
