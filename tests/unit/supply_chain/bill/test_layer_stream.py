from __future__ import annotations

import gzip
import hashlib
import io
from pathlib import Path

import pytest

from nanna_ci.containers.image.blob import Blob, digest_of
from nanna_ci.foundation.errors import MalformedData
from nanna_ci.supply_chain.bill.layer_stream import LayerStream, open_layer

DATA = bytes(range(256)) * 1024


def test_reading_forward_and_a_few_bytes_back_gives_the_bytes_and_the_digest_of_all() -> None:
    stream = LayerStream(io.BytesIO(DATA), "layer")
    assert stream.read(512) == DATA[:512]
    assert stream.seek(511) == 511
    assert stream.read(2) == DATA[511:513]
    assert stream.seek(200_000) == 200_000
    assert stream.read(10) == DATA[200_000:200_010]
    assert stream.tell() == 200_010
    assert stream.finish() == f"sha256:{hashlib.sha256(DATA).hexdigest()}"


def test_the_end_is_the_end() -> None:
    stream = LayerStream(io.BytesIO(DATA), "layer")
    assert stream.seek(len(DATA) + 10) == len(DATA)
    assert stream.read(1) == b""


@pytest.mark.parametrize("size", [-1, 16 * 1024 * 1024 + 1])
def test_a_header_that_claims_too_much_is_refused(size: int) -> None:
    with pytest.raises(MalformedData, match="a header claims"):
        LayerStream(io.BytesIO(DATA), "layer").read(size)


def test_far_back_cannot_be_read() -> None:
    stream = LayerStream(io.BytesIO(DATA), "layer")
    stream.seek(len(DATA))
    with pytest.raises(MalformedData, match="from its beginning to its end"):
        stream.seek(0)


def test_what_unpacks_to_too_much_is_refused() -> None:
    with pytest.raises(MalformedData, match="more than 1,000 bytes"):
        LayerStream(io.BytesIO(DATA), "layer", 1000).finish()


@pytest.mark.parametrize(
    "broken",
    [b"no gzip", gzip.compress(DATA, mtime=0)[:-20], gzip.compress(DATA, mtime=0)[:100] + bytes(400)],
    ids=["not gzip", "cut short", "damaged"],
)
def test_what_cannot_be_unpacked_is_refused(tmp_path: Path, broken: bytes) -> None:
    blobs = tmp_path / "blobs" / "sha256"
    blobs.mkdir(parents=True)
    digest = digest_of(broken)
    (blobs / digest.removeprefix("sha256:")).write_bytes(broken)
    blob = Blob("application/vnd.oci.image.layer.v1.tar+gzip", digest, len(broken))
    stream = open_layer(tmp_path, blob)
    assert stream is not None
    with stream, pytest.raises(MalformedData, match="cannot be unpacked"):
        stream.finish()
