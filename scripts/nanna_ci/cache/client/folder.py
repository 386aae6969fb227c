"""A `file://` cache: its files, read where they are."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from nanna_ci.cache.client.cache_info import FILE_NAME, CacheInfo, parse_cache_info
from nanna_ci.cache.client.wire import BODY_LIMIT_BYTES
from nanna_ci.foundation.errors import MalformedData, ToolMissing
from nanna_ci.store.narinfo import NarInfo
from nanna_ci.store.store_path import StorePath


def read_cache_info(folder: Path) -> CacheInfo:
    """What the cache says of itself.

    Raises:
        ToolMissing: the folder, or its nix-cache-info, is not there or cannot be read.
        MalformedData: it is a cache for another store folder.
    """
    try:
        data = _read(folder / FILE_NAME)
    except OSError as error:
        hint = f"`nix copy --to file://{folder}` makes one"
        raise ToolMissing(str(folder), f"no binary cache: {FILE_NAME}: {error.strerror}", hint=hint) from None
    return parse_cache_info(data, str(folder / FILE_NAME))


def read_narinfo(folder: Path, path: StorePath) -> bytes | None:
    """The narinfo of a path, not parsed; None if the cache has none.

    Raises:
        MalformedData: it is too large, or no file.
        OSError: it cannot be read.
    """
    try:
        return _read(folder / f"{path.hash}.narinfo")
    except FileNotFoundError:
        return None


def archive_problem(folder: Path, info: NarInfo) -> str | None:
    """Why Nix could not use the archive behind a narinfo: it is not there, or has another size."""
    place = folder / info.url
    if ".." in place.parts or not place.is_relative_to(folder):
        return f"{info.url} is not a place in the cache"
    try:
        status = place.stat()
    except OSError as error:
        return f"{info.url}: {error.strerror}"
    if not stat.S_ISREG(status.st_mode):
        return f"{info.url} is not a file"
    if info.file_size_bytes is not None and status.st_size != info.file_size_bytes:
        return f"{info.url} has {status.st_size:,} bytes, {info.file_size_bytes:,} are stated"
    return None


def _read(file: Path) -> bytes:
    # Without O_NONBLOCK, a FIFO in place of the file would block us forever.
    descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    with os.fdopen(descriptor, "rb") as stream:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise MalformedData(str(file), "is not a file")
        data = stream.read(BODY_LIMIT_BYTES + 1)
    if len(data) > BODY_LIMIT_BYTES:
        raise MalformedData(str(file), f"is over {BODY_LIMIT_BYTES} bytes")
    return data


def query_size_bytes(folder: Path) -> int | None:
    """The size of all files below, a hard link counted once and links not followed; None if that cannot be read."""
    sizes: dict[tuple[int, int], int] = {}
    waiting = [folder]
    try:
        while waiting:
            with os.scandir(waiting.pop()) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(Path(entry.path))
                    elif entry.is_file(follow_symlinks=False):
                        status = entry.stat(follow_symlinks=False)
                        sizes[status.st_dev, status.st_ino] = status.st_size
    except OSError:
        return None
    return sum(sizes.values())
