"""The tar of an image's layer, unpacked as it is read: bounded, hashed whole, and never kept in memory or on disk."""

from __future__ import annotations

import gzip
import hashlib
import io
import zlib
from pathlib import Path
from typing import BinaryIO, Final, cast

from nanna_ci.containers.image.blob import Blob
from nanna_ci.foundation.errors import MalformedData
from nanna_ci.foundation.guarded_read import open_file

_CHUNK_BYTES: Final = 1024 * 1024
_TAIL_BYTES: Final = 64 * 1024
_LONGEST_READ: Final = 16 * 1024 * 1024  # a header that claims more is no header
MOST_BYTES: Final = 256 * 1024 * 1024 * 1024
_MOST_RATIO: Final = 1100  # deflate's own limit is 1032


class LayerStream(io.RawIOBase):
    """A file object for `tarfile`, which reads forward, and now and then a few bytes back.

    `finish` reads the rest and gives the diff ID, the digest of the tar. Raises MalformedData where unpacking fails.
    """

    def __init__(self, stream: BinaryIO, source: str, limit_bytes: int = MOST_BYTES, *below: BinaryIO) -> None:
        """`below` are the files that `stream` reads, to be closed with it."""
        super().__init__()
        self._stream = stream
        self._below = below
        self._source = source
        self._limit_bytes = limit_bytes
        self._hash = hashlib.sha256()
        self._read_bytes = 0
        self._position = 0
        self._tail = b""

    def close(self) -> None:
        """Closes all that it reads too."""
        for stream in (self._stream, *self._below):
            stream.close()
        super().close()

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Forward to anywhere (what is passed is read and hashed), back as far as the last bytes are kept."""
        if whence != io.SEEK_SET or offset < self._read_bytes - len(self._tail):
            raise MalformedData(self._source, "is not a tar that can be read from its beginning to its end")
        while self._read_bytes < offset:
            if not self._advance(min(_CHUNK_BYTES, offset - self._read_bytes)):
                break
        self._position = min(offset, self._read_bytes)
        return self._position

    def read(self, size: int = -1) -> bytes:
        """At most `size` bytes; fewer only at the end."""
        if not 0 <= size <= _LONGEST_READ:
            raise MalformedData(self._source, f"a header claims {size:,} bytes")
        behind = self._read_bytes - self._position
        data = self._tail[len(self._tail) - behind :][:size] if behind else b""
        parts = [data]
        left = size - len(data)
        while left and (chunk := self._advance(left)):
            parts.append(chunk)
            left -= len(chunk)
        whole = b"".join(parts)
        self._position += len(whole)
        return whole

    def finish(self) -> str:
        """The digest of all of it."""
        while self._advance(_CHUNK_BYTES):
            pass
        return f"sha256:{self._hash.hexdigest()}"

    def _advance(self, size: int) -> bytes:
        try:
            data = self._stream.read(size)
        except (OSError, EOFError, zlib.error) as error:
            raise MalformedData(self._source, f"cannot be unpacked: {error}") from error
        self._hash.update(data)
        self._read_bytes += len(data)
        if self._read_bytes > self._limit_bytes:
            raise MalformedData(self._source, f"unpacks to more than {self._limit_bytes:,} bytes")
        self._tail = (self._tail + data)[-_TAIL_BYTES:] if len(data) < _TAIL_BYTES else data[-_TAIL_BYTES:]
        return data


def open_layer(layout: Path, layer: Blob) -> LayerStream | None:
    """The layer's tar; None where its compression cannot be read here.

    Python's standard library has no zstd before 3.14.
    """
    file = layout / "blobs" / "sha256" / layer.digest.removeprefix("sha256:")
    source = f"layer {layer.digest}"
    limit = min(MOST_BYTES, layer.size_bytes * _MOST_RATIO + _CHUNK_BYTES)
    if layer.media_type.endswith("+zstd"):
        return None
    stream = open_file(file, follow_links=False)
    if layer.media_type.endswith("+gzip"):
        return LayerStream(cast(BinaryIO, gzip.GzipFile(fileobj=stream)), source, limit, stream)
    return LayerStream(stream, source, limit)
