"""The output of a derivation as a list of its files, whose bytes lie elsewhere in the folder of evidence.

An executable is there once, as a release artifact, and an image once, as its layout: the list says where, and the NAR
of the output is put together from both, to be hashed again without a store.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from nanna_ci.foundation.errors import MalformedData, shorten
from nanna_ci.foundation.json_data import (
    JsonObject,
    JsonValue,
    as_count,
    as_list,
    as_object,
    as_text,
    as_texts,
    load_json,
)
from nanna_ci.store.hashes import NixHash, parse_hash
from nanna_ci.store.nar import NarDigest, NarEntry, NarKind, hash_nar, read_chunks
from nanna_ci.store.store_path import StorePath, parse_store_path
from nanna_ci.supply_chain.evidence.roles import role_of

_SHA256: Final = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class ListedFile:
    """A file of an output: what the NAR says of it, and for content its SHA-256 and where in the folder that lies."""

    entry: NarEntry
    sha256: str = ""
    place: str = ""


@dataclass(frozen=True, slots=True)
class OutputListing:
    """An output: its store path, the derivation and the output's name there, the NAR's hash, what it refers to."""

    path: StorePath
    derivation: StorePath
    output: str
    nar: NarDigest
    references: tuple[StorePath, ...]
    files: tuple[ListedFile, ...]


def render_listing(listing: OutputListing) -> Mapping[str, Any]:
    """The listing as JSON."""
    return {
        "schemaVersion": 1,
        "storePath": str(listing.path),
        "derivation": str(listing.derivation),
        "output": listing.output,
        "narHash": str(listing.nar.hash),
        "narSize": listing.nar.size_bytes,
        "references": [str(path) for path in listing.references],
        "files": [_file_to_json(file) for file in sorted(listing.files, key=lambda file: file.entry.path)],
    }


def _file_to_json(file: ListedFile) -> dict[str, Any]:
    entry: dict[str, Any] = {"path": file.entry.path, "kind": file.entry.kind.value}
    if file.entry.kind is NarKind.SYMLINK:
        entry["target"] = file.entry.target
    elif file.entry.is_file:
        entry |= {"sizeBytes": file.entry.size_bytes, "sha256": file.sha256, "file": file.place}
    return entry


def parse_listing(data: bytes, source: str) -> OutputListing:
    """Read what `render_listing` made. MalformedData for anything else, a place outside of the folder included."""
    document = as_object(load_json(data, source), source, "the listing")
    nar_hash: NixHash = parse_hash(as_text(document.get("narHash"), source, "narHash"), source)
    return OutputListing(
        path=_path(document, "storePath", source),
        derivation=_path(document, "derivation", source),
        output=as_text(document.get("output"), source, "output"),
        nar=NarDigest(nar_hash, as_count(document.get("narSize"), source, "narSize")),
        references=tuple(
            parse_store_path(text, source) for text in as_texts(document.get("references"), source, "references")
        ),
        files=tuple(_parse_file(value, source) for value in as_list(document.get("files"), source, "files")),
    )


def _path(document: JsonObject, key: str, source: str) -> StorePath:
    return parse_store_path(as_text(document.get(key), source, key), f"{source}: {key}")


def _parse_file(value: JsonValue, source: str) -> ListedFile:
    data = as_object(value, source, "a file")
    path, kind_name = as_text(data.get("path"), source, "path"), as_text(data.get("kind"), source, "kind")
    kind = next((kind for kind in NarKind if kind.value == kind_name), None)
    if kind is None:
        raise MalformedData(source, f"{shorten(path)} is {shorten(kind_name)}, which no archive of Nix holds")
    if kind is NarKind.SYMLINK:
        return ListedFile(NarEntry(path, kind, target=as_text(data.get("target"), source, "target")))
    if kind is NarKind.DIRECTORY:
        return ListedFile(NarEntry(path, kind))
    place, digest = as_text(data.get("file"), source, "file"), as_text(data.get("sha256"), source, "sha256")
    if role_of(place) is None or _SHA256.fullmatch(digest) is None:
        raise MalformedData(source, f"{shorten(path)} lies at {shorten(place)}, which is no place for its content")
    size = as_count(data.get("sizeBytes"), source, "sizeBytes")
    return ListedFile(NarEntry(path, kind, size), digest, place)


def hash_listing(listing: OutputListing, folder: Path, source: str) -> NarDigest:
    """The NAR put together again. MalformedData where a file is missing or has another size."""
    places = {file.entry.path: folder / file.place for file in listing.files if file.entry.is_file}

    def content(entry: NarEntry) -> Iterable[bytes]:
        try:
            yield from read_chunks(places[entry.path])
        except OSError as error:
            raise MalformedData(str(places[entry.path]), f"cannot be read: {error.strerror}") from None

    return hash_nar((file.entry for file in listing.files), content, source)


def list_output(entries: Iterable[NarEntry], locate: Callable[[NarEntry], tuple[str, str]]) -> tuple[ListedFile, ...]:
    """The files of a tree; `locate` gives the SHA-256 of a file's content, and its place in the folder."""
    return tuple(ListedFile(entry, *locate(entry)) if entry.is_file else ListedFile(entry) for entry in entries)
