"""Keeps collections of a folder cache apart from each other and from our own pushes into it.

A collection holds the lock alone, pushes hold it together: what a push finds there and does not send again must stay.
The lock goes with the process, however it ends; its file stays.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from nanna_ci.cache.collection.guarded_folder import GuardedFolder
from nanna_ci.foundation.errors import NannaError

LOCK_FILE: Final = "nanna-ci-gc.lock"


@contextlib.contextmanager
def collection_lock(folder: GuardedFolder) -> Iterator[None]:
    """Hold the folder alone. Raises NannaError if another collection, or a push, is under way."""
    with _lock(folder, fcntl.LOCK_EX) as descriptor:
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid():<15}\n".encode(), 0)  # of fixed size: it counts, like any other file
        yield


@contextlib.contextmanager
def push_lock(path: Path) -> Iterator[None]:
    """Hold the folder together with other pushes; one that is not there yet needs no lock.

    Raises NannaError if a collection is under way.
    """
    if not path.is_dir():
        yield
        return
    with GuardedFolder(path) as folder, _lock(folder, fcntl.LOCK_SH):
        yield


@contextlib.contextmanager
def _lock(folder: GuardedFolder, kind: int) -> Iterator[int]:
    descriptor = folder.open_lock(LOCK_FILE)
    try:
        try:
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = os.read(descriptor, 32).decode("ascii", "replace").strip()
            last = f" (the last collection was process {owner})" if owner else ""
            raise NannaError(
                f"{folder.path}: a collection or a push is under way{last}",
                hint="wait until it ends; its lock ends with it",
            ) from None
        except OSError as error:
            raise NannaError(f"{folder.path / LOCK_FILE}: cannot be locked: {error.strerror}") from error
        yield descriptor
    finally:
        os.close(descriptor)
