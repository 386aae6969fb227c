"""The flags of `cache-setup`."""

from __future__ import annotations

import argparse

DESCRIPTION = """\
Prints what [cache] of pipeline.toml needs of Nix, in the syntax of nix.conf:

  extra-substituters           the cache that is named there, and the substituters
  extra-trusted-public-keys    the keys that sign their paths
  tarball-ttl                  how long a downloaded flake or tarball stays fresh
  narinfo-cache-negative-ttl   a minute, so that a path that was just pushed is seen

On GitHub it also adds them to NIX_CONFIG for the later steps of the job; what NIX_CONFIG sets already stays. So
nothing depends on a flake's nixConfig, which Nix prompts for and ignores in CI. If the Nix daemon would ignore the
settings because the user is not trusted, it says so, with the fix. It works without Nix too.

The push filter needs no setting of Nix: cache-push reads it from pipeline.toml itself.

example: nanna-ci cache-setup --output nix.conf
"""
DRY_RUN = True


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """It has the common flags only."""
