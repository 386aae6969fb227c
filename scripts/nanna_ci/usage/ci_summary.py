"""The flags of `ci-summary`."""

from __future__ import annotations

import argparse

from nanna_ci.usage import EVENTS

DESCRIPTION = """\
The one required check: was every expected job run, and did it pass? Expected are the jobs of the workflow (each NEED,
and all that GitHub's toJSON(needs) names) and the jobs of the plan. A job passes by its own result in --results, with
tests counted where it runs tests. A job that could not run passes where the plan declares that for this event. All
else fails: failed, cancelled, skipped, unknown, absent, unreadable, an empty plan, a run without a single test. A job
of the workflow is rightly skipped where it is --optional, or a stage that the plan has no jobs for.

$NEEDS and $MATRIX take the place of --needs and --plan. The plan is a matrix of `plan --format github`, or what
`plan --format json` prints; results of the former count only in the artifact job-ID of their own machine. The
summary has the failures with their logs and commands first, then all jobs, and what `cache-analytics`, `coverage` and
`bench` left as JSON among the artifacts. It needs no package but Python's own.

example: nanna-ci ci-summary --needs needs.json --plan plan.json --results results --comment comment.md plan jobs
"""
DRY_RUN = True


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's own flags."""
    parser.add_argument("required", nargs="*", metavar="NEED", help="a job of the workflow that must have succeeded")
    parser.add_argument(
        "--optional", action="append", default=[], metavar="NEED",
        help="a job of the workflow that is for some events only: it may be skipped, not fail; repeatable",
    )  # fmt: skip
    parser.add_argument("--needs", metavar="FILE", help="toJSON(needs) of the workflow (default: $NEEDS)")
    parser.add_argument("--plan", metavar="FILE", help="the plan (default: $MATRIX)")
    parser.add_argument("--results", required=True, metavar="DIR", help="the downloaded artifacts, or a run folder")
    parser.add_argument("--event", choices=EVENTS, help="default: the runner's, else the plan's")
    parser.add_argument(
        "--history", metavar="WHERE", help="earlier runs, to compare budgets with: a folder or branch:NAME; only read"
    )
    parser.add_argument(
        "--strict", action="store_true", help="a budget that is exceeded fails the check, and one that nobody measured"
    )
    parser.add_argument("--comment", metavar="FILE", help="write the text of a pull request's comment")
    parser.add_argument("--alert", metavar="FILE", help="write the alerts of this run as JSON; none on a pull request")
    parser.add_argument("--record", metavar="DIR", help="append the tests of this run on GitHub to a history in DIR")
    parser.add_argument("--badge", metavar="FILE", help="write a badge, for an endpoint of Shields")
