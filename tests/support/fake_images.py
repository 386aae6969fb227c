"""Small OCI layouts for tests: one static program, compiled from tests/data/containers/server.c, in one layer."""

from __future__ import annotations

import hashlib
import io
import json
import subprocess
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

SOURCE = Path(__file__).parents[1] / "data" / "containers" / "server.c"
CREATED = "1980-01-01T00:00:01Z"
COMPILERS = {"amd64": "gcc", "arm64": "aarch64-linux-gnu-gcc"}


def compile_server(folder: Path, architecture: str = "amd64") -> Path:
    """The program for a GOARCH, static, so that an image needs nothing else."""
    program = folder / f"server-{architecture}"
    subprocess.run(
        [COMPILERS[architecture], "-O1", "-static", "-s", "-w", "-Wl,--no-warnings", "-o", str(program), str(SOURCE)],
        check=True,
        capture_output=True,
        timeout=120,
    )
    return program


def write_layout(
    folder: Path,
    files: Mapping[str, bytes],
    *,
    entrypoint: Sequence[str],
    command: Sequence[str] = (),
    architecture: str = "amd64",
    port: int | None = 8080,
    user: str = "65534:65534",
    labels: Mapping[str, str] | None = None,
    config: Mapping[str, Any] | None = None,
    folders: Mapping[str, int] | None = None,
) -> Path:
    """An OCI layout with one layer that holds `files` (path without its first slash -> content), all executable.

    `folders` are made besides, each with its mode. Without a `port` it is not a server.
    """
    blobs = folder / "blobs" / "sha256"
    blobs.mkdir(parents=True)

    def add(data: bytes, media_type: str) -> dict[str, Any]:
        digest = hashlib.sha256(data).hexdigest()
        (blobs / digest).write_bytes(data)
        return {"mediaType": f"application/vnd.oci.image.{media_type}", "digest": f"sha256:{digest}", "size": len(data)}

    layer = _tar(files, {"tmp": 0o1777, **(folders or {})})
    layer_entry = add(layer, "layer.v1.tar")
    image = {
        "created": CREATED,
        "architecture": architecture,
        "os": "linux",
        "config": {
            "User": user,
            **({} if port is None else {"ExposedPorts": {f"{port}/tcp": {}}}),
            "Env": ["PATH=/bin"],
            "Entrypoint": list(entrypoint),
            "Cmd": list(command),
            "WorkingDir": "/",
            "Labels": dict(labels or {}),
            **(config or {}),
        },
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(layer).hexdigest()}"]},
        "history": [{"created": CREATED, "created_by": "tests/support/fake_images.py"}],
    }
    config_entry = add(json.dumps(image).encode(), "config.v1+json")
    manifest = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": config_entry,
        "layers": [layer_entry],
    }
    manifest_entry = add(json.dumps(manifest).encode(), "manifest.v1+json")
    (folder / "oci-layout").write_text(json.dumps({"imageLayoutVersion": "1.0.0"}))
    (folder / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [manifest_entry]}))
    return folder


def _tar(files: Mapping[str, bytes], folders: Mapping[str, int]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, mode in folders.items():
            entry = tarfile.TarInfo(name)
            entry.type, entry.mode, entry.mtime = tarfile.DIRTYPE, mode, 1
            archive.addfile(entry)
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode, entry.mtime = len(data), 0o755, 1
            archive.addfile(entry, io.BytesIO(data))
    return stream.getvalue()
