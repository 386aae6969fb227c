"""The flags of `report`."""

from __future__ import annotations

import argparse

DESCRIPTION = """\
Makes one page of a history of runs: the last run and what it changed, its critical path, and trends of time per job and
step, hit rate, coverage, benchmarks, sizes, budgets and flaky tests. Or, with --run, the page of one run of `ci`, with
the log of each failure. The page is one file that loads nothing from elsewhere, so a file named index.html is all that
GitHub Pages needs. --format json gives the figures behind the charts.

example: nanna-ci report --history branch:ci-history --output public/index.html
"""
DRY_RUN = False
DEFAULT_FORMAT = "html"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's own flags."""
    what = parser.add_mutually_exclusive_group()
    what.add_argument(
        "--history",
        metavar="WHERE",
        help="a folder, or branch:NAME of the remote origin (default: .nanna-ci/history)",
    )
    parser.add_argument(
        "--data-js", metavar="FILE", help="draw the benchmarks that github-action-benchmark kept there before ours"
    )
    what.add_argument("--run", metavar="DIR", help="the folder of one run, such as .nanna-ci/latest")
