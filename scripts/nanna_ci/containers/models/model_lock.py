"""nix/models.lock.json: every model by digest, so that each blob is a fixed-output fetch and a tag cannot move.

What Ollama reads below OLLAMA_MODELS, and how it follows from an entry:

- `manifests/registry.ollama.ai/library/NAME/TAG`: the manifest, a plain file (newer versions refuse a link that leads
  out of the folder). Its bytes are `render_manifest`: compact JSON with the keys in this order and no final newline,
  as the registry serves it; their digest, whose first twelve digits `ollama list` shows, is `manifest.digest`.
- `blobs/sha256-HEX`: config and layers, from `REGISTRY/v2/REPOSITORY/blobs/DIGEST`.

A manifest that these rules do not make again byte for byte is refused when it is locked.
"""

from __future__ import annotations

import enum
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from nanna_ci.containers.image.blob import Blob, digest_of, parse_blob, parse_digest, parse_media_type
from nanna_ci.containers.registry.reference import is_loopback
from nanna_ci.foundation.errors import MalformedData, UsageError, shorten
from nanna_ci.foundation.json_data import JsonValue, as_count, as_list, as_object, as_text, load_json

SCHEMA_VERSION: Final = 1
DEFAULT_REGISTRY: Final = "https://registry.ollama.ai"
MANIFEST_TYPE: Final = "application/vnd.docker.distribution.manifest.v2+json"
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]*:[A-Za-z0-9_][A-Za-z0-9._-]*")
_REGISTRY: Final = re.compile(r"https?://[A-Za-z0-9.\[\]:-]+")
_LIBRARY: Final = "library/"
_MOST_LAYERS: Final = 64  # real models have about five; each small one is downloaded


@dataclass(frozen=True, slots=True)
class Manifest:
    """A model's manifest: what it is made of, in order."""

    media_type: str
    config: Blob
    layers: tuple[Blob, ...]

    @property
    def blobs(self) -> tuple[Blob, ...]:
        """Everything that has to be fetched."""
        return (self.config, *self.layers)

    @property
    def size_bytes(self) -> int:
        """The size of all blobs."""
        return sum(blob.size_bytes for blob in self.blobs)


@dataclass(frozen=True, slots=True)
class LockedModel:
    """A model as it was locked. `registry` is a URL without path, `manifest_digest` that of the rendered bytes."""

    registry: str
    repository: str
    tag: str
    manifest: Manifest
    manifest_digest: str


class ModelChange(enum.Enum):
    """How a model changed since the lock was written."""

    SAME = "same"
    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"  # the tag names other content now: only --update takes that


@dataclass(frozen=True, slots=True)
class ModelDifference:
    """One model, before and after; `lines` say for people what moved, if anything did."""

    name: str
    change: ModelChange
    lines: tuple[str, ...]


def parse_registry(text: str) -> str:
    """A registry's URL without a path: https, or http on this machine. Raises UsageError for any other."""
    if "@" in text:  # not shown: it may be a password
        raise UsageError("a registry's URL has no login in it", hint=f"such as {DEFAULT_REGISTRY}")
    url = text.rstrip("/")
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host = None
    if host is None or _REGISTRY.fullmatch(url) is None:
        raise UsageError(f"{shorten(text)} is not a URL of a registry", hint=f"such as {DEFAULT_REGISTRY}")
    if parts.scheme != "https" and not is_loopback(host):
        raise UsageError(
            f"{shorten(text)}: a registry is queried over https",
            hint="plain http is for this machine's own (127.0.0.1)",
        )
    return url


def repository_of(name: str) -> tuple[str, str]:
    """Repository and tag of a model by its short name: `qwen3:0.6b` is `library/qwen3` and `0.6b`."""
    model, _, tag = name.partition(":")
    return f"{_LIBRARY}{model}", tag


def render_manifest(manifest: Manifest) -> bytes:
    """The manifest as the registry serves it and Ollama reads it from disk, byte for byte."""
    document = {
        "schemaVersion": 2,
        "mediaType": manifest.media_type,
        "config": _descriptor(manifest.config, "size"),
        "layers": [_descriptor(layer, "size") for layer in manifest.layers],
    }
    return json.dumps(document, separators=(",", ":")).encode()


def parse_manifest(data: bytes, source: str) -> Manifest:
    """Read a model's manifest.

    Raises MalformedData for anything that `render_manifest` would not make again byte for byte: a lock could not
    represent it.
    """
    document = as_object(load_json(data, source), source, "the manifest")
    if (version := as_count(document.get("schemaVersion"), source, "schemaVersion")) != 2:
        raise MalformedData(source, f"schemaVersion is {version}, not 2")
    media_type = parse_media_type(document.get("mediaType"), source, "mediaType")
    if media_type != MANIFEST_TYPE:
        raise MalformedData(source, f"mediaType is {media_type}, not {MANIFEST_TYPE}")
    layers = tuple(
        parse_blob(layer, source, f"layers[{index}]")
        for index, layer in enumerate(as_list(document.get("layers"), source, "layers"))
    )
    if not 0 < len(layers) <= _MOST_LAYERS:
        raise MalformedData(source, f"{len(layers)} layers, but a model has 1 to {_MOST_LAYERS}")
    manifest = Manifest(media_type, parse_blob(document.get("config"), source, "config"), layers)
    if render_manifest(manifest) != data:
        raise MalformedData(
            source,
            "the manifest says more than a lock can hold (other keys, another order or other spaces)",
            hint="use a model in the GGUF format: those have plain manifests",
        )
    return manifest


def parse_lock(data: bytes, source: str) -> dict[str, LockedModel]:
    """Read a lock file: models by name. Raises MalformedData if it is not what `render_lock` writes."""
    document = as_object(load_json(data, source), source, "the lock")
    if (version := as_count(document.get("schemaVersion"), source, "schemaVersion")) != SCHEMA_VERSION:
        raise MalformedData(source, f"schemaVersion is {version}, not {SCHEMA_VERSION}")
    models = as_object(document.get("models"), source, "models")
    return {name: _parse_model(name, value, f"{source}: {shorten(name)}") for name, value in models.items()}


def _parse_model(name: str, value: JsonValue, source: str) -> LockedModel:
    entry = as_object(value, source, "the model")
    try:
        registry = parse_registry(as_text(entry.get("registry"), source, "registry"))
    except UsageError as error:
        raise MalformedData(source, f"registry: {error.message}", hint=error.hint) from error
    place = as_text(entry.get("repository"), source, "repository"), as_text(entry.get("tag"), source, "tag")
    if _NAME.fullmatch(name) is None or place != repository_of(name):
        raise MalformedData(source, f"{shorten(':'.join(place))} is not what the name stands for")
    stated = as_object(entry.get("manifest"), source, "manifest")
    manifest = Manifest(
        parse_media_type(stated.get("mediaType"), source, "manifest.mediaType"),
        parse_blob(entry.get("config"), source, "config", size_key="sizeBytes"),
        tuple(
            parse_blob(layer, source, f"layers[{index}]", size_key="sizeBytes")
            for index, layer in enumerate(as_list(entry.get("layers"), source, "layers"))
        ),
    )
    digest = parse_digest(stated.get("digest"), source, "manifest.digest")
    if digest != digest_of(render_manifest(manifest)):
        raise MalformedData(
            source, "manifest.digest is not that of the parts", hint="the file was edited: write it with lock-models"
        )
    return LockedModel(registry, *place, manifest, digest)


def render_lock(models: Mapping[str, LockedModel]) -> bytes:
    """The lock file: models by name, parts in the manifest's order."""
    document = {"schemaVersion": SCHEMA_VERSION, "models": {name: _entry(models[name]) for name in sorted(models)}}
    return (json.dumps(document, indent=2) + "\n").encode()


def _entry(model: LockedModel) -> dict[str, Any]:
    return {
        "registry": model.registry,
        "repository": model.repository,
        "tag": model.tag,
        "manifest": {"mediaType": model.manifest.media_type, "digest": model.manifest_digest},
        "config": _descriptor(model.manifest.config, "sizeBytes"),
        "layers": [_descriptor(layer, "sizeBytes") for layer in model.manifest.layers],
    }


def _descriptor(blob: Blob, size_key: str) -> dict[str, Any]:
    return {"mediaType": blob.media_type, "digest": blob.digest, size_key: blob.size_bytes}


def compare_locks(before: Mapping[str, LockedModel], after: Mapping[str, LockedModel]) -> tuple[ModelDifference, ...]:
    """What happened to each model, by name. Another registry with the same content is shown, and is not a change."""
    return tuple(_compare(name, before.get(name), after.get(name)) for name in sorted(before.keys() | after.keys()))


def _compare(name: str, old: LockedModel | None, new: LockedModel | None) -> ModelDifference:
    if old is None or new is None:
        one, change, sign = (new, ModelChange.ADDED, "+") if new is not None else (old, ModelChange.REMOVED, "-")
        assert one is not None
        return ModelDifference(name, change, (f"{sign} manifest {one.manifest_digest}",))
    moved = [] if old.registry == new.registry else [f"registry {old.registry} -> {new.registry}"]
    if old.manifest_digest == new.manifest_digest:
        return ModelDifference(name, ModelChange.SAME, tuple(moved))
    lines = [*moved, f"manifest {old.manifest_digest} -> {new.manifest_digest}"]
    lines += [f"- {_line(blob)}" for blob in old.manifest.blobs if blob not in new.manifest.blobs]
    lines += [f"+ {_line(blob)}" for blob in new.manifest.blobs if blob not in old.manifest.blobs]
    return ModelDifference(name, ModelChange.CHANGED, tuple(lines))


def _line(blob: Blob) -> str:
    return f"{part_of(blob)} {blob.digest}, {blob.size_bytes:,} bytes"


def part_of(blob: Blob) -> str:
    """What a blob is for: config, model, template, license, params; else its media type."""
    if blob.media_type == "application/vnd.docker.container.image.v1+json":
        return "config"
    return blob.media_type.removeprefix("application/vnd.ollama.image.")
