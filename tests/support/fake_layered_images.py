"""OCI layouts of several layers with bytes that do not compress: nothing in them runs, they are pushed and read."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from pathlib import Path

from support.fake_image_layers import tar_of, write_image


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
    tars = [tar_of({f"layer-{number}": data}) for number, data in enumerate(layers)]
    compression = "gzip" if compress else ""
    return write_image(
        folder, tars, compression=compression, architecture=architecture, user="65532:65532", labels=labels
    )


def digests_of(folder: Path) -> tuple[str, list[str]]:
    """The manifest's digest and those of the layers."""
    top = json.loads((folder / "index.json").read_text())["manifests"][0]["digest"]
    manifest = json.loads((folder / "blobs/sha256" / top.removeprefix("sha256:")).read_text())
    return top, [layer["digest"] for layer in manifest["layers"]]
