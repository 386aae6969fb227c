"""What a store knows of its paths, as `nix path-info --json` prints it.

Four shapes: before Nix 2.19 an array, where `"valid": false` stands for a path that is not there; from 2.19 an object
of path to info or null; from 2.33, with `--json-format 2`, `{"version": 2, "storeDir", "info": {BASE NAME: …}}`; from
2.35 also version 3, with structured signatures.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from nanna_ci.foundation.errors import MalformedData
from nanna_ci.foundation.json_data import (
    JsonObject,
    JsonValue,
    as_count,
    as_list,
    as_object,
    as_text,
    as_texts,
    describe,
    load_json,
)
from nanna_ci.store.hashes import (
    ContentAddress,
    NixHash,
    Signature,
    parse_content_address,
    parse_json_hash,
    parse_signature,
)
from nanna_ci.store.store_path import STORE_DIR, StorePath, parse_either

_VERSIONS = (2, 3)


@dataclass(frozen=True, slots=True)
class PathInfo:
    """One path of a store. None means unknown or not so; `registered_s` is seconds since 1970.

    `is_ultimate`: built on this machine rather than fetched. `ca` is set if the path is content-addressed.
    """

    path: StorePath
    nar_hash: NixHash
    nar_size_bytes: int | None
    references: tuple[StorePath, ...]
    deriver: StorePath | None
    ca: ContentAddress | None
    signatures: tuple[Signature, ...]
    registered_s: int | None
    is_ultimate: bool


def parse_path_info(data: bytes, source: str) -> dict[StorePath, PathInfo | None]:
    """Read what `nix path-info --json` printed, whichever shape it has; None for a path that the store lacks.

    Raises:
        MalformedData: for anything else: an unknown version, another store folder, a path that occurs twice.
    """
    document = load_json(data, source)
    infos: dict[StorePath, PathInfo | None] = {}
    known: dict[str, StorePath] = {}
    for key, value in _entries(document, source):
        path = parse_either(key, source)
        if path in infos:
            raise MalformedData(source, f"{path} occurs twice")
        if value is None or (isinstance(value, dict) and value.get("valid") is False):
            infos[path] = None
        else:
            infos[path] = _parse_one(path, as_object(value, source, str(path)), f"{source}: {path}", known)
    return infos


def _entries(document: JsonValue, source: str) -> Iterable[tuple[str, JsonValue]]:
    if isinstance(document, list):
        objects = [as_object(item, source, f"[{index}]") for index, item in enumerate(document)]
        return [(as_text(item.get("path"), source, "path"), item) for item in objects]
    entries = as_object(document, source, "the document")
    if "version" not in entries and "info" not in entries:
        return entries.items()
    if entries.get("version") not in _VERSIONS:
        raise MalformedData(source, f"format version {describe(entries.get('version'))} is not known")
    if entries.get("storeDir") != STORE_DIR:
        raise MalformedData(source, f"storeDir is {describe(entries.get('storeDir'))}, not {STORE_DIR}")
    return as_object(entries.get("info"), source, "info").items()


def _parse_one(path: StorePath, data: JsonObject, source: str, known: dict[str, StorePath]) -> PathInfo:
    """`known` holds the store paths by their text: a closure names most of them many times."""
    deriver, ca = data.get("deriver"), data.get("ca")
    signatures = data.get("signatures")
    return PathInfo(
        path=path,
        nar_hash=parse_json_hash(data.get("narHash"), source, "narHash"),
        nar_size_bytes=_count_or_none(data.get("narSize"), source, "narSize"),
        references=tuple(
            _look_up(text, source, known) for text in as_texts(data.get("references"), source, "references")
        ),
        deriver=None if deriver is None else parse_either(as_text(deriver, source, "deriver"), source),
        ca=None if ca is None else parse_content_address(ca, source),
        signatures=()
        if signatures is None
        else tuple(parse_signature(item, source) for item in as_list(signatures, source, "signatures")),
        registered_s=_count_or_none(data.get("registrationTime"), source, "registrationTime"),
        is_ultimate=data.get("ultimate") is True,
    )


def _look_up(text: str, source: str, known: dict[str, StorePath]) -> StorePath:
    found = known.get(text)
    if found is None:
        found = known[text] = parse_either(text, source)
    return found


def _count_or_none(value: JsonValue, source: str, what: str) -> int | None:
    """0 is how Nix writes an unknown size or time."""
    return None if value is None else as_count(value, source, what) or None
