"""A run's lock: a file whose lock the kernel releases when the run ends, however it ends."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from nanna_ci.foundation.errors import NannaError

_IMAGE: Final = re.compile(r"sha256:[0-9a-f]{64}")
_NAME: Final = re.compile(r"(podman|docker)-([0-9a-f]{12})")


def locks_folder(environ: Mapping[str, str]) -> Path:
    """Where the locks are: below the user's cache folder."""
    cache = environ.get("XDG_CACHE_HOME") or ""
    base = Path(cache) if cache.startswith("/") else Path(environ.get("HOME") or "/var/tmp") / ".cache"  # noqa: S108
    return base / "nanna-ci" / "container-runs"


class RunLocks:
    """The locks of one engine's runs, below a folder."""

    def __init__(self, folder: Path, engine: str) -> None:
        self._folder = folder
        self._engine = engine

    @contextlib.contextmanager
    def held(self, run: str) -> Iterator[None]:
        """Hold the lock of a run. The file stays: `forget` removes it once nothing of the run is left."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            descriptor = self._take(self._path(run))
        except OSError as error:
            raise NannaError(f"{self._path(run)}: {error.strerror}", hint="set XDG_CACHE_HOME") from error
        try:
            yield
        finally:
            os.close(descriptor)

    def _take(self, path: Path) -> int:
        """The descriptor of a file that is locked and still there: until it is locked, a sweep may take it away."""
        import fcntl  # noqa: PLC0415 - there is none on Windows, and no engine either

        while True:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX)  # waits for readers, which are quick
                if _is_file(path, descriptor):
                    return descriptor
            except BaseException:
                os.close(descriptor)
                raise
            os.close(descriptor)

    def note(self, run: str, image_id: str) -> None:
        """Write down that a run is about to load an image that was not there."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with self._path(run).open("a") as file:
                file.write(f"{image_id}\n")
        except OSError as error:
            raise NannaError(f"{self._path(run)}: {error.strerror}", hint="set XDG_CACHE_HOME") from error

    def noted(self, run: str) -> tuple[str, ...]:
        """The images that a run has noted, by their IDs."""
        try:
            lines = self._path(run).read_text(errors="replace").splitlines()
        except OSError:
            return ()
        return tuple(dict.fromkeys(line for line in lines if _IMAGE.fullmatch(line)))

    def running(self) -> dict[str, bool]:
        """The runs that have a lock here, and whether somebody holds it."""
        return {run: self._is_held(run) for run in self._runs()}

    def forget(self, run: str) -> None:
        """Remove a run's lock file."""
        self._path(run).unlink(missing_ok=True)

    def _path(self, run: str) -> Path:
        return self._folder / f"{self._engine}-{run}"

    def _runs(self) -> Iterator[str]:
        names = [entry.name for entry in self._folder.iterdir()] if self._folder.is_dir() else []
        for match in filter(None, map(_NAME.fullmatch, sorted(names))):
            if match[1] == self._engine:
                yield match[2]

    def _is_held(self, run: str) -> bool:
        import fcntl  # noqa: PLC0415 - as above

        try:
            descriptor = os.open(self._path(run), os.O_RDWR | os.O_CLOEXEC)
        except OSError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return True
        else:
            return False
        finally:
            os.close(descriptor)


def _is_file(path: Path, descriptor: int) -> bool:
    """Whether the path still names the open file."""
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False
