"""`cache-gc`: collect a cache in a folder to a size."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from nanna_ci.outcome import Context, Outcome
    from nanna_ci.store.build_times import BuildTimes

NAME = "cache-gc"
SUMMARY = "collect a cache folder to a size, never breaking a closure"
DESCRIPTION = """\
Plans what to delete from a file:// cache so that it keeps to a size; --execute deletes it. Kept in any case, with all
that they refer to: what cache-push recorded as a release, the newest commits, pins, and what was added within the last
hour. Of the rest goes first what is worth least, in seconds of build time a byte (from the build times that `ci` and
`run-job` record; not known counts as 0), then what was not used for longest. A path goes only after all that refer to
it, its narinfo before its archive: stop it at any moment, and run it again.

Files that belong to nothing, such as those of uploads that broke off, go when they are an hour old. Faulty narinfo
files, logs and files of unknown kind stay. Where what must be kept is over the size, all else goes, and the exit code
is 1. Collect when nobody pushes: an upload in the same moment may count on a path that goes.

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
    parser.add_argument("--build-times", metavar="FILE", help="default: .nanna-ci/build-times.json, where it is there")
    parser.add_argument("--execute", action="store_true", help="delete; without this nothing is")


def execute(arguments: argparse.Namespace, context: Context) -> Outcome:
    """The plan, or with --execute what was done. The verdict is fail where the size cannot be kept to."""
    from contextlib import nullcontext  # noqa: PLC0415

    from nanna_ci.cache.collection.collection_report import GcReport, gc_document, gc_to_json  # noqa: PLC0415
    from nanna_ci.cache.collection.collector import collect  # noqa: PLC0415
    from nanna_ci.cache.collection.eviction_plan import plan_collection  # noqa: PLC0415
    from nanna_ci.cache.collection.folder_index import check_cache_info, read_inventory  # noqa: PLC0415
    from nanna_ci.cache.collection.guarded_folder import GuardedFolder  # noqa: PLC0415
    from nanna_ci.cache.collection.kept_roots import choose_roots, read_pin  # noqa: PLC0415
    from nanna_ci.cache.folder_lock import collection_lock  # noqa: PLC0415
    from nanna_ci.cache.gc_roots import load_root_records  # noqa: PLC0415
    from nanna_ci.errors import UsageError  # noqa: PLC0415
    from nanna_ci.outcome import Outcome  # noqa: PLC0415

    if arguments.execute and context.dry_run:
        raise UsageError("--execute and --dry-run contradict each other", hint="nothing is deleted without --execute")
    ports = context.ports
    url, path = _find_folder(arguments.store)
    limit_bytes = _limit_bytes(arguments.max_size, context)
    keep_commits = _count(arguments.keep_commits)
    pins = [read_pin(text, ports.cwd) for text in arguments.pin]
    times = _build_times(arguments.build_times, ports.cwd)
    with GuardedFolder(path) as folder:
        check_cache_info(folder)
        with collection_lock(folder) if arguments.execute else nullcontext():
            inventory = read_inventory(folder)
            roots = choose_roots(load_root_records(path), keep_commits, pins, inventory.paths)
            plan = plan_collection(inventory, roots, limit_bytes, times, ports.now())
            collected = collect(folder, inventory, plan) if arguments.execute else None
        report = GcReport(url, inventory, plan, collected, folder.keeps_access_times())
    return Outcome(report.verdict, gc_document(report), gc_to_json(report))


def _find_folder(text: str) -> tuple[str, Path]:
    """The URL and the folder of --store. UsageError for any store whose files are not at hand."""
    from nanna_ci.cache.substituters import parse_substituter  # noqa: PLC0415
    from nanna_ci.errors import UsageError, shorten  # noqa: PLC0415

    hint = "name its folder, on the machine that has it: --store file:///FOLDER"
    scheme, colon, _ = text.partition("://")
    if colon and scheme != "file":
        problem = "only the files of a folder can be deleted in an order that is safe"
        raise UsageError(f"{shorten(scheme)} stores are not collected: {problem}", hint=hint)
    store = parse_substituter(text)
    if store.folder is None:
        raise UsageError(f"{shorten(text)} is no cache in a folder", hint=hint)
    return store.url, store.folder


def _limit_bytes(text: str | None, context: Context) -> int:
    from nanna_ci.cache.collection.size_limit import parse_size_bytes  # noqa: PLC0415
    from nanna_ci.pipeline.definition import find_pipeline, load_pipeline  # noqa: PLC0415

    if text is not None:
        return parse_size_bytes(text)
    ports = context.ports
    return load_pipeline(find_pipeline(context.config, ports.environ, ports.cwd)).cache.maximum_size_bytes


def _count(text: str) -> int:
    from nanna_ci.errors import UsageError, shorten  # noqa: PLC0415

    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise UsageError(f"--keep-commits {shorten(text)} is not a number of 0 or more")
    return int(text)


def _build_times(text: str | None, cwd: Path) -> BuildTimes:
    """What is recorded, nothing where nothing is. UsageError where the file of the flag is not there."""
    from nanna_ci.errors import UsageError  # noqa: PLC0415
    from nanna_ci.store.build_times import DEFAULT_FILE, load_build_times  # noqa: PLC0415

    path = cwd / (text or DEFAULT_FILE)
    if text is not None and not path.exists():
        raise UsageError(f"--build-times {path}: there is no such file", hint="`ci` and `run-job` write one")
    return load_build_times(path)
