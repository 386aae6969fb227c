"""The flags of `cache-push`."""

from __future__ import annotations

import argparse

DESCRIPTION = """\
Pushes store paths with their run-time closures, then queries every one of them again as a fresh client: a path that is
not there afterwards fails the push (exit 1) and is named. What is there already is not sent again. A cache has 60 s for
all its answers, and 0.02 more for each path, retries and waits included; then it counts as down (exit 3).

A PATH is a store path, a link to one, or an installable: all outputs of the derivation that are here. `-` reads them
from standard input. The default is the outputs of the pipeline's pure jobs that are here.

--to takes the URL of a Nix store, which `nix copy` writes to, or the name of a Cachix cache, for the cachix program
with CACHIX_AUTH_TOKEN in the environment. Without a token, as on forks, nothing is pushed: a notice, and exit 0.

The filter excludes paths whose names match, except those that a pushed path refers to: it could not be used without
them. --filter '^$' excludes nothing.

--build-closure adds what the build needed: of every derivation behind the paths, down to the first, the outputs that
are here, with their run-time closures; no .drv files, and no sources but those that are outputs or referred to.

--watch runs the command after `--`, and when it ends, even if it fails, pushes what was built in the local store
meanwhile, whoever built it; not what came from a cache. The command's output goes to standard error.

example: nanna-ci cache-push --watch -- nix build .#default
         nanna-ci cache-push --to 'file:///var/cache/nix?secret-key=key.sec' --as release:v1.2 ./result
"""
DRY_RUN = True


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's own arguments."""
    parser.add_argument("words", nargs="*", metavar="PATH", help="what to push; with --watch: the command, after `--`")
    parser.add_argument("--to", metavar="STORE", help="a store's URL or a Cachix cache (default: [cache] name)")
    parser.add_argument(
        "--filter",
        dest="patterns",
        action="append",
        metavar="PATTERN",
        help="exclude names that match; repeatable (default: [cache] push_filter)",
    )
    parser.add_argument("--build-closure", action="store_true", help="also push what was needed to build them")
    parser.add_argument("--watch", action="store_true", help="run a command, and push what was built meanwhile")
    parser.add_argument(
        "--as",
        dest="root",
        metavar="KIND:NAME",
        help="keep them: commit:REVISION, release:TAG, pin:NAME (file:// only)",
    )
