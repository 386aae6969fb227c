"""The flags of `bench`."""

from __future__ import annotations

import argparse

DESCRIPTION = """\
Runs the workspace's benchmarks (Criterion's and libtest's). With --against, those of a commit too, in pairs: base and
head right after each other, on the same machine, the order changing from pair to pair. Both are outputs of the flake,
so that the base's programs come from the cache where that commit was built before.

Five pairs: a median ratio of at most 1.05 passes. Otherwise 25 pairs. Slower is what has L > 1 and a median above 1.10;
that warns, and fails where U reaches [budget] regression_ratio; L and U are the 5th smallest and the 5th largest ratio.
A benchmark that has vanished fails, and one that crashes or does not end. Instructions are counted where there is
valgrind, and only warn.

With --history, and no base: fails only what reaches regression_ratio times the median of the last 20 runs on the same
kind of runner, processor and compiler; where the level has changed is said. The run is appended, unless --dry-run. A
workspace that has no benchmark and never had one in that history is `unavailable`, with exit code 0.

example: nanna-ci bench --against origin/main
"""
DRY_RUN = True


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's own flags."""
    parser.add_argument("--against", metavar="REF", help="a commit to compare with; without it the head alone is run")
    parser.add_argument("--history", metavar="WHERE", help="a folder or branch:NAME: compare with it, append this run")
    parser.add_argument("--record", metavar="DIR", help="append this run to a history in DIR, and only read --history")
    parser.add_argument("--data-js", metavar="FILE", help="append this run to a history of github-action-benchmark")
    parser.add_argument("--filter", metavar="REGEX", help="only benchmarks in whose name this is found")
    parser.add_argument("--time", metavar="SECONDS", default="1", help="of one measurement (default: 1), for Criterion")
    parser.add_argument("--programs", metavar="DIR", help="the head's programs, built before; no Nix is needed")
    parser.add_argument("--against-programs", metavar="DIR", help="the base's, in the place of --against")
