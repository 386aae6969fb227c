"""`cache-gc`: collect a cache in a folder to a size."""

from __future__ import annotations

import argparse
import re
from contextlib import nullcontext
from decimal import Decimal
from pathlib import Path
from typing import Final

from nanna_ci.cache.collection.collection_report import GcReport, gc_document, gc_to_json
from nanna_ci.cache.collection.collector import collect
from nanna_ci.cache.collection.eviction_plan import plan_collection
from nanna_ci.cache.collection.folder_index import check_cache_info, read_inventory
from nanna_ci.cache.collection.guarded_folder import GuardedFolder
from nanna_ci.cache.collection.kept_roots import choose_roots, read_pin
from nanna_ci.cache.folder_lock import collection_lock
from nanna_ci.cache.gc_roots import load_root_records
from nanna_ci.cache.substituters import parse_substituter
from nanna_ci.foundation.context import Context
from nanna_ci.foundation.errors import UsageError, shorten
from nanna_ci.pipeline.definition import find_pipeline, load_pipeline
from nanna_ci.report.outcome import Outcome
from nanna_ci.store.build_times import DEFAULT_FILE, BuildTimes, load_build_times

_POWERS: Final = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4, "p": 5}
_SIZE: Final = re.compile(r"([0-9]{1,18}(?:\.[0-9]{1,9})?) ?(?:([KMGTP])(I?)B|B)?", re.IGNORECASE | re.ASCII)


def execute(arguments: argparse.Namespace, context: Context) -> Outcome:
    """The plan, or with --execute what was done. The verdict is fail if the size cannot be reached."""
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
    """The URL and the folder of --store. UsageError for any store whose files are not on this machine."""
    hint = "name its folder, on the machine that has it: --store file:///FOLDER"
    scheme, colon, _ = text.partition("://")
    if colon and scheme != "file":
        problem = "only the files of a folder can be deleted in an order that is safe"
        raise UsageError(f"{shorten(scheme)} stores are not collected: {problem}", hint=hint)
    store = parse_substituter(text)
    if store.folder is None:
        raise UsageError(f"{shorten(text)} is not a cache in a folder", hint=hint)
    return store.url, store.folder


def _limit_bytes(text: str | None, context: Context) -> int:
    if text is not None:
        return parse_size_bytes(text)
    ports = context.ports
    return load_pipeline(find_pipeline(context.config, ports.environ, ports.cwd)).cache.maximum_size_bytes


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise UsageError(f"--keep-commits {shorten(text)} is not a number of 0 or more")
    return int(text)


def _build_times(text: str | None, cwd: Path) -> BuildTimes:
    """What is recorded, nothing if nothing is. UsageError if the file of the flag is not there."""
    path = cwd / (text or DEFAULT_FILE)
    if text is not None and not path.exists():
        raise UsageError(f"--build-times {path}: there is no such file", hint="`ci` and `run-job` write one")
    return load_build_times(path)


def parse_size_bytes(text: str) -> int:
    """Read a size: bytes, or with kB, MB, GB, TB, PB (1,000 each) or KiB, MiB, GiB, TiB, PiB (1,024 each).

    Raises:
        UsageError: for anything else; `50G` too, which some read as 1,000 and some as 1,024.
    """
    match = _SIZE.fullmatch(text.strip())
    if match is None:
        raise UsageError(
            f"{shorten(text)} is not a size", hint="such as 50GB (1,000 each), 50GiB (1,024 each) or 50000000000"
        )
    number, letter, binary = match.groups(default="")
    return int(Decimal(number) * (1024 if binary else 1000) ** _POWERS[letter.lower()])
