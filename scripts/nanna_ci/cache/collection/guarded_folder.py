"""A folder whose files are listed, read and deleted, and nothing outside of it, whatever links lie in it."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from nanna_ci.foundation.errors import MalformedData, NannaError
from nanna_ci.foundation.guarded_read import FileRefused, check_descriptor

_FOLDER_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NO_FOLDER = frozenset((errno.ELOOP, errno.ENOTDIR))
_FILE_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK  # a named pipe must not make us wait
_NO_TRACE = getattr(os, "O_NOATIME", 0)  # looking at a file does not count as use


class GuardedFolder(contextlib.AbstractContextManager["GuardedFolder"]):
    """An open folder. Names are `FILE` or `SUBFOLDER/FILE`, relative to it; a subfolder that is a link is refused.

    Opening raises NannaError if it cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._leaves_traces = False
        try:
            self._folders = {"": os.open(path, _FOLDER_FLAGS & ~os.O_NOFOLLOW)}
        except OSError as error:
            raise NannaError(f"{path}: cannot be opened: {error.strerror}") from error

    def __exit__(self, *_: object) -> None:
        for descriptor in self._folders.values():
            os.close(descriptor)
        self._folders = {}

    def names(self, folder: str = "") -> list[str]:
        """The names in a subfolder, none if it is not there. Raises MalformedData for a link in its place."""
        descriptor = self._open_folder(folder)
        return [] if descriptor is None else os.listdir(descriptor)  # noqa: PTH208 - a descriptor has no Path

    def entries(self, folder: str = "") -> Iterator[tuple[str, os.stat_result]]:
        """What is in a subfolder, links not followed; what goes away meanwhile is left out."""
        descriptor = self._open_folder(folder)
        if descriptor is None:
            return
        with os.scandir(descriptor) as found:
            for entry in found:
                with contextlib.suppress(FileNotFoundError):
                    yield entry.name, entry.stat(follow_symlinks=False)

    def status(self, name: str) -> os.stat_result | None:
        """A file as it is now, a link not followed; None if it is not there."""
        descriptor, base = self._place(name)
        if descriptor is None:
            return None
        try:
            return os.stat(base, dir_fd=descriptor, follow_symlinks=False)
        except FileNotFoundError:
            return None

    def read(self, name: str, limit_bytes: int) -> bytes:
        """A file's bytes, at most `limit_bytes` and one more. Its time of last use stays, if that can be had.

        Raises:
            OSError: it is not there, no regular file, or cannot be read.
        """
        descriptor, base = self._place(name)
        if descriptor is None:
            raise FileNotFoundError(2, "No such file or directory", name)
        file = self._open_file(base, descriptor)
        try:
            if not stat.S_ISREG(os.fstat(file).st_mode):
                raise OSError(22, "it is not a regular file", name)
            return _read_all(file, limit_bytes + 1)
        finally:
            os.close(file)

    def delete(self, name: str) -> bool:
        """Delete a file; False if it was gone already.

        Raises:
            NannaError: it cannot be deleted.
        """
        descriptor, base = self._place(name)
        if descriptor is None:
            return False
        try:
            os.unlink(base, dir_fd=descriptor)
        except FileNotFoundError:
            return False
        except OSError as error:
            raise NannaError(f"{self.path / name}: cannot be deleted: {error.strerror}") from error
        return True

    def keeps_access_times(self) -> bool:
        """Whether reading a file leaves its time; nearly all file systems do, to a day."""
        return not os.fstatvfs(self._folders[""]).f_flag & getattr(os, "ST_NOATIME", 0)

    def open_lock(self, name: str) -> int:
        """A descriptor of a file for a lock, made if there is none; the caller may write, and closes it.

        Raises NannaError if it cannot be opened, or is a file of somebody else under this name.
        """
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
        place = self.path / name
        try:
            descriptor = os.open(name, flags, 0o644, dir_fd=self._folders[""])
        except OSError as error:
            raise NannaError(f"{place}: cannot be opened: {error.strerror}") from error
        try:
            check_descriptor(descriptor, place, one_link=True)
        except FileRefused as error:
            os.close(descriptor)
            raise NannaError(f"{place}: cannot be a lock: {error.strerror}", hint="delete it") from None
        return descriptor

    def _place(self, name: str) -> tuple[int | None, str]:
        folder, _, base = name.rpartition("/")
        return self._open_folder(folder), base

    def _open_folder(self, folder: str) -> int | None:
        assert "/" not in folder
        assert folder not in {".", ".."}
        if folder not in self._folders:
            try:
                self._folders[folder] = os.open(folder, _FOLDER_FLAGS, dir_fd=self._folders[""])
            except FileNotFoundError:
                return None
            except OSError as error:
                place = self.path / folder
                if error.errno not in _NO_FOLDER:
                    raise NannaError(f"{place}: cannot be opened: {error.strerror}") from error
                problem = "is a link, or not a folder: what is behind it is not part of the cache"
                raise MalformedData(str(place), problem, hint="move the files to where the link is") from error
        return self._folders[folder]

    def _open_file(self, base: str, descriptor: int) -> int:
        if not self._leaves_traces:
            try:
                return os.open(base, _FILE_FLAGS | _NO_TRACE, dir_fd=descriptor)
            except PermissionError:  # only a file's owner may
                self._leaves_traces = True
        return os.open(base, _FILE_FLAGS, dir_fd=descriptor)


def _read_all(file: int, limit_bytes: int) -> bytes:
    data = os.read(file, limit_bytes)
    if not data or len(data) == limit_bytes:
        return data
    parts = [data]  # one more read finds the end; nearly always that is all
    left = limit_bytes - len(data)
    while left > 0 and (data := os.read(file, left)):
        parts.append(data)
        left -= len(data)
    return b"".join(parts)
