"""The flags of `update`."""

from __future__ import annotations

import argparse

DESCRIPTION = """\
Takes what is newer than the files here: the inputs of the flake (flake.lock, with the advisory database), the models of
pipeline.toml (nix/models.lock.json, as `lock-models --update`), and the actions of .github/workflow.toml, there and in
the workflows: the newest release of the same major version that is at least minimum_age_days old, by the commit of its
tag. A part that cannot be asked stays as it is and is named (exit 3); the others go on. A tag that was moved since the
table got it is refused (exit 1).

Without --pull-request it changes the work tree. With it, it changes nothing here: it pushes one commit as the branch
nanna-ci/update, and opens or renews one pull request. The branch is replaced only while all its commits are of this
command. Where nothing is newer than what the branch has, nothing is sent.

GITHUB_TOKEN needs `contents: write` and `pull-requests: write`; the token of a workflow may never change workflows, so
there the actions are left out. --dry-run only reads.

example: nanna-ci update --pull-request --repository nanna-coder/nanna-coder --dry-run
"""
DRY_RUN = True


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's own flags."""
    parser.add_argument("--pull-request", action="store_true", help="push a branch and open a pull request")
    parser.add_argument("--repository", metavar="OWNER/REPO", help="where (default, on GitHub: this repository)")
    parser.add_argument("--major", action="store_true", help="take new major versions of actions too")
