"""What is in an image's layer: store paths with their sizes, Debian packages, and programs with their crates."""

from __future__ import annotations

import contextlib
import hashlib
import posixpath
import tarfile
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Final, cast

from nanna_ci.binaries import elf
from nanna_ci.containers.image.blob import Blob
from nanna_ci.foundation.errors import MalformedData
from nanna_ci.store.store_path import STORE_DIR, StorePath, parse_base_name
from nanna_ci.supply_chain.bill.debian_packages import DebianPackage, parse_status
from nanna_ci.supply_chain.bill.layer_stream import open_layer
from nanna_ci.supply_chain.bill.program import Program, inspect_program

_MOST_ENTRIES: Final = 2_000_000
_MOST_PROGRAM_BYTES: Final = 2 * 1024 * 1024 * 1024
_IN_MEMORY_BYTES: Final = 32 * 1024 * 1024
_CHUNK_BYTES: Final = 1024 * 1024
_STATUS_BYTES: Final = 64 * 1024 * 1024
_STORE: Final = STORE_DIR.lstrip("/")
_STATUS: Final = "var/lib/dpkg/status"
_EXECUTE: Final = 0o111


@dataclass(slots=True)
class LayerContents:
    """A layer, read. `size_bytes` is that of its files, `store_paths` has the bytes below each path of the store.

    `unread` says why it could not be looked into; None where it was.
    """

    digest: str
    diff_id: str
    size_bytes: int = 0
    store_paths: dict[StorePath, int] = field(default_factory=dict)
    packages: list[DebianPackage] = field(default_factory=list)
    programs: list[Program] = field(default_factory=list)
    unread: str | None = None


def read_layer(layout: Path, layer: Blob, diff_id: str) -> LayerContents:
    """Read a layer from its beginning to its end.

    Raises:
        MalformedData: it is not a tar, is not what its diff ID says, or is larger than can be.
    """
    contents = LayerContents(layer.digest, diff_id)
    stream = open_layer(layout, layer)
    if stream is None:
        contents.unread = f"its compression ({layer.media_type.rpartition('+')[2]}) cannot be read here"
        return contents
    source = f"layer {layer.digest}"
    with contextlib.closing(stream):
        try:
            with tarfile.open(fileobj=cast(BinaryIO, stream), mode="r:") as archive:
                _read_entries(archive, contents, source)
        except tarfile.TarError as error:
            raise MalformedData(source, f"is not a tar: {error}") from error
        found = stream.finish()
    if found != diff_id:
        raise MalformedData(source, f"its tar is {found}, but the image's configuration says {diff_id}")
    return contents


def _read_entries(archive: tarfile.TarFile, contents: LayerContents, source: str) -> None:
    for number, entry in enumerate(_entries(archive)):
        if number >= _MOST_ENTRIES:
            raise MalformedData(source, f"more than {_MOST_ENTRIES:,} entries")
        name = posixpath.normpath(entry.name.lstrip("/"))
        store_path = _store_path_of(name, source)
        if store_path is not None:
            contents.store_paths.setdefault(store_path, 0)
        if not entry.isreg():
            continue
        contents.size_bytes += entry.size
        if store_path is not None:
            contents.store_paths[store_path] += entry.size
        stream = archive.extractfile(entry)
        if stream is None:
            continue
        with stream:
            if name == _STATUS or name.startswith(f"{_STATUS}.d/"):
                if entry.size > _STATUS_BYTES:
                    raise MalformedData(source, f"{name} has {entry.size:,} bytes")
                contents.packages += parse_status(stream.read(), f"{source}: {name}")
            elif entry.mode & _EXECUTE and entry.size <= _MOST_PROGRAM_BYTES:
                program = _read_program(cast(BinaryIO, stream), name, store_path, f"{source}: {name}")
                contents.programs += [program] if program is not None else []


def _entries(archive: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    """One after the other, none kept: a layer of a model server has millions of bytes of headers."""
    while (entry := archive.next()) is not None:
        archive.members.clear()  # type: ignore[attr-defined]  # not in typeshed
        yield entry


def _store_path_of(name: str, source: str) -> StorePath | None:
    if not name.startswith(f"{_STORE}/"):
        return None
    base_name = name.removeprefix(f"{_STORE}/").partition("/")[0]
    return None if base_name.startswith(".") else parse_base_name(base_name, source)


def _read_program(stream: BinaryIO, name: str, store_path: StorePath | None, source: str) -> Program | None:
    """A program, copied to where it can be read in any order; None for scripts and all else."""
    first = stream.read(len(elf.MAGIC))
    if first != elf.MAGIC:
        return None
    digest = hashlib.sha512(first)
    with tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY_BYTES, prefix="nanna-ci-layer-") as copy:
        copy.write(first)
        while data := stream.read(_CHUNK_BYTES):
            digest.update(data)
            copy.write(data)
        path = name if store_path is None else name.removeprefix(f"{_STORE}/{store_path.base_name}/")
        return inspect_program(cast(BinaryIO, copy), path, store_path, digest.hexdigest(), source)
