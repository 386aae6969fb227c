"""The flags of `cache-analytics`."""

from __future__ import annotations

import argparse

DESCRIPTION = """\
Asks all binary caches at once which paths they have, verifies the signatures, and reports what Nix would download and
what it would build, how much of it hits (paths, bytes, recorded build time), and why each of the rest missed.

What is looked at:
  INSTALLABLE…           every output of every derivation that these need, such as .#default or /nix/store/….drv;
                         without any: the jobs of the pipeline on this system, tests and builds
  --walk INSTALLABLE…    what their outputs, or store paths, refer to, as far as the caches know
  --paths-from FILE      these store paths; needs no nix. With --walk also what they refer to

A miss is a root (fix this one) or a cascade (it misses because of others). Its reason is one of: changed, new, follows
(against --baseline: an earlier report of --format json, or another revision of the flake); never-pushed, filtered,
dragged, untrusted, no-archive, evicted, hidden (by Nix's own narinfo cache), input-missing.

A path whose signature is missing, bad or by an unknown key is not a hit. Exit 1 if the gate fails: exactly the minimum
passes, no data fails. Exit 3 if a cache did not answer, 4 if an answer was corrupt.
A cache that has not given all answers by its deadline, or whose references have no end, fails alone and is named.

example: nanna-ci cache-analytics --minimum-hit-rate 0.85 --baseline last-week.json
example: nanna-ci cache-analytics --paths-from paths.txt --substituter https://cache.example.org --format json
"""
DRY_RUN = False


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's own flags."""
    parser.add_argument(
        "words", nargs="*", metavar="INSTALLABLE", help="what to look at (default: the pipeline's jobs)"
    )
    parser.add_argument("--paths-from", metavar="FILE", help="store paths, one a line; - for standard input")
    parser.add_argument("--walk", action="store_true", help="follow references from the given roots")
    parser.add_argument(
        "--substituter",
        action="append",
        default=[],
        metavar="URL",
        help="a cache to query; repeatable (default: those of Nix and of pipeline.toml)",
    )
    parser.add_argument(
        "--trusted-key",
        action="append",
        default=[],
        metavar="KEY",
        help="a public key, NAME:BASE64; repeatable (default: those of Nix and of pipeline.toml)",
    )
    parser.add_argument("--concurrency", metavar="N", help="maximum connections to a host (default: by its latency)")
    parser.add_argument(
        "--verify-archives",
        action="store_true",
        help="also check the archive behind each narinfo (HEAD, over HTTP): without its archive a path is not a hit",
    )
    parser.add_argument(
        "--deadline",
        metavar="SECONDS",
        help="how long one cache may take, with retries and waits (default: 60, and 0.02 more for each path)",
    )
    parser.add_argument(
        "--minimum-hit-rate", metavar="R", help="fail below this hit rate of paths: 0 to 1, such as 0.85"
    )
    parser.add_argument(
        "--baseline", metavar="REPORT|FLAKE", help="an earlier report, or another revision of the flake"
    )
    parser.add_argument(
        "--build-times", metavar="FILE", help="recorded build times (default: .nanna-ci/build-times.json)"
    )
