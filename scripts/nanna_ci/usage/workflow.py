"""The flags of `workflow`."""

from __future__ import annotations

import argparse

DESCRIPTION = """\
Holds GitHub's workflows against the plan, the commands, the table of actions and the hardening rules.

  workflow check               all of .github/workflows

Every planned job of every event must have a place, every call of nanna-ci or of an app must be one that the command
takes, every job that README.md and docs/ name must be there. Actions stand at the commit that .github/workflow.toml
has for them, with the version beside it. Permissions, secrets, checkouts, scripts, runners, limits and the summary
keep to the rules of docs/workflow.md. A workflow is read strictly: anchors, tags, tabs and repeated keys are refused.

--fix writes what is mechanical: the version beside a known commit, and persist-credentials: false; with --dry-run it
shows the difference. A broken rule: exit 1, with file, line and how to mend it.

example: nanna-ci workflow check --fix --dry-run
"""
DRY_RUN = True


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's own flags."""
    parser.add_argument("action", choices=("check",), metavar="ACTION", help="check: hold them against the rules")
    parser.add_argument(
        "--file",
        action="append",
        default=[],
        metavar="FILE",
        help="check this workflow, not all of .github/workflows; repeatable",
    )
    parser.add_argument("--fix", action="store_true", help="mend what is mechanical, then check again")
