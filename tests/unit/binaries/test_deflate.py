"""Gzip over several processors gives one ordinary gzip stream, the same for any number of them."""

from __future__ import annotations

import gzip
import io
import random
import threading

import pytest

from nanna_ci.binaries.deflate import BLOCK_BYTES, GzipWriter


def compressed(data: bytes, *, workers: int = 2, piece: int = 1 << 20) -> bytes:
    sink = io.BytesIO()
    with GzipWriter(sink, workers) as writer:
        for at in range(0, len(data), piece):
            writer.write(data[at : at + piece])
        writer.finish()
    return sink.getvalue()


def sample(size: int) -> bytes:
    """Bytes that compress like a program: repetitions near and far, noise in between."""
    rng = random.Random(size)
    noise = rng.randbytes(4096)
    return b"".join(noise[rng.randrange(4000) :][: rng.randrange(1, 900)] for _ in range(size // 400 + 1))[:size]


@pytest.mark.parametrize(
    "size", [0, 1, BLOCK_BYTES - 1, BLOCK_BYTES, BLOCK_BYTES + 1, 2 * BLOCK_BYTES, 5 * BLOCK_BYTES + 77]
)
def test_gzip_reads_back_what_was_written(size: int) -> None:
    assert gzip.decompress(compressed(sample(size))) == sample(size)


def test_the_bytes_do_not_depend_on_workers_or_on_how_the_input_comes() -> None:
    data = sample(3 * BLOCK_BYTES + 5)
    first = compressed(data)
    assert compressed(data, workers=1) == first
    assert compressed(data, workers=7) == first
    assert compressed(data, piece=1000) == first
    assert compressed(data, piece=BLOCK_BYTES) == first


def test_blocks_cost_less_than_one_percent() -> None:
    data = sample(8 * BLOCK_BYTES)
    assert len(compressed(data)) < 1.01 * len(gzip.compress(data, 6))


def test_the_header_has_no_name_time_or_system() -> None:
    assert compressed(b"x")[:10] == b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"


def test_no_thread_is_left_when_writing_fails() -> None:
    class Full(io.BytesIO):
        def write(self, data: object, /) -> int:
            if self.tell():
                raise OSError(28, "No space left on device")
            return super().write(data)  # type: ignore[arg-type]

    def fill() -> None:
        with GzipWriter(Full(), 2) as writer:
            for _ in range(50):
                writer.write(sample(BLOCK_BYTES))

    before = threading.active_count()
    with pytest.raises(OSError, match="No space"):
        fill()
    assert threading.active_count() == before
