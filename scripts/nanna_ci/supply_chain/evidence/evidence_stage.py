"""The folder of evidence while it is written: every file with its hash, and none with a secret of the environment."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Final

from nanna_ci.foundation.errors import ConfigError, GateFailed, MalformedData, UsageError
from nanna_ci.foundation.guarded_read import MEBIBYTE, open_file, read_file
from nanna_ci.foundation.redact import Redactor
from nanna_ci.supply_chain.evidence.evidence_index import make_index, render_index
from nanna_ci.supply_chain.evidence.roles import INDEX, EvidenceFile, role_of

DOCUMENT_BYTES: Final = 64 * MEBIBYTE
_CHUNK_BYTES: Final = 1024 * 1024


class EvidenceStage:
    """Files below `path`, by their path in the folder. What is written twice must be the same."""

    def __init__(self, path: Path, redactor: Redactor) -> None:
        self.path = path
        self._redactor = redactor
        self._files: dict[str, EvidenceFile] = {}
        self._by_hash: dict[str, str] = {}

    @property
    def files(self) -> tuple[EvidenceFile, ...]:
        """What was added, in that order."""
        return tuple(self._files.values())

    def place_of(self, sha256: str) -> str | None:
        """Where in the folder there is a file with this content; None where there is none yet."""
        return self._by_hash.get(sha256)

    def add_document(self, path: str, data: bytes) -> None:
        """A text of ours or of others. GateFailed where it has a secret of the environment in it."""
        if self._redactor.finds(data):
            raise GateFailed(
                f"{path}: holds a secret of this environment, and evidence is for everyone",
                hint="make the file again without it; a derivation that has one must be built without it",
            )
        place = self._place(path)
        if path in self._files:
            raise UsageError(f"{path}: two files of that name were given")
        place.write_bytes(data)
        self._note(path, len(data), hashlib.sha256(data).hexdigest())

    def add_file(self, path: str, origin: Path) -> None:
        """A copy of a file of any size; no link is followed. ConfigError where it cannot be read."""
        if path in self._files:
            raise UsageError(f"{path}: two files of that name were given")
        place, digest, size = self._place(path), hashlib.sha256(), 0
        try:
            source = open_file(origin, follow_links=False)
        except OSError as error:
            raise ConfigError(str(origin), f"cannot be read: {error.strerror}") from None
        with source, place.open("wb") as copy:
            while data := source.read(_CHUNK_BYTES):
                digest.update(data)
                copy.write(data)
                size += len(data)
        self._note(path, size, digest.hexdigest())

    def _place(self, path: str) -> Path:
        if role_of(path) is None:
            raise MalformedData(path, "cannot be the name of a file of evidence")
        place = self.path / path
        place.parent.mkdir(parents=True, exist_ok=True)
        return place

    def _note(self, path: str, size: int, sha256: str) -> None:
        role = role_of(path)
        assert role is not None
        self._files[path] = EvidenceFile(path, role, size, sha256)
        self._by_hash.setdefault(sha256, path)

    def finish(self) -> None:
        """Write the index. Modes are the same for every user and umask."""
        (self.path / INDEX).write_bytes(render_index(make_index(self.files)))
        for folder, _, names in os.walk(self.path):
            for name in names:
                (Path(folder) / name).chmod(0o644)
            Path(folder).chmod(0o755)

    def is_written_at(self, folder: Path) -> bool:
        """Whether that folder has this very evidence already; its signatures are then good for it too."""
        try:
            return (folder / INDEX).read_bytes() == (self.path / INDEX).read_bytes()
        except OSError:
            return False


def check_evidence_folder(folder: Path) -> None:
    """Raise UsageError where something lies at `folder` that is neither empty nor evidence: it would be replaced."""
    try:
        names = {entry.name for entry in folder.iterdir()}
    except FileNotFoundError:
        return
    except NotADirectoryError:
        raise UsageError(f"--output {folder} is not a folder") from None
    if names and INDEX not in names:
        raise UsageError(
            f"--output {folder} has other files in it, such as {min(names)}",
            hint="name a folder of its own: it is replaced as a whole",
        )


def read_document(file: Path) -> bytes:
    """A file that the user names. ConfigError where it cannot be read."""
    try:
        return read_file(file, DOCUMENT_BYTES, or_pipe=True)
    except OSError as error:
        raise ConfigError(str(file), f"cannot be read: {error.strerror}") from None
