"""A history in a folder.

An append writes the whole file beside the old one and puts it in its place, under a lock: readers see all of a record
or nothing of it, and a writer that is killed leaves the file as it was.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

try:
    import fcntl
except ImportError:  # Windows, where two writers at once are not kept apart
    fcntl = None  # type: ignore[assignment]

from nanna_ci.foundation.errors import NannaError
from nanna_ci.foundation.guarded_read import read_file
from nanna_ci.measure.history.history import LARGEST_BYTES, History, add_records, file_name
from nanna_ci.measure.history.records import Record, Series
from nanna_ci.report.files import write_atomic

LOCK_FILE: Final = ".lock"


class HistoryFolder(History):
    """The history in the folder `path`; it is made when the first record is added."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def append_all(self, records: Sequence[Record]) -> int:
        """See `History`. Series are written one after the other, in the order of their first records."""
        with self._locked():
            changed, added = add_records(records, self._data)
            for series, data in changed.items():
                write_atomic(self.path / file_name(series), data, redacted=False)
        return added

    def _data(self, series: Series) -> tuple[bytes, str]:
        path = self.path / file_name(series)
        try:
            return read_file(path, LARGEST_BYTES), str(path)
        except FileNotFoundError:
            return b"", str(path)
        except OSError as error:
            raise NannaError(f"{path}: cannot be read: {error.strerror}") from error

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        lock = self.path / LOCK_FILE
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o644)
        except OSError as error:
            raise NannaError(f"{lock}: cannot be opened: {error.strerror}") from error
        try:
            if fcntl is not None:
                fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)
