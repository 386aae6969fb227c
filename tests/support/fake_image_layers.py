"""Images in OCI layouts whose layers hold files of the test's choice."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

Files = Mapping[str, bytes]


def tar_of(files: Files, *, mode: int = 0o755) -> bytes:
    """A tar of plain files; a name that ends with a slash is a folder."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, data in files.items():
            entry = tarfile.TarInfo(name.rstrip("/"))
            entry.mode, entry.mtime, entry.size = mode, 1, len(data)
            entry.type = tarfile.DIRTYPE if name.endswith("/") else tarfile.REGTYPE
            archive.addfile(entry, io.BytesIO(data))
    return stream.getvalue()


def write_image(
    folder: Path,
    layers: Sequence[Files | bytes],
    *,
    compression: str = "gzip",
    architecture: str = "amd64",
    user: str | None = None,
    labels: Mapping[str, str] | None = None,
    diff_ids: Sequence[str] | None = None,
) -> Path:
    """A layout with one image. A layer is files, or the bytes of its tar."""
    blobs = folder / "blobs" / "sha256"
    blobs.mkdir(parents=True)

    def add(data: bytes, media_type: str) -> dict[str, Any]:
        digest = hashlib.sha256(data).hexdigest()
        (blobs / digest).write_bytes(data)
        return {"mediaType": f"application/vnd.oci.image.{media_type}", "digest": f"sha256:{digest}", "size": len(data)}

    entries, found = [], []
    for layer in layers:
        tar = layer if isinstance(layer, bytes) else tar_of(layer)
        found.append(f"sha256:{hashlib.sha256(tar).hexdigest()}")
        blob = gzip.compress(tar, 1, mtime=0) if compression == "gzip" else tar
        entries.append(add(blob, f"layer.v1.tar{f'+{compression}' if compression else ''}"))
    config = {
        "architecture": architecture,
        "os": "linux",
        "config": {**({} if user is None else {"User": user}), "Labels": dict(labels or {})},
        "rootfs": {"type": "layers", "diff_ids": list(diff_ids or found)},
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
