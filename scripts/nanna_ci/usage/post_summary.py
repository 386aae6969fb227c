"""The flags of `post-summary`."""

from __future__ import annotations

import argparse

DESCRIPTION = """\
Posts what `ci-summary` wrote for a run: the comment of its pull request, or as issues the alerts of a push to the
default branch, or of a tag. It is for a workflow that `workflow_run` starts, which never checks out the pull request.

The texts are those of the run's artifact `ci-summary`, which is downloaded: at most 5 MiB, and only a plain zip. They
may be a stranger's. So event, commit, branch and result are those that GitHub knows of --run; texts are bounded, begin
with our marker and mention nobody; the pull request's head must be the run's commit. A run without the artifact, such
as one that was cancelled early, gets no comment; the exit code is 0.

Only what this token posted before is edited: one comment on a pull request, one issue for each alert, and none that a
newer run has posted. An issue is closed by the next run that passes. --dry-run sends GET requests only. GITHUB_TOKEN
needs `actions: read`, `contents: read`, `pull-requests: write` and `issues: write`; GITHUB_API_URL names another server
than GitHub's.

example: nanna-ci post-summary --repository nanna-coder/nanna-coder --run 1234567
"""
DRY_RUN = True


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's own flags."""
    parser.add_argument("--from", dest="folder", metavar="DIR", help="the texts (default: the run's artifact)")
    parser.add_argument("--repository", required=True, metavar="OWNER/REPO", help="where to post")
    parser.add_argument("--run", required=True, metavar="ID", help="the run whose texts they are")
    parser.add_argument("--pull-request", metavar="N", help="its pull request (default: by the run's branch)")
