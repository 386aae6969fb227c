"""An OCI layout as the tar that `docker load` reads, made as it is read: an image may be larger than the memory."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from nanna_ci.containers.image.oci_layout import INDEX_TYPE, Layout

_CHUNK_BYTES: Final = 1024 * 1024


def archive_chunks(layout: Layout, tag: str) -> Iterator[bytes]:
    """The tar, as `docker save` writes it: manifest.json is for docker's own store, index.json for containerd's."""
    yield from _data("oci-layout", b'{"imageLayoutVersion":"1.0.0"}')
    yield from _data("index.json", _index(layout, tag))
    layers = [_name(layer.digest) for layer in layout.layers]
    entry = {"Config": _name(layout.config_digest), "RepoTags": [tag], "Layers": layers}
    yield from _data("manifest.json", json.dumps([entry]).encode())
    for digest in dict.fromkeys(
        (layout.manifest.digest, layout.config_digest, *(blob.digest for blob in layout.layers))
    ):
        yield from _file(_name(digest), layout.path / _name(digest))
    yield bytes(2 * tarfile.BLOCKSIZE)


def _index(layout: Layout, tag: str) -> bytes:
    entry = {
        "mediaType": layout.manifest.media_type,
        "digest": layout.manifest.digest,
        "size": layout.manifest.size_bytes,
        "annotations": {"io.containerd.image.name": tag, "org.opencontainers.image.ref.name": tag.rpartition(":")[2]},
    }
    return json.dumps({"schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": [entry]}).encode()


def _name(digest: str) -> str:
    return f"blobs/sha256/{digest.removeprefix('sha256:')}"


def _data(name: str, data: bytes) -> Iterator[bytes]:
    yield _header(name, len(data))
    yield data
    yield _padding(len(data))


def _file(name: str, path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        size = path.stat().st_size
        yield _header(name, size)
        while chunk := file.read(_CHUNK_BYTES):
            yield chunk
        yield _padding(size)


def _header(name: str, size: int) -> bytes:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = size, 0o644
    return entry.tobuf(tarfile.PAX_FORMAT)


def _padding(size: int) -> bytes:
    return bytes(-size % tarfile.BLOCKSIZE)
