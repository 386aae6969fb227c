"""The flags of `cache-gc`."""

from __future__ import annotations

import argparse

DESCRIPTION = """\
Plans what to delete from a file:// cache so that it stays within a size; --execute deletes it. Always kept, with all
that they refer to: what cache-push recorded as a release, the newest commits, pins, and what was added within the last
hour. Of the rest, what is worth least goes first, in seconds of build time per byte (from the build times that `ci` and
`run-job` record; unknown counts as 0), then what was least recently used. A path goes only after all that refer to
it, its narinfo before its archive: it can be stopped at any moment and run again.

Files that belong to nothing, such as those of interrupted uploads, go when they are an hour old. Faulty narinfo
files, logs and files of unknown kind stay. If what must be kept is over the size, all else goes, and the exit code
is 1. Collect when nobody pushes: a simultaneous upload may rely on a path that goes.

example: nanna-ci cache-gc --store file:///srv/cache --max-size 50GB --keep-commits 20 --pin ./result --execute
"""
DRY_RUN = True


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's own flags."""
    parser.add_argument("--store", required=True, metavar="URL", help="the cache: file:///FOLDER")
    parser.add_argument(
        "--max-size", metavar="SIZE", help="such as 50GB or 40GiB (default: [cache] maximum_size_bytes)"
    )
    parser.add_argument("--keep-commits", metavar="N", default="10", help="newest commits to keep (default: 10)")
    parser.add_argument(
        "--pin",
        action="append",
        default=[],
        metavar="PIN",
        help="keep too: a store path, a name without hash, a link such as ./result, or a FILE of such lines (with a /)",
    )
    parser.add_argument("--build-times", metavar="FILE", help="default: .nanna-ci/build-times.json, if it exists")
    parser.add_argument("--execute", action="store_true", help="delete; without this nothing is deleted")
