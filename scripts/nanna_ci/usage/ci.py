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

With --rehearse EVENT it runs what GitHub would run: the workflows of HEAD that the event starts, job by job, with their
matrices, needs, outputs, conditions and artifacts (docs/rehearsal.md). Nothing outside this machine is written: secrets
are empty and GitHub's API is a closed port, unless --stand-ins names servers at loopback. A construct that the
rehearsal does not know is refused by file and line (exit code 4), never skipped; what runs on another machine is named
as `unavailable`. `fork` is a pull request from another repository, `tag` the push of a tag of the version, `nightly`
the schedule. Logs, artifacts and the report are kept in .nanna-ci/rehearsals/.

example: nanna-ci ci --event pull_request --format json
example: nanna-ci ci --rehearse pull_request
"""
DRY_RUN = False
REHEARSED = ("push", "pull_request", "fork", "merge_group", "tag", "nightly", "release")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's own flags."""
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--event", choices=EVENTS, help="what starts the pipeline (default: push)")
    what.add_argument(
        "--rehearse", choices=REHEARSED, metavar="EVENT", help=f"run the workflows: {', '.join(REHEARSED)}"
    )
    parser.add_argument(
        "--stand-ins",
        metavar="FILE",
        help="TOML with [environment], [vars], [secrets], [repositories] for a rehearsal; URLs only of this machine",
    )
    parser.add_argument(
        "--strict", action="store_true", help="what cannot run here, or passes with a warning, is a failure"
    )
