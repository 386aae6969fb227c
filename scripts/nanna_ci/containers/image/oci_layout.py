"""Images as files: OCI layouts, read and verified blob by blob, and what nix2container writes in their place."""

from __future__ import annotations

import enum
import hashlib
import io
import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from nanna_ci.containers.image.blob import Blob, digest_of, parse_blob, parse_digest
from nanna_ci.foundation.errors import MalformedData, UsageError, shorten
from nanna_ci.foundation.json_data import JsonObject, JsonValue, as_list, as_object, as_text, describe, load_json

INDEX_TYPE: Final = "application/vnd.oci.image.index.v1+json"
MANIFEST_TYPE: Final = "application/vnd.oci.image.manifest.v1+json"
CONFIG_TYPE: Final = "application/vnd.oci.image.config.v1+json"
_PLAIN_LAYER: Final = "application/vnd.oci.image.layer.v1.tar"
_LAYER_TYPES: Final = frozenset({_PLAIN_LAYER, f"{_PLAIN_LAYER}+gzip", f"{_PLAIN_LAYER}+zstd"})
_DOCUMENT_BYTES: Final = 8 * 1024 * 1024

STAND_IN_LABEL: Final = "io.nanna-ci.stand-in"


@dataclass(frozen=True, slots=True)
class ImageConfig:
    """What an image says about itself. `architecture` is Go's name (amd64, arm64)."""

    architecture: str
    os: str
    labels: Mapping[str, str]

    @property
    def stand_in(self) -> str | None:
        """What it stands in for; None if it is the real thing."""
        return self.labels.get(STAND_IN_LABEL)


@dataclass(frozen=True, slots=True)
class Layout:
    """An OCI layout with one image, every digest and size compared with the blobs.

    `config_digest` is what engines call the image's ID. `size_bytes` is all that a registry would store. `diff_ids` are
    the digests of the layers' tars, in their order; they are compared with the tars only where a layer is one.
    """

    path: Path
    manifest: Blob
    config_digest: str
    config: ImageConfig
    layers: tuple[Blob, ...]
    size_bytes: int
    diff_ids: tuple[str, ...] = ()

    @property
    def manifest_digest(self) -> str:
        """What the image is pulled by."""
        return self.manifest.digest


@dataclass(frozen=True, slots=True)
class Index:
    """An image index: the document itself, and what it is called."""

    data: bytes
    blob: Blob


class ImageForm(enum.Enum):
    """How a toolkit hands an image over."""

    OCI_LAYOUT = "OCI layout"
    NIX2CONTAINER = "nix2container"  # a JSON file that only nix2container's own skopeo reads, as nix:FILE


@dataclass(frozen=True, slots=True)
class ImageSource:
    """A built image, not yet looked into."""

    path: Path
    form: ImageForm


def open_image(path: Path) -> ImageSource:
    """What a build's output is. Raises UsageError if nothing is there, MalformedData if it is neither."""
    if path.is_dir():
        if not (path / "oci-layout").is_file():
            raise MalformedData(str(path), "is not an OCI layout: it has no file oci-layout")
        return ImageSource(path, ImageForm.OCI_LAYOUT)
    if not path.is_file():
        raise UsageError(f"{path}: there is no image", hint="build it first")
    document = as_object(load_json(_read_document(path), str(path)), str(path), "the file")
    if not {"image-config", "layers"} <= document.keys():
        raise MalformedData(str(path), "is neither an OCI layout nor what nix2container writes")
    return ImageSource(path, ImageForm.NIX2CONTAINER)


def load_layout(path: Path) -> Layout:
    """Read and verify a layout with one image.

    Raises MalformedData for a blob that is missing or not what its digest and size say, for several images, and for
    layers that no engine would take.
    """
    stated = as_object(_load(path / "oci-layout"), str(path / "oci-layout"), "the file").get("imageLayoutVersion")
    if stated != "1.0.0":
        raise MalformedData(str(path / "oci-layout"), f"imageLayoutVersion is {describe(stated)}, not 1.0.0")
    source = str(path / "index.json")
    entries = as_list(as_object(_load(path / "index.json"), source, "the index").get("manifests"), source, "manifests")
    if len(entries) != 1:
        raise MalformedData(source, f"{len(entries)} images, but one is expected")
    manifest = parse_blob(entries[0], source, "manifests[0]")
    if manifest.media_type != MANIFEST_TYPE:
        raise MalformedData(source, f"manifests[0] is {manifest.media_type}, not one image ({MANIFEST_TYPE})")
    document = _load_blob(path, manifest)
    source = str(_file_of(path, manifest))
    config_blob = parse_blob(document.get("config"), source, "config")
    if config_blob.media_type != CONFIG_TYPE:
        raise MalformedData(source, f"config is {config_blob.media_type}, not {CONFIG_TYPE}")
    layers = tuple(
        parse_blob(layer, source, f"layers[{index}]")
        for index, layer in enumerate(as_list(document.get("layers"), source, "layers"))
    )
    if not layers:
        raise MalformedData(source, "an image without layers")
    config = _load_blob(path, config_blob)
    diff_ids = _check_layers(path, layers, config, str(_file_of(path, config_blob)))
    size_bytes = sum({blob.digest: blob.size_bytes for blob in (manifest, config_blob, *layers)}.values())
    parsed = _parse_config(config, str(_file_of(path, config_blob)))
    return Layout(path, manifest, config_blob.digest, parsed, layers, size_bytes, diff_ids)


def _check_layers(path: Path, layers: tuple[Blob, ...], config: JsonObject, source: str) -> tuple[str, ...]:
    rootfs = as_object(config.get("rootfs"), source, "rootfs")
    contents = as_list(rootfs.get("diff_ids"), source, "rootfs.diff_ids")
    if len(contents) != len(layers):
        raise MalformedData(source, f"rootfs names {len(contents)} layers, the manifest {len(layers)}")
    diff_ids = tuple(parse_digest(one, source, f"rootfs.diff_ids[{index}]") for index, one in enumerate(contents))
    for index, (layer, diff_id) in enumerate(zip(layers, diff_ids, strict=True)):
        if layer.media_type not in _LAYER_TYPES:
            raise MalformedData(source, f"layer {index} is {layer.media_type}, which engines do not take")
        if layer.media_type == _PLAIN_LAYER and diff_id != layer.digest:
            raise MalformedData(source, f"layer {index} is a plain tar, but rootfs.diff_ids[{index}] is not its digest")
    for layer in {layer.digest: layer for layer in layers}.values():
        _verify(path, layer)
    return diff_ids


def _file_of(path: Path, blob: Blob) -> Path:
    return path / "blobs" / "sha256" / blob.digest.removeprefix("sha256:")


def _verify(path: Path, blob: Blob) -> None:
    file = _file_of(path, blob)
    with _opened(file) as stream:
        size_bytes = os.fstat(stream.fileno()).st_size
        if size_bytes != blob.size_bytes:
            raise MalformedData(str(file), f"has {size_bytes:,} bytes, {blob.size_bytes:,} are stated")
        digest = f"sha256:{hashlib.file_digest(stream, 'sha256').hexdigest()}"
    if digest != blob.digest:
        raise MalformedData(str(file), f"its digest is {digest}")


def _load_blob(path: Path, blob: Blob) -> JsonObject:
    file = _file_of(path, blob)
    data = _read_document(file)
    if len(data) != blob.size_bytes:
        raise MalformedData(str(file), f"has {len(data):,} bytes, {blob.size_bytes:,} are stated")
    if (digest := digest_of(data)) != blob.digest:
        raise MalformedData(str(file), f"its digest is {digest}")
    return as_object(load_json(data, str(file)), str(file), "the document")


def _load(file: Path) -> JsonValue:
    return load_json(_read_document(file), str(file))


def _read_document(file: Path) -> bytes:
    with _opened(file) as stream:
        data = stream.read(_DOCUMENT_BYTES + 1)
    if len(data) > _DOCUMENT_BYTES:
        raise MalformedData(str(file), f"is over {_DOCUMENT_BYTES} bytes, too many for a document")
    return data


@contextmanager
def _opened(file: Path) -> Iterator[io.BufferedReader]:
    """A plain file, opened for reading: no link, no device, nothing that could hang."""
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    try:
        stream = open(file, "rb", opener=lambda name, _: os.open(name, flags))  # noqa: SIM115 - closed below
    except FileNotFoundError:
        raise MalformedData(str(file), "is missing") from None
    except OSError as error:
        raise MalformedData(str(file), f"cannot be read: {error.strerror}") from error
    with stream:
        if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
            raise MalformedData(str(file), "is not a plain file")
        yield stream


def _parse_config(document: JsonObject, source: str) -> ImageConfig:
    inner = as_object(document.get("config") or {}, source, "config")
    labels = as_object(inner.get("Labels") or {}, source, "config.Labels")
    return ImageConfig(
        architecture=as_text(document.get("architecture"), source, "architecture"),
        os=as_text(document.get("os"), source, "os"),
        labels={name: as_text(value, source, f"config.Labels.{shorten(name)}") for name, value in labels.items()},
    )
