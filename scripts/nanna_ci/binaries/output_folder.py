"""A folder that appears whole or not at all.

Files are written in a hidden folder beside it, which is then renamed. An interruption leaves the old state and nothing
else. A KILL may leave hidden folders behind, and between two renames the old files in one of them: the next run for the
same folder puts those back and removes the rest, for a writer holds a lock on its hidden folder. Files are not
flushed to disk one by one: after a power cut, `sha256sum -c` shows the damage.
"""

from __future__ import annotations

import errno
import filecmp
import io
import os
import re
import shutil
import stat
import tempfile
from collections.abc import Iterator, Set
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from nanna_ci.foundation.errors import NannaError, UsageError

_TAKEN: Final = frozenset({errno.ENOTEMPTY, errno.EEXIST, errno.ENOENT})
_HIDDEN: Final = re.compile(r"[a-z0-9_]{8}")  # as tempfile names them
_ATTEMPTS: Final = 5  # another run may publish between our look and our rename


class Staging:
    """The hidden folder. `publish` renames it to its place."""

    def __init__(self, path: Path, final: Path) -> None:
        self.path = path
        self.final = final

    def create(self, name: str, *, mode: int) -> io.BufferedRandom:
        """A new file for writing and reading; its mode does not depend on the umask."""
        descriptor = os.open(self.path / name, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        os.fchmod(descriptor, mode)
        return os.fdopen(descriptor, "w+b")

    def write(self, name: str, data: bytes) -> None:
        """A whole file, mode 644."""
        with self.create(name, mode=0o644) as stream:
            stream.write(data)

    def publish(self) -> bool:
        """Put the folder in its place; False when what is there has the same files already.

        Only a folder whose every file has a name that is written now is replaced.
        """
        self.path.chmod(0o755)
        for _ in range(_ATTEMPTS):
            if self._is_published():
                return False
            try:
                self.swap()
            except OSError as error:
                if error.errno not in _TAKEN:
                    raise
            else:
                return True
        raise NannaError(f"{self.final}: another process keeps writing to it")

    def _is_published(self) -> bool:
        names = {entry.name for entry in self.path.iterdir()}
        check_replaceable(self.final, names)
        return self.final.is_dir() and all(_same_file(self.path / name, self.final / name) for name in names)

    def swap(self) -> None:
        """Put the folder in its place, whatever is there: who calls has looked."""
        if not self.final.is_dir() or not any(self.final.iterdir()):
            self.path.rename(self.final)  # replaces an empty folder, atomically
            return
        old = Path(tempfile.mkdtemp(prefix=f".{self.final.name}.old-", dir=self.final.parent))
        try:
            self.final.rename(old)
            self.path.rename(self.final)
        finally:  # interrupted in between, too: something is always in its place again
            if self.final.exists():
                shutil.rmtree(old)
            else:
                old.rename(self.final)


def check_replaceable(folder: Path, names: Set[str]) -> None:
    """Refuse, as UsageError, a folder with anything in it but files of these names."""
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except FileNotFoundError:
        return
    except NotADirectoryError as error:
        raise UsageError(f"{folder} is not a folder") from error
    for entry in entries:
        if entry.name not in names or not entry.is_file(follow_symlinks=False):
            raise UsageError(
                f"{folder} has `{entry.name}` in it, which is not one of the artifacts",
                hint="name a folder of its own for each system: its files are replaced as a whole",
            )


def _same_file(new: Path, old: Path) -> bool:
    try:
        return stat.S_IMODE(old.lstat().st_mode) == stat.S_IMODE(new.lstat().st_mode) and filecmp.cmp(new, old, False)
    except FileNotFoundError:
        return False


def _make_locked(final: Path) -> tuple[Path, int]:
    """A new hidden folder, and a descriptor that holds its lock: until it is locked, a sweep may take it away."""
    while True:
        path = Path(tempfile.mkdtemp(prefix=f".{final.name}.new-", dir=final.parent))
        lock = _lock(path)
        if lock is not None:
            return path, lock


def _lock(path: Path) -> int | None:
    """A descriptor of a hidden folder with its lock; None if somebody else has that, or took the folder away."""
    import fcntl  # noqa: PLC0415 - Windows has none, and nothing is prepared there

    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.path.samestat(path.lstat(), os.fstat(descriptor)):
            return descriptor
    except OSError:
        pass
    os.close(descriptor)
    return None


def _sweep(final: Path) -> None:
    """Remove what killed runs left beside the folder; old files go back where a kill left nothing in their place."""
    for path in _left_behind(final, "new"):
        lock = _lock(path)
        if lock is None:  # a writer is active: the other folders may be its own
            return
        shutil.rmtree(path, ignore_errors=True)
        os.close(lock)
    for path in _left_behind(final, "old"):
        if not final.exists() and any(path.iterdir()):
            path.rename(final)
        else:
            shutil.rmtree(path, ignore_errors=True)


def _left_behind(final: Path, what: str) -> list[Path]:
    """Our own hidden folders of a kind, by name."""
    prefix = f".{final.name}.{what}-"
    found = [entry for entry in os.scandir(final.parent) if entry.name.startswith(prefix)]
    ours = [
        entry
        for entry in found
        if entry.is_dir(follow_symlinks=False) and entry.stat(follow_symlinks=False).st_uid == os.geteuid()
    ]
    return sorted(Path(entry.path) for entry in ours if _HIDDEN.fullmatch(entry.name[len(prefix) :]))


@contextmanager
def staging(output: Path) -> Iterator[Staging]:
    """A staging folder beside `output`; removed when the block is left without `publish`.

    A link in place of `output` is followed, missing folders above it are made. Whatever goes wrong while writing, a
    full disk too, is a NannaError that names the folder.
    """
    final = Path(os.path.realpath(output))
    try:
        final.parent.mkdir(parents=True, exist_ok=True)
        _sweep(final)
        path, lock = _make_locked(final)
        try:
            yield Staging(path, final)
        finally:
            shutil.rmtree(path, ignore_errors=True)
            os.close(lock)
    except OSError as error:
        raise NannaError(f"{output}: cannot be written: {error.strerror or error}") from error
