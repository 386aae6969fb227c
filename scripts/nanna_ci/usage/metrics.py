"""The flags of `metrics`."""

from __future__ import annotations

import argparse

DESCRIPTION = """\
Reads how long each job of a run waited and ran, its cache hit rate and sizes, adds the run to a history, and shows it
beside the median of the runs before it. Of one run of `ci` on this machine, which --run names; or, with --github, of
the newest finished runs of a workflow on GitHub, from its REST API. A run that the history has is left as it is.

GITHUB_TOKEN is sent where it is set: without one, GitHub answers 60 requests an hour, and each new run takes one for
every 100 jobs. When that is used up, what was read is kept, the exit code is 3, and the next time goes on from there.
GITHUB_API_URL names another server than GitHub's. --format openmetrics gives the history's latest figures for
Prometheus, --format otlp the run as a trace for a collector.

example: nanna-ci metrics --github nanna-coder/nanna-coder --history branch:ci-history
"""
DRY_RUN = True
EXTRA_FORMATS = ("openmetrics", "otlp")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's own flags."""
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--run", metavar="DIR", help="the folder of a run of ci (default: .nanna-ci/latest)")
    source.add_argument("--github", metavar="OWNER/REPO", help="read the runs of a workflow of this repository")
    parser.add_argument(
        "--workflow", metavar="FILE", default="ci.yml", help="with --github: the workflow's file (default: ci.yml)"
    )
    parser.add_argument(
        "--newest", metavar="N", default="100", help="with --github: look at so many runs, 1 to 1000 (default: 100)"
    )
    parser.add_argument(
        "--records",
        metavar="DIR",
        help="also keep what other jobs recorded: each history in DIR and its folders (of bench, coverage, ci-summary)",
    )
    parser.add_argument(
        "--history",
        metavar="WHERE",
        help="a folder, or branch:NAME of the remote origin (default: .nanna-ci/history)",
    )
