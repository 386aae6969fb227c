"""evidence.json: every file of the folder with its role, size and hash.

The index follows from the other files, byte for byte: a change of any byte of any file, and of the index itself, shows.
What nobody can show this way is that all of it was replaced together; the signature over the index does.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from nanna_ci.foundation.errors import MalformedData, shorten
from nanna_ci.foundation.guarded_read import MEBIBYTE, open_file, read_file
from nanna_ci.foundation.json_data import as_count, as_list, as_object, as_text, describe, load_json
from nanna_ci.supply_chain.evidence.roles import INDEX, OPTIONAL, SIGNATURES, EvidenceFile, Role, role_of

_SCHEMA_VERSION: Final = 1
_INDEX_BYTES: Final = 64 * MEBIBYTE
_MOST_FILES: Final = 100_000


@dataclass(frozen=True, slots=True)
class EvidenceIndex:
    """What the folder says that it holds, and which roles it says it has none of."""

    files: tuple[EvidenceFile, ...]
    absent: frozenset[Role]

    def paths(self, role: Role) -> tuple[str, ...]:
        """The files of a role, by path."""
        return tuple(file.path for file in self.files if file.role is role)


@dataclass(frozen=True, slots=True)
class FolderContent:
    """What really lies in the folder: files with a role, signatures by path, and what has no place there, with why."""

    files: tuple[EvidenceFile, ...]
    signatures: tuple[str, ...]
    strangers: tuple[tuple[str, str], ...]


def make_index(files: Iterable[EvidenceFile]) -> EvidenceIndex:
    """The index of these files: an optional role without a file is said to be absent."""
    ordered = tuple(sorted(files, key=lambda file: file.path))
    present = {file.role for file in ordered}
    return EvidenceIndex(ordered, frozenset(role for role in OPTIONAL if role not in present))


def render_index(index: EvidenceIndex) -> bytes:
    """evidence.json: the same files give the same bytes."""
    body = {
        "schemaVersion": _SCHEMA_VERSION,
        "files": [_file_to_json(file) for file in index.files],
        "absent": [
            {"role": role.value, "reason": OPTIONAL[role]} for role in sorted(index.absent, key=lambda role: role.value)
        ],
    }
    return (json.dumps(body, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()


def _file_to_json(file: EvidenceFile) -> dict[str, Any]:
    return {"path": file.path, "role": file.role.value, "sizeBytes": file.size_bytes, "sha256": file.sha256}


def read_index(folder: Path) -> EvidenceIndex:
    """The index. MalformedData where it is missing or anything but what `render_index` writes."""
    source = str(folder / INDEX)
    try:
        data = read_file(folder / INDEX, _INDEX_BYTES, follow_links=False)
    except FileNotFoundError:
        raise MalformedData(source, "is missing: not a folder that `provenance` wrote") from None
    except OSError as error:
        raise MalformedData(source, f"cannot be read: {error.strerror}") from None
    document = as_object(load_json(data, source), source, "the index")
    if document.get("schemaVersion") != _SCHEMA_VERSION:
        raise MalformedData(
            source, f"schemaVersion is {describe(document.get('schemaVersion'))}, not {_SCHEMA_VERSION}"
        )
    files = tuple(_parse_file(value, source) for value in as_list(document.get("files"), source, "files"))
    absent = frozenset(
        _parse_role(as_object(value, source, "absent").get("role"), source)
        for value in as_list(document.get("absent"), source, "absent")
    )
    if extra := sorted(role.value for role in absent - OPTIONAL.keys()):
        raise MalformedData(source, f"{extra[0]} can never be absent")
    index = EvidenceIndex(tuple(sorted(files, key=lambda file: file.path)), absent)
    if render_index(index) != data:
        raise MalformedData(source, "is not as `provenance` writes it: it was changed")
    return index


def _parse_file(value: Any, source: str) -> EvidenceFile:
    entry = as_object(value, source, "a file")
    path = as_text(entry.get("path"), source, "path")
    role = _parse_role(entry.get("role"), source)
    if role_of(path) is not role:
        raise MalformedData(source, f"{shorten(path)} cannot be {role.value}")
    size = as_count(entry.get("sizeBytes"), source, "sizeBytes")
    return EvidenceFile(path, role, size, as_text(entry.get("sha256"), source, "sha256"))


def _parse_role(value: Any, source: str) -> Role:
    text = as_text(value, source, "role")
    found = next((role for role in Role if role.value == text), None)
    if found is None:
        raise MalformedData(source, f"{shorten(text)} is not a role of evidence")
    return found


def describe_file(folder: Path, path: str, role: Role) -> EvidenceFile:
    """The file as it lies there. Raises OSError."""
    with open_file(folder / path, follow_links=False) as stream:
        size = os.fstat(stream.fileno()).st_size
        return EvidenceFile(path, role, size, hashlib.file_digest(stream, "sha256").hexdigest())


def read_content(folder: Path) -> FolderContent:
    """Every file of the folder, hashed; no link is followed. MalformedData where the folder cannot be read."""
    files, signatures, strangers = [], [], []
    for count, (path, mode) in enumerate(_walk(folder, "")):
        if count > _MOST_FILES:
            raise MalformedData(str(folder), f"has more than {_MOST_FILES:,} files")
        role = role_of(path)
        if not stat.S_ISREG(mode):
            strangers.append((path, "is not a regular file"))
        elif path == INDEX:
            continue
        elif path.startswith(f"{SIGNATURES}/"):
            signatures.append(path)
        elif role is None:
            strangers.append((path, "has no place in a folder of evidence"))
        else:
            try:
                files.append(describe_file(folder, path, role))
            except OSError as error:
                strangers.append((path, f"cannot be read: {error.strerror}"))
    return FolderContent(
        tuple(sorted(files, key=lambda file: file.path)), tuple(sorted(signatures)), tuple(sorted(strangers))
    )


def _walk(folder: Path, below: str) -> Iterator[tuple[str, int]]:
    try:
        entries = sorted(os.scandir(folder / below), key=lambda entry: entry.name)
    except OSError as error:
        raise MalformedData(str(folder / below), f"cannot be read: {error.strerror}") from None
    for entry in entries:
        path = f"{below}/{entry.name}" if below else entry.name
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(folder, path)
        else:
            yield path, entry.stat(follow_symlinks=False).st_mode


def differences(index: EvidenceIndex, content: FolderContent) -> Iterator[tuple[str, str]]:
    """Each file that is not what the index says, and why."""
    found = {file.path: file for file in content.files}
    yield from content.strangers
    for stated in index.files:
        file = found.pop(stated.path, None)
        if file is None:
            yield stated.path, "is missing"
        elif file.sha256 != stated.sha256 or file.size_bytes != stated.size_bytes:
            yield stated.path, f"was changed: its SHA-256 is {file.sha256[:16]}…, not {stated.sha256[:16]}…"
    for path in found:
        yield path, f"is not in {INDEX}"
