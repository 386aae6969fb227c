"""Nix archives (NAR): the one serialisation of a file tree that Nix hashes (nix: src/libutil/archive.cc)."""

from __future__ import annotations

import enum
import hashlib
import os
import stat
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from nanna_ci.foundation.errors import MalformedData, shorten
from nanna_ci.foundation.guarded_read import open_file
from nanna_ci.store.hashes import NixHash

if TYPE_CHECKING:
    from hashlib import _Hash

_CHUNK_BYTES: Final = 1024 * 1024


class NarKind(enum.Enum):
    """What a NAR can hold. Of a file's mode only the owner's right to execute it counts."""

    REGULAR = "regular"
    EXECUTABLE = "executable"
    SYMLINK = "symlink"
    DIRECTORY = "directory"


@dataclass(frozen=True, slots=True)
class NarEntry:
    """One file of a tree: `path` is relative, with `/`, and empty for the root. `target` is a symlink's."""

    path: str
    kind: NarKind
    size_bytes: int = 0
    target: str = ""

    @property
    def is_file(self) -> bool:
        """Whether it has content."""
        return self.kind in (NarKind.REGULAR, NarKind.EXECUTABLE)


@dataclass(frozen=True, slots=True)
class NarDigest:
    """The hash and the size of a NAR, as `nix path-info` has them."""

    hash: NixHash
    size_bytes: int


def list_tree(root: Path) -> tuple[NarEntry, ...]:
    """Every file at and below `root`, in no order. MalformedData for what no NAR can hold, such as a device."""
    return tuple(_listed(root, ""))


def _listed(place: Path, path: str) -> Iterator[NarEntry]:
    status = place.lstat()
    if stat.S_ISLNK(status.st_mode):
        yield NarEntry(path, NarKind.SYMLINK, target=str(place.readlink()))
    elif stat.S_ISREG(status.st_mode):
        kind = NarKind.EXECUTABLE if status.st_mode & stat.S_IXUSR else NarKind.REGULAR
        yield NarEntry(path, kind, status.st_size)
    elif stat.S_ISDIR(status.st_mode):
        yield NarEntry(path, NarKind.DIRECTORY)
        for child in place.iterdir():
            yield from _listed(child, f"{path}/{child.name}" if path else child.name)
    else:
        raise MalformedData(str(place), "is neither a file, a folder nor a symbolic link")


def hash_tree(root: Path) -> NarDigest:
    """The NAR of what lies at `root`. Raises MalformedData, and OSError where it cannot be read."""
    return hash_nar(list_tree(root), lambda entry: read_chunks(root / entry.path if entry.path else root), str(root))


def read_chunks(place: Path) -> Iterator[bytes]:
    """The content of a regular file, no link followed. Raises OSError."""
    with open_file(place, follow_links=False) as stream:
        while data := stream.read(_CHUNK_BYTES):
            yield data


def hash_nar(entries: Iterable[NarEntry], content: Callable[[NarEntry], Iterable[bytes]], source: str) -> NarDigest:
    """The NAR of a tree that is listed, without a byte of it in memory at once. `content` gives each file's bytes.

    Raises MalformedData where the entries are no tree, or a file has another size than is stated.
    """
    ordered = sorted(((_parts(entry.path, source), entry) for entry in entries), key=lambda pair: pair[0])
    if not ordered or ordered[0][0]:
        raise MalformedData(source, "a tree without a root")
    archive = _Archive(source)
    archive.texts(b"nix-archive-1")
    folders: list[tuple[bytes, ...]] = []
    last: tuple[bytes, ...] | None = None
    for parts, entry in ordered:
        if parts == last:
            raise MalformedData(source, f"{shorten(entry.path)} occurs twice")
        last = parts
        while folders and parts[: len(folders[-1])] != folders[-1]:
            archive.close_node(folders.pop())
        if parts:
            if not folders or folders[-1] != parts[:-1]:
                raise MalformedData(source, f"{shorten(entry.path)} lies in no folder of the tree")
            archive.texts(b"entry", b"(", b"name", parts[-1], b"node")
        archive.open_node(entry, content)
        if entry.kind is NarKind.DIRECTORY:
            folders.append(parts)
        else:
            archive.close_node(parts)
    while folders:
        archive.close_node(folders.pop())
    return archive.digest()


def _parts(path: str, source: str) -> tuple[bytes, ...]:
    if not path:
        return ()
    parts = tuple(os.fsencode(part) for part in path.split("/"))
    if any(part in {b"", b".", b".."} or b"\0" in part for part in parts):
        raise MalformedData(source, f"{shorten(path)} is not the path of a file in a tree")
    return parts


class _Archive:
    """What is hashed, in the order of a NAR: every string with its length before it, padded to eight bytes."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._hash: _Hash = hashlib.sha256()
        self._size = 0

    def _add(self, data: bytes) -> None:
        self._hash.update(data)
        self._size += len(data)

    def texts(self, *texts: bytes) -> None:
        for text in texts:
            self._add(len(text).to_bytes(8, "little") + text + bytes(-len(text) % 8))

    def open_node(self, entry: NarEntry, content: Callable[[NarEntry], Iterable[bytes]]) -> None:
        self.texts(b"(", b"type")
        if entry.kind is NarKind.SYMLINK:
            self.texts(b"symlink", b"target", os.fsencode(entry.target))
        elif entry.kind is NarKind.DIRECTORY:
            self.texts(b"directory")
        else:
            self.texts(b"regular", *((b"executable", b"") if entry.kind is NarKind.EXECUTABLE else ()), b"contents")
            self._content(entry, content(entry))

    def _content(self, entry: NarEntry, chunks: Iterable[bytes]) -> None:
        self._add(entry.size_bytes.to_bytes(8, "little"))
        read = 0
        for chunk in chunks:
            read += len(chunk)
            if read > entry.size_bytes:
                break
            self._add(chunk)
        if read != entry.size_bytes:
            raise MalformedData(
                self._source, f"{shorten(entry.path)} has other than the {entry.size_bytes} bytes stated"
            )
        self._add(bytes(-entry.size_bytes % 8))

    def close_node(self, parts: tuple[bytes, ...]) -> None:
        """The end of a node, and below the root of the entry around it."""
        self.texts(b")", *((b")",) if parts else ()))

    def digest(self) -> NarDigest:
        return NarDigest(NixHash("sha256", self._hash.digest()), self._size)
