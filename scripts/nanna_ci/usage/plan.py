"""The flags of `plan`."""

from __future__ import annotations

import argparse

from nanna_ci.usage import EVENTS

DESCRIPTION = """\
Reads pipeline.toml and shows the jobs that an event asks for: what each runs on, what it builds, what it waits for.
Nothing is built. A pure job is a derivation: build its installable and you have run it.

The file is --config, else $NANNA_CI_CONFIG, else pipeline.toml in the working folder.
--format github gives what a workflow needs to run the jobs: the outputs `test_matrix`, `build_matrix` and
`container_matrix` for strategy.matrix, empty where there are no such jobs, `matrix`, all of them for `ci-summary`, and
`cache`, the name of the cache to push to.
For a tag, plan the event `release`.

--forecast adds how long a run will take on GitHub, by simulation: from the times of earlier runs in which a job was
really built, and the machines that an account has at once. It shows the critical path, what would shorten it most, and
the budget of [budget] pipeline_s; it warns and never fails. A job without a record makes it a lower bound.

example: nanna-ci plan --event pull_request --format json
"""
DRY_RUN = False
EXTRA_FORMATS = ("github",)
ACCOUNTS = ("free", "pro", "team", "enterprise")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's own flags."""
    parser.add_argument(
        "--event", choices=EVENTS, default="push", metavar="EVENT",
        help=f"what starts the pipeline: {', '.join(EVENTS)} (default: push)",
    )  # fmt: skip
    parser.add_argument("--forecast", action="store_true", help="add how long a run of these jobs will take")
    parser.add_argument(
        "--history",
        metavar="WHERE",
        help="earlier runs: a folder, or branch:NAME of the remote origin (default: .nanna-ci/history)",
    )
    parser.add_argument(
        "--account", choices=ACCOUNTS, help="what the account pays GitHub for: its machines at once (default: free)"
    )
