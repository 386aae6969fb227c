"""Files written whole or not at all."""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
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
    temporary: str | None = None
    try:
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:100]}.", suffix=".tmp")
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            if hasattr(os, "fchmod"):  # not on Windows, where files have no mode
                os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        os.replace(temporary, path)  # noqa: PTH105 - os.replace is atomic by contract on every system
    except BaseException as error:
        if temporary is not None:
            with contextlib.suppress(OSError):
                Path(temporary).unlink()
        if isinstance(error, OSError):
            raise NannaError(f"{path}: cannot be written: {error.strerror}") from error
        raise


def _is_special(path: Path) -> bool:
    """Whether there is something, maybe behind a link, that is neither a file nor a folder."""
    try:
        mode = path.stat().st_mode
    except OSError:
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))
