"""Gzip over several processors, with the same bytes whatever their number.

The input is cut into blocks of fixed size. Each is deflated on its own, with the 32 KiB before it as dictionary, and
ends on a byte boundary, so that their concatenation is one ordinary deflate stream (pigz does the same). zlib lets
go of Python's lock while it works. The bytes depend on zlib's version, as those of any gzip do.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import BinaryIO, Final, Self

LEVEL: Final = 6
BLOCK_BYTES: Final = 256 * 1024
_WINDOW_BYTES: Final = 32 * 1024
_HEADER: Final = b"\x1f\x8b\x08\x00" + b"\0\0\0\0" + b"\x00\xff"  # no name, no time, no operating system
_MOST_WORKERS: Final = 8


def usable_processors() -> int:
    """How many processors this process may use, at most eight."""
    try:
        count = len(os.sched_getaffinity(0))
    except AttributeError:  # not Linux
        count = os.cpu_count() or 1
    return min(count, _MOST_WORKERS)


class GzipWriter:
    """Writes what it is given to `sink`, compressed. Use as a context; the stream is whole after `finish`.

    Memory: some blocks for each worker, whatever the input's size.
    """

    def __init__(self, sink: BinaryIO, workers: int) -> None:
        self._sink = sink
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="deflate")
        self._ahead = 2 * workers
        self._pending: deque[Future[bytes]] = deque()
        self._block = bytearray()
        self._window = b""
        self._crc = 0
        self._size = 0
        sink.write(_HEADER)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._pool.shutdown(cancel_futures=True)

    def write(self, data: bytes) -> None:
        """Take the next bytes; waits while too many blocks are in progress."""
        self._block += data
        while len(self._block) > BLOCK_BYTES:  # a full block stays: it may be the last
            block = bytes(self._block[:BLOCK_BYTES])
            del self._block[:BLOCK_BYTES]
            self._submit(block, last=False)

    def finish(self) -> None:
        """Compress the rest and write the trailer."""
        self._submit(bytes(self._block), last=True)
        while self._pending:
            self._sink.write(self._pending.popleft().result())
        self._sink.write(struct.pack("<II", self._crc, self._size & 0xFFFFFFFF))

    def _submit(self, block: bytes, *, last: bool) -> None:
        self._crc = zlib.crc32(block, self._crc)
        self._size += len(block)
        self._pending.append(self._pool.submit(_deflate, block, self._window, last))
        self._window = block[-_WINDOW_BYTES:]
        if len(self._pending) > self._ahead:
            self._sink.write(self._pending.popleft().result())


def _deflate(block: bytes, window: bytes, last: bool) -> bytes:
    packer = zlib.compressobj(LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS, zdict=window)
    return packer.compress(block) + packer.flush(zlib.Z_FINISH if last else zlib.Z_SYNC_FLUSH)
