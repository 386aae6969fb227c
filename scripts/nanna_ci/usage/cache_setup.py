"""The flags of `cache-setup`."""

from __future__ import annotations

import argparse

DESCRIPTION = """\
Prints what [cache] of pipeline.toml asks of Nix, exactly as nix.conf takes it:

  extra-substituters           the cache that is named there, and the substituters
  extra-trusted-public-keys    the keys of their paths
  tarball-ttl                  how long a downloaded flake or tarball counts
  narinfo-cache-negative-ttl   a minute, so that a path that was just pushed is seen

On GitHub it also joins them to NIX_CONFIG for the later steps of the job; what NIX_CONFIG says already stays. So
nothing depends on a flake's nixConfig, which Nix asks about and passes over in CI. Where the Nix daemon would pass
over the settings because the user is not trusted, it says so, with the fix. It works without Nix too.

The push filter needs no setting of Nix: cache-push reads it from pipeline.toml itself.

example: nanna-ci cache-setup --output nix.conf
"""
DRY_RUN = True


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """It has the common flags only."""
