"""Image layers as OCI blobs: the same bytes whenever, wherever and by whomever they are made."""

import hashlib
import io
import json
import tarfile
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

BLOCK_BYTES = 1 << 20
GZIP = 16 + zlib.MAX_WBITS
PLAIN_LAYER = "application/vnd.oci.image.layer.v1.tar"


@dataclass(frozen=True)
class Entry:
    """One path of an image: a symbolic link to `link`, a file with what `source` has or is, else a folder."""

    path: str
    source: Path | bytes | None = None
    link: str | None = None
    mode: int = 0o755


class Sink(io.RawIOBase):
    """What a tar is written to: a file, compressed or not, hashed on both sides."""

    def __init__(self, file: BinaryIO, *, compress: bool) -> None:
        self.file = file
        # no file name, no time: only the bytes and zlib's version count
        self.packer = zlib.compressobj(6, zlib.DEFLATED, GZIP) if compress else None
        self.plain, self.blob, self.size = hashlib.sha256(), hashlib.sha256(), 0

    def write(self, data: Any, /) -> int:
        self.plain.update(data)
        self._put(self.packer.compress(data) if self.packer else data)
        return len(data)

    def finish(self) -> None:
        if self.packer:
            self._put(self.packer.flush())

    def _put(self, data: bytes) -> None:
        self.blob.update(data)
        self.size += len(data)
        self.file.write(data)


def entries_below(folder: Path) -> Iterable[Entry]:
    """Everything below a folder, at the image's root. An executable stays one; no other permission is taken over."""
    for path in sorted(folder.rglob("*")):
        name = "/" + str(path.relative_to(folder))
        if path.is_symlink():
            yield Entry(name, link=str(path.readlink()))
        elif path.is_dir():
            yield Entry(name)
        else:
            yield Entry(name, source=path, mode=0o755 if path.stat().st_mode & 0o111 else 0o644)


def with_parents(entries: Iterable[Entry]) -> list[Entry]:
    """The entries in order of their paths, with every folder above them. Of two for one path the first counts."""
    by_path: dict[str, Entry] = {}
    for entry in entries:
        by_path.setdefault(entry.path, entry)
    for path in list(by_path):
        for parent in Path(path).parents:
            if str(parent) != "/":
                by_path.setdefault(str(parent), Entry(str(parent)))
    return [by_path[path] for path in sorted(by_path)]


def write_layer(entries: Iterable[Entry], out: Path, *, created_by: str, compress: bool = True) -> None:
    """out/blob and out/layer.json, which says its media type, digest, size, and the digest of the tar inside."""
    out.mkdir()
    with (out / "blob").open("wb") as file:
        sink = Sink(file, compress=compress)
        with tarfile.open(fileobj=sink, mode="w|", format=tarfile.PAX_FORMAT, bufsize=BLOCK_BYTES) as tar:
            for entry in with_parents(entries):
                add(tar, entry)
        sink.finish()
    description = {
        "mediaType": PLAIN_LAYER + ("+gzip" if compress else ""),
        "digest": f"sha256:{sink.blob.hexdigest()}",
        "size": sink.size,
        "diffId": f"sha256:{sink.plain.hexdigest()}",
        "createdBy": created_by,
    }
    (out / "layer.json").write_text(json.dumps(description, indent=2) + "\n")


def add(tar: tarfile.TarFile, entry: Entry) -> None:
    """One entry, owned by root, without a time: only its name, kind, permissions and bytes."""
    info = tarfile.TarInfo(entry.path.lstrip("/"))
    info.mode = entry.mode
    if entry.link is not None:
        info.type, info.linkname, info.mode = tarfile.SYMTYPE, entry.link, 0o777
        tar.addfile(info)
    elif entry.source is None:
        info.type = tarfile.DIRTYPE
        tar.addfile(info)
    elif isinstance(entry.source, bytes):
        info.size = len(entry.source)
        tar.addfile(info, io.BytesIO(entry.source))
    else:
        with entry.source.open("rb") as file:
            info.size = entry.source.stat().st_size
            tar.addfile(info, file)
