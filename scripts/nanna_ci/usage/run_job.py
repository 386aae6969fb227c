"""The flags of `run-job`."""

from __future__ import annotations

import argparse

DESCRIPTION = """\
Runs one job of the plan on this machine: through Nix on Linux, with the host's cargo on macOS and Windows. `plan`
lists the jobs. The folder gets result.json, log.txt, and junit.xml where the job has tests; a job that this one needs
is run before it, and has a folder of its own beside it.

Variables that hold secrets are withheld from jobs, except those that NANNA_CI_PASS_SECRETS="NAME …" names.
A job for another machine, or one that the toolkit lacks something for, is `unavailable` (exit 3); --strict turns that
into failure, and the warning of an advisory database that is too old.

example: nanna-ci run-job unit-x86_64-linux-stable --output results/unit
"""
DRY_RUN = False


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's own arguments."""
    parser.add_argument("id", metavar="ID", help="a job's id, as `plan` shows it")
    parser.add_argument("--strict", action="store_true", help="what cannot run, or passes with a warning, is a failure")
    parser.add_argument("--output", dest="folder", metavar="DIR", help="default: .nanna-ci/jobs/ID")
