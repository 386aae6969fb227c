"""The flags of `ci`."""

from __future__ import annotations

import argparse

from nanna_ci.usage import EVENTS

DESCRIPTION = """\
Plans the jobs of an event and runs all that this machine can: the pure ones, which are derivations, with one
`nix build --keep-going`; a container test as soon as its image is there, beside that build; then builds by their ladder
of strategies, and on macOS and Windows the host's cargo. What has not changed is already in the store and is not built
again. What cannot run here is `unavailable`, with the reason; an old advisory database, a test that passed only when it
was tried again and an exceeded budget are warnings. --strict turns all of these into failure.

Results, logs and a report are kept in .nanna-ci/runs/; .nanna-ci/latest is the last run. .nanna-ci/history keeps the
figures of every run: each run ends with what changed since the last one, and `report` draws the trends.

example: nanna-ci ci --event pull_request --format json
"""
DRY_RUN = False


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's own flags."""
    parser.add_argument("--event", choices=EVENTS, default="push", help="what starts the pipeline (default: push)")
    parser.add_argument(
        "--strict", action="store_true", help="what cannot run here, or passes with a warning, is a failure"
    )
