"""The flags of `workflow`."""

from __future__ import annotations

import argparse

DESCRIPTION = """\
Writes the workflows by which a repository runs this pipeline on GitHub, and holds workflows against the rules.

  workflow init                the caller, the one that posts comments, and the table of pins
  workflow check               all of .github/workflows

init writes .github/workflows/ci.yml, .github/workflows/ci-post.yml and .github/workflow.toml into the repository around
the working folder. They call the pipeline at the commit that flake.lock has for the input `pipeline`. A file that is
there with another text is not written over without --force: exit 1, and nothing is written at all. --dry-run shows the
difference.

check holds GitHub's workflows against the plan, the commands, the table of actions and the hardening rules.

Every planned job of every event must have a place, every call of nanna-ci or of an app must be one that the command
takes, every job that README.md and docs/ name must be there. Actions stand at the commit that .github/workflow.toml
has for them, with the version beside it. Permissions, secrets, checkouts, scripts, runners, limits and the summary
keep to the rules of docs/workflow.md. A workflow is read strictly: anchors, tags, tabs and repeated keys are refused.

check --fix writes what is mechanical: the version beside a known commit, and persist-credentials: false; with --dry-run
it shows the difference. A broken rule: exit 1, with file, line and how to mend it.

example: nanna-ci workflow init --dry-run
example: nanna-ci workflow check --fix --dry-run
"""
DRY_RUN = True


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's own flags."""
    parser.add_argument(
        "action",
        choices=("check", "init"),
        metavar="ACTION",
        help="check: hold workflows against the rules; init: write those that call the pipeline",
    )
    parser.add_argument(
        "--file",
        action="append",
        default=[],
        metavar="FILE",
        help="check: this workflow, not all of .github/workflows; repeatable",
    )
    parser.add_argument("--fix", action="store_true", help="check: mend what is mechanical, then check again")
    parser.add_argument("--force", action="store_true", help="init: write over files that have another text")
    parser.add_argument(
        "--input", metavar="NAME", help="init: the flake's input that is the pipeline (default: pipeline)"
    )
