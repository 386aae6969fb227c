"""OCI layouts of several layers with bytes that do not compress: nothing in them runs, they are pushed and read."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import random
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any


def content(seed: int, size: int) -> bytes:
    return random.Random(seed).randbytes(size)


def write_layered(
    folder: Path,
    layers: Sequence[bytes],
    *,
    architecture: str = "amd64",
    labels: Mapping[str, str] | None = None,
    compress: bool = True,
) -> Path:
    """A layout with one image; each of `layers` is the one file of a layer."""
    blobs = folder / "blobs" / "sha256"
    blobs.mkdir(parents=True)

    def add(data: bytes, media_type: str) -> dict[str, Any]:
        digest = hashlib.sha256(data).hexdigest()
        (blobs / digest).write_bytes(data)
        return {"mediaType": f"application/vnd.oci.image.{media_type}", "digest": f"sha256:{digest}", "size": len(data)}

    entries, diff_ids = [], []
    for number, data in enumerate(layers):
        stream = io.BytesIO()
        with tarfile.open(fileobj=stream, mode="w") as archive:
            entry = tarfile.TarInfo(f"layer-{number}")
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
        tar = stream.getvalue()
        diff_ids.append(f"sha256:{hashlib.sha256(tar).hexdigest()}")
        blob = gzip.compress(tar, 1, mtime=0) if compress else tar
        entries.append(add(blob, "layer.v1.tar+gzip" if compress else "layer.v1.tar"))
    config = {
        "architecture": architecture,
        "os": "linux",
        "config": {"User": "65532:65532", "Labels": dict(labels or {})},
        "rootfs": {"type": "layers", "diff_ids": diff_ids},
    }
    manifest = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": add(json.dumps(config).encode(), "config.v1+json"),
        "layers": entries,
    }
    top = add(json.dumps(manifest).encode(), "manifest.v1+json")
    (folder / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')
    (folder / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [top]}))
    return folder


def digests_of(folder: Path) -> tuple[str, list[str]]:
    """The manifest's digest and those of the layers."""
    top = json.loads((folder / "index.json").read_text())["manifests"][0]["digest"]
    manifest = json.loads((folder / "blobs/sha256" / top.removeprefix("sha256:")).read_text())
    return top, [layer["digest"] for layer in manifest["layers"]]
