"""Files written whole or not at all."""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from nanna_ci.foundation.errors import NannaError
from nanna_ci.foundation.redact import Redactor


def write_atomic(path: Path, data: bytes, *, mode: int = 0o644, redacted: bool = True) -> None:
    """Write `data` to `path`: readers see the old file or the new one, also after a crash.

    Secrets are taken out, unless `redacted` is False: for what a program must read as it is.
    The folder must exist. A symlink at `path` is replaced, not followed; a device or a pipe there is refused: replaced,
    /dev/null would be gone for the whole machine. On any failure (disk full, no permission) the old file is intact,
    nothing temporary is left, and NannaError names the path and the reason.
    """
    if _is_special(path):
        raise NannaError(f"{path}: cannot be written: it is a device or a pipe", hint="without a file, use > or |")
    data = Redactor().redact(data) if redacted else data
    with _staged(path, data, mode) as temporary:
        _replace(temporary, path)


def write_together(contents: Mapping[Path, bytes], *, mode: int = 0o644) -> None:
    """Write all of the files or none: after a failure, everything is as it was before.

    Folders that are not there are made. A file that is there keeps its mode; at each path there must be a regular file
    or nothing. What is written is not redacted. All is on the disk under temporary names before the first file is
    replaced: a crash of the machine between the replacements is the one thing that can leave some of them old.

    Raises NannaError, which names the path and the reason.
    """
    before: dict[Path, tuple[bytes, int] | None] = {}
    made: list[Path] = []
    replaced: list[Path] = []
    try:
        with contextlib.ExitStack() as stack:
            staged = {}
            for path, data in contents.items():
                _make_folders(path.parent, made)
                before[path] = _present(path)
                kept = before[path]
                staged[path] = stack.enter_context(_staged(path, data, mode if kept is None else kept[1]))
            for path, temporary in staged.items():
                replaced.append(path)
                _replace(temporary, path)
    except BaseException as error:
        for path in replaced:
            kept = before[path]
            if kept is None:
                path.unlink(missing_ok=True)
            else:
                write_atomic(path, kept[0], mode=kept[1], redacted=False)
        for folder in reversed(made):
            with contextlib.suppress(OSError):
                folder.rmdir()
        if isinstance(error, OSError):
            raise NannaError(f"{error.filename}: cannot be written: {error.strerror}") from error
        raise


def _replace(temporary: str, path: Path) -> None:
    try:
        os.replace(temporary, path)  # noqa: PTH105 - os.replace is atomic by contract on every system
    except OSError as error:
        raise NannaError(f"{path}: cannot be written: {error.strerror}") from error


def _make_folders(folder: Path, made: list[Path]) -> None:
    lacking = [one for one in (folder, *folder.parents) if not one.exists()]
    for one in reversed(lacking):
        one.mkdir()
        made.append(one)


def _present(path: Path) -> tuple[bytes, int] | None:
    """The bytes and the mode of a file, None if there is nothing."""
    try:
        status = path.lstat()
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(status.st_mode):
        raise NannaError(f"{path}: cannot be written: it is not a regular file")
    return path.read_bytes(), stat.S_IMODE(status.st_mode)


@contextlib.contextmanager
def _staged(path: Path, data: bytes, mode: int) -> Iterator[str]:
    """A file with the data beside the one that it is to replace; it is gone afterwards if nobody has moved it."""
    temporary: str | None = None
    try:
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:100]}.", suffix=".tmp")
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            if hasattr(os, "fchmod"):  # not on Windows, where files have no mode
                os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        yield temporary
    except OSError as error:
        raise NannaError(f"{path}: cannot be written: {error.strerror}") from error
    finally:
        if temporary is not None:
            with contextlib.suppress(OSError):
                Path(temporary).unlink()


def _is_special(path: Path) -> bool:
    """Whether there is something, maybe behind a link, that is neither a file nor a folder."""
    try:
        mode = path.stat().st_mode
    except OSError:
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))
