"""The release archive: a plain ustar in gzip, the same bytes for the same members, and its strict reader.

The reader takes only what the writer makes. It is run over every archive after it was written, and refuses whatever a
hostile archive may hold: links, devices, names that lead elsewhere, unexpected members, sizes beyond what was stated.
"""

from __future__ import annotations

import hashlib
import tarfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from gzip import GzipFile
from typing import BinaryIO, Final

from nanna_ci.binaries.names import check_distinct, check_member_path
from nanna_ci.foundation.errors import MalformedData

LARGEST_MEMBER_BYTES: Final = 8 * 1024**3 - 1  # what eleven octal digits hold
LONGEST_PATH_BYTES: Final = 100
_CHUNK_BYTES: Final = 256 * 1024
_LEVEL: Final = 6  # gzip's own default
_MOST_PADDING_BYTES: Final = 2 * tarfile.BLOCKSIZE + tarfile.RECORDSIZE - 1
_EMPTY_BLOCK: Final = bytes(tarfile.BLOCKSIZE)
_TYPES: Final = {
    tarfile.LNKTYPE: "a hard link",
    tarfile.SYMTYPE: "a symbolic link",
    tarfile.CHRTYPE: "a character device",
    tarfile.BLKTYPE: "a block device",
    tarfile.FIFOTYPE: "a FIFO",
    tarfile.DIRTYPE: "a folder",
}


@dataclass(frozen=True, slots=True)
class Member:
    """A file in the archive: `folder/name`, its size, and the SHA-256 of its bytes in hexadecimal."""

    path: str
    size_bytes: int
    sha256: str


def open_gzip(sink: BinaryIO) -> GzipFile:
    """A gzip stream into `sink`, without a name or a time. As with any gzip, its bytes depend on zlib's version."""
    return GzipFile(filename="", mode="wb", compresslevel=_LEVEL, fileobj=sink, mtime=0)


class ArchiveWriter:
    """Writes members in the order given: mode 755, user and group 0, time 0."""

    def __init__(self, gzip: GzipFile) -> None:
        self._gzip = gzip
        self._written = 0

    def add(self, path: str, size_bytes: int, chunks: Iterable[bytes]) -> None:
        """Add one executable of exactly `size_bytes`."""
        header = tarfile.TarInfo(path)
        header.size, header.mode = size_bytes, 0o755
        self._write(header.tobuf(tarfile.USTAR_FORMAT))
        for chunk in chunks:
            self._write(chunk)
        self._write(bytes(-size_bytes % tarfile.BLOCKSIZE))

    def finish(self) -> None:
        """End marker and padding, as tar writes them."""
        self._write(2 * _EMPTY_BLOCK)
        self._write(bytes(-self._written % tarfile.RECORDSIZE))

    def _write(self, data: bytes) -> None:
        self._gzip.write(data)
        self._written += len(data)


def verify_archive(stream: BinaryIO, expected: Iterable[Member], source: str) -> None:
    """Read an archive back and check it against what it must contain. Raises MalformedData.

    Reads no more than the expected sizes, so that a compression bomb ends early; memory stays small.
    """
    wanted = {member.path: member for member in expected}
    check_distinct(wanted, source)
    plain = _Inflated(stream, source)
    for _ in range(len(wanted)):
        header = _read_header(plain.read(tarfile.BLOCKSIZE), wanted, source)
        member = wanted.pop(header.name)
        digest = hashlib.sha256()
        for chunk in plain.chunks(member.size_bytes):
            digest.update(chunk)
        if digest.hexdigest() != member.sha256:
            raise MalformedData(source, f"the member {member.path!r} has other bytes than were put in")
        plain.read(-member.size_bytes % tarfile.BLOCKSIZE)
    plain.finish()


def _read_header(block: bytes, wanted: Mapping[str, Member], source: str) -> tarfile.TarInfo:
    try:
        header = tarfile.TarInfo.frombuf(block, "utf-8", "strict")
    except (tarfile.TarError, UnicodeDecodeError) as error:
        raise MalformedData(source, f"not a tar archive: {error}") from error
    if header.type != tarfile.REGTYPE:
        raise MalformedData(source, f"the member {header.name!r} is {_TYPES.get(header.type, 'no plain file')}")
    check_member_path(header.name, source)
    member = wanted.get(header.name)
    if member is None:
        raise MalformedData(source, f"the member {header.name!r} is there twice or was not expected")
    if header.size != member.size_bytes:
        raise MalformedData(source, f"the member {header.name!r} has {header.size} bytes, not {member.size_bytes}")
    if header.mode != 0o755:
        raise MalformedData(source, f"the member {header.name!r} has the mode {header.mode:o}")
    return header


class _Inflated:
    """The bytes inside one gzip stream, read on demand."""

    def __init__(self, stream: BinaryIO, source: str) -> None:
        self._stream = stream
        self._source = source
        self._decoder = zlib.decompressobj(zlib.MAX_WBITS | 16)

    def _some(self, most: int) -> bytes:
        """From 1 to `most` bytes, b"" at the end of the gzip stream."""
        while not self._decoder.eof:
            packed = self._decoder.unconsumed_tail or self._stream.read(_CHUNK_BYTES)
            try:
                data = self._decoder.decompress(packed, most)
            except zlib.error as error:
                raise MalformedData(self._source, f"not a gzip stream: {error}") from error
            if data:
                return data
            if not packed:
                raise MalformedData(self._source, "cut short")
        return b""

    def chunks(self, size: int) -> Iterator[bytes]:
        """Exactly `size` bytes, in pieces."""
        while size:
            data = self._some(min(size, _CHUNK_BYTES))
            if not data:
                raise MalformedData(self._source, "ends before its last member")
            size -= len(data)
            yield data

    def read(self, size: int) -> bytes:
        """Exactly `size` bytes."""
        return b"".join(self.chunks(size))

    def finish(self) -> None:
        """Refuse anything but the padding that ends an archive: more members, more streams, more bytes."""
        rest = self.read(2 * tarfile.BLOCKSIZE)
        while len(rest) <= _MOST_PADDING_BYTES and (data := self._some(_CHUNK_BYTES)):
            rest += data
        too_long = len(rest) > _MOST_PADDING_BYTES
        if too_long or any(rest) or self._decoder.unused_data or self._stream.read(1):
            raise MalformedData(self._source, "more in it than its members")
