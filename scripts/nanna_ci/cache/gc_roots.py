"""Root records of a cache in a folder: what a collection must keep, written by the pushes that put it there.

`FOLDER/nanna-ci-roots/KIND-NAME.json`: {"schemaVersion": 1, "kind", "name", "recordedS", "paths": [store path, …]}.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Final

from nanna_ci.foundation.errors import MalformedData, NannaError, UsageError, shorten
from nanna_ci.foundation.guarded_read import MEBIBYTE, read_file
from nanna_ci.foundation.json_data import as_count, as_object, as_text, as_texts, describe, load_json
from nanna_ci.report.files import write_atomic
from nanna_ci.store.store_path import StorePath, parse_store_path

ROOTS_FOLDER: Final = "nanna-ci-roots"
_SCHEMA_VERSION: Final = 1
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,127}")
_COMMIT: Final = re.compile(r"[0-9a-f]{7,64}")


class RootKind(Enum):
    """Why paths are kept: for a release, as the newest commits are, or until the pin is taken away."""

    RELEASE = "release"
    COMMIT = "commit"
    PIN = "pin"


@dataclass(frozen=True, slots=True)
class RootRecord:
    """Paths that are kept with their closures; `recorded_s` is Unix time."""

    kind: RootKind
    name: str
    recorded_s: int
    paths: tuple[StorePath, ...]

    @property
    def label(self) -> str:
        """`KIND:NAME`, as `parse_root_name` reads it."""
        return f"{self.kind.value}:{self.name}"

    @property
    def file_name(self) -> str:
        """Its file in the folder of records."""
        return f"{self.kind.value}-{self.name}.json"


def parse_root_name(text: str) -> tuple[RootKind, str]:
    """Read `KIND:NAME`, safe as the name of a file.

    Raises:
        UsageError: for anything else.
    """
    kind_text, separator, name = text.partition(":")
    kind = next((kind for kind in RootKind if kind.value == kind_text), None)
    if kind is None or not separator:
        raise UsageError(f"{shorten(text)} names no root", hint="commit:REVISION, release:TAG or pin:NAME")
    return kind, _check_name(kind, name)


def _check_name(kind: RootKind, name: str) -> str:
    if kind is RootKind.COMMIT and _COMMIT.fullmatch(name) is None:
        raise UsageError(f"{shorten(name)} is not a commit", hint="7 to 64 lower-case hexadecimal digits")
    if _NAME.fullmatch(name) is None:
        raise UsageError(f"{shorten(name)} is not a name of a root", hint="letters, digits and . _ + - , at most 128")
    return name


def parse_root_record(data: bytes, source: str) -> RootRecord:
    """Read a record's file.

    Raises:
        MalformedData: for anything that `write_root_record` would not write.
    """
    document = as_object(load_json(data, source), source, "the document")
    if document.get("schemaVersion") != _SCHEMA_VERSION:
        raise MalformedData(source, f"schemaVersion {describe(document.get('schemaVersion'))} is not known")
    label = f"{as_text(document.get('kind'), source, 'kind')}:{as_text(document.get('name'), source, 'name')}"
    try:
        kind, name = parse_root_name(label)
    except UsageError as error:
        raise MalformedData(source, error.message) from error
    return RootRecord(
        kind,
        name,
        as_count(document.get("recordedS"), source, "recordedS"),
        tuple(parse_store_path(text, source) for text in as_texts(document.get("paths"), source, "paths")),
    )


def write_root_record(folder: Path, record: RootRecord) -> Path:
    """Put a record into the cache's folder; its file.

    A commit or a release that is there already grows: each system pushes its own part. A pin is replaced.

    Raises:
        MalformedData: the record that is there cannot be read; it is left as it is.
    """
    path = folder / ROOTS_FOLDER / record.file_name
    earlier = () if record.kind is RootKind.PIN else _paths_in(path)
    document = {
        "schemaVersion": _SCHEMA_VERSION,
        "kind": record.kind.value,
        "name": record.name,
        "recordedS": record.recorded_s,
        "paths": [str(one) for one in sorted({*earlier, *record.paths})],
    }
    if path.parent.is_symlink():
        raise MalformedData(str(path.parent), "is a link: what is behind it is not part of the cache")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise NannaError(f"{path.parent}: cannot be made: {error.strerror}") from error
    write_atomic(path, (json.dumps(document, indent=2) + "\n").encode())
    return path


def _paths_in(path: Path) -> tuple[StorePath, ...]:
    try:
        return parse_root_record(_read(path), str(path)).paths
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise MalformedData(str(path), f"cannot be read: {error.strerror}") from error


def load_root_records(folder: Path) -> tuple[RootRecord, ...]:
    """All records of a cache's folder, by file name; none if there is no folder of records.

    Raises:
        MalformedData: one of them cannot be read, or is not what its name says: what to keep is then not known.
    """
    records = []
    for path in _record_files(folder / ROOTS_FOLDER):
        try:
            record = parse_root_record(_read(path), str(path))
        except OSError as error:
            raise MalformedData(str(path), f"cannot be read: {error.strerror}") from error
        if record.file_name != path.name:
            raise MalformedData(str(path), f"says that it is {record.label}")
        records.append(record)
    return tuple(records)


def _read(path: Path) -> bytes:
    return read_file(path, 64 * MEBIBYTE, follow_links=False, one_link=True)


def _record_files(folder: Path) -> list[Path]:
    if folder.is_symlink():
        raise MalformedData(str(folder), "is a link: what is behind it is not part of the cache")
    try:
        return sorted(path for path in folder.iterdir() if path.suffix == ".json")
    except FileNotFoundError:
        return []
    except OSError as error:
        raise MalformedData(str(folder), f"cannot be read: {error.strerror}") from error
