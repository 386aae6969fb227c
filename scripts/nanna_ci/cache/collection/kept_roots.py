"""What a collection must keep: releases, the newest commits, and pins, those of the command line too."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import assert_never

from nanna_ci.cache.collection.inventory import CachedPath
from nanna_ci.cache.gc_roots import RootKind, RootRecord
from nanna_ci.foundation.errors import MalformedData, UsageError, shorten
from nanna_ci.foundation.guarded_read import MEBIBYTE, read_file
from nanna_ci.store.store_path import STORE_DIR, StorePath, parse_base_name, parse_store_path

_MOST_LINKS = 40  # as in Linux
_STORE_PARTS = len(Path(STORE_DIR).parts)


@dataclass(frozen=True, slots=True)
class Pin:
    """A --pin, as it was written: store paths, and names of store paths (without hash)."""

    text: str
    paths: tuple[StorePath, ...]
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Root:
    """A reason to keep paths. `present` are the hashes of those in the cache; `absent` counts what is not there.

    `recorded_s` is Unix time, None for a --pin.
    """

    kind: RootKind
    name: str
    recorded_s: int | None
    present: tuple[str, ...]
    absent: int


def read_pin(text: str, cwd: Path) -> Pin:
    """Read a --pin: a store path or its base name, a name, or a file with such lines (anything else with a `/`).

    A link into the store, such as nix's `result`, is the path that it leads to. `#` begins a comment in a file.

    Raises:
        UsageError: there is no such file, or it has an invalid line.
    """
    if "/" not in text or text.startswith(STORE_DIR + "/"):
        return _pin(text, [text], "--pin")
    place = cwd / text
    target = _store_target(place)
    if target is not None:
        return _pin(text, [target], "--pin")
    try:
        lines = read_file(place, 64 * MEBIBYTE, or_pipe=True).decode().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        problem = error.strerror if isinstance(error, OSError) else "is not UTF-8"
        raise UsageError(
            f"--pin {shorten(text)}: {problem}", hint="a store path, a name, or a file with such"
        ) from error
    words = [line.partition("#")[0].strip() for line in lines]
    return _pin(text, [word for word in words if word], f"--pin {text}")


def _store_target(place: Path) -> str | None:
    """The first store path on the way of links that begins at `place`; None if it leads to none."""
    for _ in range(_MOST_LINKS):
        if not place.is_symlink():
            break
        place = Path(os.path.normpath(place.parent / place.readlink()))
        if place.is_relative_to(STORE_DIR) and len(place.parts) > _STORE_PARTS:
            return "/".join((STORE_DIR, place.parts[_STORE_PARTS]))
    return None


def _pin(text: str, words: Iterable[str], source: str) -> Pin:
    paths, names = [], []
    for word in words:
        try:
            if word.startswith("/"):
                paths.append(parse_store_path(word, source))
                continue
            as_name = parse_base_name(f"{'0' * 32}-{word}", source).name
        except MalformedData as error:
            raise UsageError(f"{source}: {shorten(word)} is neither a store path nor the name of one") from error
        try:
            paths.append(parse_base_name(word, source))
        except MalformedData:
            names.append(as_name)
    return Pin(text, tuple(paths), tuple(names))


def choose_roots(
    records: Iterable[RootRecord], keep_commits: int, pins: Sequence[Pin], paths: Mapping[str, CachedPath]
) -> tuple[Root, ...]:
    """The roots that count: every release and pin, and the `keep_commits` newest commits; in this order of kinds."""
    chosen: list[Root] = []
    commits = []
    for record in records:
        match record.kind:
            case RootKind.RELEASE | RootKind.PIN:
                chosen.append(_recorded(record, paths))
            case RootKind.COMMIT:
                commits.append(record)
            case _:
                assert_never(record.kind)
    commits.sort(key=lambda record: (-record.recorded_s, record.name))
    by_name: defaultdict[str, list[str]] = defaultdict(list)
    for key, path in paths.items():
        by_name[path.store_path.name].append(key)
    chosen += (_pinned(pin, paths, by_name) for pin in pins)
    chosen += (_recorded(record, paths) for record in commits[:keep_commits])
    return tuple(sorted(chosen, key=lambda root: _ORDER.index(root.kind)))


_ORDER = (RootKind.RELEASE, RootKind.PIN, RootKind.COMMIT)


def _recorded(record: RootRecord, paths: Mapping[str, CachedPath]) -> Root:
    present = tuple(path.hash for path in record.paths if path.hash in paths)
    return Root(record.kind, record.name, record.recorded_s, present, len(record.paths) - len(present))


def _pinned(pin: Pin, paths: Mapping[str, CachedPath], by_name: Mapping[str, Sequence[str]]) -> Root:
    present = [path.hash for path in pin.paths if path.hash in paths]
    absent = len(pin.paths) - len(present)
    for name in pin.names:
        found = by_name.get(name, ())
        present += found
        absent += not found
    return Root(RootKind.PIN, pin.text, None, tuple(dict.fromkeys(present)), absent)
