"""Reads of files that others can place: a regular file, of limited size, and nothing that could block.

Opening a named pipe blocks, a device never ends, a sparse file is larger than all memory, a second hard link
is a file of somebody else under a name that we trust.
"""

from __future__ import annotations

import errno
import io
import os
import stat
from pathlib import Path
from typing import Final

MEBIBYTE: Final = 1024 * 1024
_CHUNK_BYTES: Final = 1024 * 1024
_FLAGS: Final = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
_NO_LINK: Final = getattr(os, "O_NOFOLLOW", 0)


class FileRefused(OSError):
    """A file that is not read, whatever is in it; `strerror` says why."""

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(errno.EINVAL, why, str(path))


def read_file(
    path: Path, limit_bytes: int, *, follow_links: bool = True, one_link: bool = False, or_pipe: bool = False
) -> bytes:
    """The bytes of a regular file.

    `follow_links`: a symbolic link may lead to it. `one_link`: it must have no other name, so that nobody passes off a
    file of ours as theirs. `or_pipe`: a pipe will do too, for a file that the user names, such as `<(command)`.

    Raises:
        OSError: it cannot be opened or read; FileRefused if it is not such a file, or over the limit.
    """
    with open_file(path, follow_links=follow_links, one_link=one_link, or_pipe=or_pipe) as stream:
        if os.fstat(stream.fileno()).st_size > limit_bytes:
            raise FileRefused(path, f"it is over {limit_bytes:,} bytes")
        parts, left = [], limit_bytes + 1
        while left > 0 and (data := stream.read(min(left, _CHUNK_BYTES))):
            parts.append(data)
            left -= len(data)
    if left <= 0:
        raise FileRefused(path, f"it is over {limit_bytes:,} bytes")
    return b"".join(parts)


def open_file(
    path: Path, *, follow_links: bool = True, one_link: bool = False, or_pipe: bool = False
) -> io.BufferedReader:
    """A regular file for reading, as `read_file` takes it. Raises as that does; how much is read is the caller's."""
    flags = _FLAGS if follow_links else _FLAGS | _NO_LINK
    try:
        descriptor = os.open(path, flags & ~getattr(os, "O_NONBLOCK", 0) if or_pipe and _is_pipe(path) else flags)
    except OSError as error:
        if error.errno == errno.ELOOP and not follow_links:
            raise FileRefused(path, "it is a link") from None
        raise
    try:
        check_descriptor(descriptor, path, one_link=one_link, or_pipe=or_pipe)
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def check_descriptor(descriptor: int, path: Path, *, one_link: bool, or_pipe: bool = False) -> None:
    """Refuse an open file that is not a regular one, or that has other names. Raises FileRefused."""
    status = os.fstat(descriptor)
    if or_pipe and stat.S_ISFIFO(status.st_mode):
        return
    if not stat.S_ISREG(status.st_mode):
        raise FileRefused(path, "it is a directory" if stat.S_ISDIR(status.st_mode) else "it is not a regular file")
    if one_link and status.st_nlink > 1:
        raise FileRefused(path, "it has another name: a hard link")


def _is_pipe(path: Path) -> bool:
    return stat.S_ISFIFO(os.stat(path).st_mode)  # noqa: PTH116 - /dev/fd/63 of a shell is a link to no path
