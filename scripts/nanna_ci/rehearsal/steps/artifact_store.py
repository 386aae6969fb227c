"""The artifacts of one run: named sets of files that jobs hand to later jobs, as GitHub keeps them."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

_CHUNK_BYTES: Final = 1024 * 1024
_FILE_MODE: Final = 0o644  # a zip of GitHub's keeps no permissions
_NAME_CHARACTERS: Final = '":<>|*?\r\n\\/'
_PATH_CHARACTERS: Final = '":<>|*?\r\n'


@dataclass(frozen=True, slots=True)
class StoredArtifact:
    """An artifact. `digest` is a SHA-256 over its files' paths and contents: on GitHub, of a zip."""

    id: int
    name: str
    files: tuple[str, ...]
    size_bytes: int
    digest: str
    folder: Path


class ArtifactRefused(Exception):
    """Why an artifact is not taken, in GitHub's manner."""


class ArtifactStore:
    """Artifacts in a folder; jobs that run beside each other share it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock = threading.Lock()
        self._stored: dict[str, StoredArtifact] = {}
        self._taken: set[str] = set()
        self._last_id = 0

    def add(self, name: str, files: Sequence[tuple[Path, str]], *, overwrite: bool) -> StoredArtifact:
        """Copy files, each with its path in the artifact, under a name.

        Raises:
            ArtifactRefused: a name or a path with characters that GitHub forbids, a name that is taken.
        """
        _check_text(name, _NAME_CHARACTERS, "The artifact name")
        for _, path in files:
            _check_text(path, _PATH_CHARACTERS, "The path for one of the files in artifact")
        with self._lock:
            if name in self._taken and not overwrite:
                raise ArtifactRefused(
                    "Failed to CreateArtifact: Received non-retryable error: Failed request: (409) Conflict: "
                    "an artifact with this name already exists on the workflow run"
                )
            self._taken.add(name)
            self._last_id += 1
            number = self._last_id
        folder = self.folder / f"{number}-{name}"
        whole, size_bytes = hashlib.sha256(), 0
        for source, path in sorted(files, key=lambda file: file[1]):
            target = folder / PurePosixPath(path)
            target.parent.mkdir(parents=True, exist_ok=True)
            digest, length = _copy(source, target)
            whole.update(f"{path}\0{digest}\n".encode("utf-8", "surrogateescape"))
            size_bytes += length
        stored = StoredArtifact(
            number, name, tuple(sorted(path for _, path in files)), size_bytes, whole.hexdigest(), folder
        )
        with self._lock:
            self._stored[name] = stored
        return stored

    def get(self, name: str) -> StoredArtifact | None:
        """The artifact of a name that has been uploaded whole, or None."""
        with self._lock:
            return self._stored.get(name)

    def all(self) -> list[StoredArtifact]:
        """Every artifact, the newest first, as GitHub lists them."""
        with self._lock:
            return sorted(self._stored.values(), key=lambda stored: -stored.id)


def extract(stored: StoredArtifact, folder: Path) -> None:
    """Copy the files of an artifact into a folder, over what is there."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in stored.files:
        target = folder / PurePosixPath(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        _copy(stored.folder / PurePosixPath(path), target)


def _copy(source: Path, target: Path) -> tuple[str, int]:
    digest, length = hashlib.sha256(), 0
    with source.open("rb") as reader, target.open("wb") as writer:
        while chunk := reader.read(_CHUNK_BYTES):
            writer.write(chunk)
            digest.update(chunk)
            length += len(chunk)
    target.chmod(_FILE_MODE)
    return digest.hexdigest(), length


def _check_text(text: str, forbidden: str, what: str) -> None:
    if not text or text in {".", ".."}:
        raise ArtifactRefused(f"{what} is not valid: {text!r}")
    found = next((character for character in forbidden if character in text), None)
    if found is not None:
        raise ArtifactRefused(f"{what} is not valid: {text}. Contains the following character: {found!r}")
