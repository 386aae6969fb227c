"""The flags of `plan`."""

from __future__ import annotations

import argparse

from nanna_ci.usage import EVENTS

DESCRIPTION = """\
Reads pipeline.toml and shows the jobs that an event asks for: what each runs on, what it builds, what it waits for.
Nothing is built. A pure job is a derivation: build its installable and you have run it.

The file is --config, else $NANNA_CI_CONFIG, else pipeline.toml in the working folder.
--format github gives what a workflow needs to run the jobs: the output `matrix`, for strategy.matrix.

example: nanna-ci plan --event pull_request --format json
"""
DRY_RUN = False
EXTRA_FORMATS = ("github",)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's own flags."""
    parser.add_argument("--event", choices=EVENTS, default="push", help="what starts the pipeline (default: push)")
