"""manifest.json of `prepare-artifacts`, read again: which files there are, and from which output they come."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from nanna_ci.binaries.manifest import SCHEMA_VERSION
from nanna_ci.foundation.errors import MalformedData, shorten
from nanna_ci.foundation.json_data import JsonValue, as_count, as_list, as_object, as_text, describe, load_json
from nanna_ci.store.hashes import NixHash, parse_hash
from nanna_ci.store.store_path import StorePath, parse_store_path

_SHA256: Final = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class ReleaseFile:
    """A file of a release: its name, size and SHA-256; `name` of an executable is the workspace's, else None."""

    file: str
    size_bytes: int
    sha256: str
    name: str | None = None


@dataclass(frozen=True, slots=True)
class ReleaseManifest:
    """Release artifacts of one system. `output`, `derivation` and `nar_hash` are None where Nix did not build them."""

    workspace: str
    system: str
    triple: str
    revision: str | None
    strategy: str | None
    output: StorePath | None
    derivation: StorePath | None
    nar_hash: NixHash | None
    executables: tuple[ReleaseFile, ...]
    archive: ReleaseFile


def parse_manifest(data: bytes, source: str) -> ReleaseManifest:
    """Read it. MalformedData for what `prepare-artifacts` would not have written."""
    body = as_object(load_json(data, source), source, "the manifest")
    if body.get("schemaVersion") != SCHEMA_VERSION:
        raise MalformedData(source, f"schemaVersion is {describe(body.get('schemaVersion'))}, not {SCHEMA_VERSION}")
    output, derivation, nar_hash = (body.get(key) for key in ("output", "derivation", "narHash"))
    return ReleaseManifest(
        workspace=as_text(body.get("workspace"), source, "workspace"),
        system=as_text(body.get("system"), source, "system"),
        triple=as_text(body.get("triple"), source, "triple"),
        revision=_text_or_none(body.get("sourceRevision"), source, "sourceRevision"),
        strategy=_text_or_none(body.get("strategy"), source, "strategy"),
        output=None if output is None else parse_store_path(as_text(output, source, "output"), source),
        derivation=None if derivation is None else parse_store_path(as_text(derivation, source, "derivation"), source),
        nar_hash=None if nar_hash is None else parse_hash(as_text(nar_hash, source, "narHash"), source),
        executables=tuple(
            _parse_file(value, source, is_executable=True)
            for value in as_list(body.get("executables"), source, "executables")
        ),
        archive=_parse_file(body.get("archive"), source, is_executable=False),
    )


def _text_or_none(value: JsonValue, source: str, what: str) -> str | None:
    return None if value is None else as_text(value, source, what)


def _parse_file(value: JsonValue, source: str, *, is_executable: bool) -> ReleaseFile:
    entry = as_object(value, source, "a file")
    digest = as_text(entry.get("sha256"), source, "sha256")
    if _SHA256.fullmatch(digest) is None:
        raise MalformedData(source, f"sha256 is {shorten(digest)}")
    return ReleaseFile(
        file=as_text(entry.get("file"), source, "file"),
        size_bytes=as_count(entry.get("sizeBytes"), source, "sizeBytes"),
        sha256=digest,
        name=as_text(entry.get("name"), source, "name") if is_executable else None,
    )
