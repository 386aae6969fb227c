"""`HASH.narinfo` of a binary cache: where a path's archive is, its size, and its signatures."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from nanna_ci.foundation.errors import MalformedData, shorten
from nanna_ci.store.hashes import (
    ContentAddress,
    NixHash,
    Signature,
    decode_nix32,
    parse_content_address,
    parse_hash,
    parse_signature,
)
from nanna_ci.store.store_path import NIX32_DIGITS, STORE_DIR, StorePath, parse_base_name, parse_store_path

_MAX_BYTES = 4 * 1024 * 1024
_MAX_SIZE = 2**64 - 1
_NO_DERIVER = "unknown-deriver"
_DEFAULT_COMPRESSION = "bzip2"
_KEYS = frozenset(
    ("StorePath", "URL", "Compression", "FileHash", "FileSize", "NarHash", "NarSize", "References", "Deriver", "CA")
)
_T = TypeVar("_T")

# What Nix writes for nearly every path, its lines in its order. It accepts nothing that the careful reader refuses;
# whatever it does not match goes to that reader, which reports line numbers.
_USUAL = re.compile(
    rf"StorePath: {STORE_DIR}/(?P<path>[!-~]+)\n"
    r"URL: (?P<url>[!-~]+)\n"
    r"Compression: (?P<compression>[a-z0-9]{1,16})\n"
    rf"FileHash: sha256:(?P<file_hash>[{NIX32_DIGITS}]{{52}})\n"
    r"FileSize: (?P<file_size>[0-9]{1,19})\n"
    rf"NarHash: sha256:(?P<nar_hash>[{NIX32_DIGITS}]{{52}})\n"
    r"NarSize: (?P<nar_size>[1-9][0-9]{0,18})\n"
    r"References: (?P<references>[ -~]*)\n"
    rf"(?:Deriver: (?P<deriver>[!-~]+)\n)?"
    r"(?P<signatures>(?:Sig: [!-~]+\n)*)"
)


@dataclass(frozen=True, slots=True)
class NarInfo:
    """One path of a binary cache. `url` is relative to the cache.

    `file_*` are of the compressed archive, None if the file does not say. `compression` is as written: xz, zstd,
    none, …; bzip2 if the file does not say.
    """

    store_path: StorePath
    url: str
    compression: str
    file_hash: NixHash | None
    file_size_bytes: int | None
    nar_hash: NixHash
    nar_size_bytes: int
    references: tuple[StorePath, ...]
    deriver: StorePath | None
    signatures: tuple[Signature, ...]
    ca: ContentAddress | None


def parse_narinfo(data: bytes, source: str, known: dict[str, StorePath] | None = None) -> NarInfo:
    """Read a narinfo file; unknown keys are ignored, as Nix does.

    `known` holds store paths by base name, and gets the new ones: thousands of files that name the same paths then
    share them, which saves most of the memory and a third of the time.

    Raises:
        MalformedData: with the line, if Nix would call the file corrupt, and for any repeated key except Sig.
    """
    return _parse_usual(data, {} if known is None else known) or _parse_careful(data, source)


def _parse_usual(data: bytes, known: dict[str, StorePath]) -> NarInfo | None:
    """A file of the usual form; None for any other, corrupt ones among them."""
    if len(data) > _MAX_BYTES or not data.isascii():
        return None
    match = _USUAL.fullmatch(data.decode("ascii"))
    if match is None:
        return None
    path, url, compression, file_hash, file_size, nar_hash, nar_size, references, deriver, signatures = match.groups()
    file_digest, nar_digest = decode_nix32(file_hash, 32), decode_nix32(nar_hash, 32)
    if file_digest is None or nar_digest is None:
        return None

    names = dict.fromkeys(references.split(" ")) if references else ()
    try:
        return NarInfo(
            _look_up(path, known),
            url,
            compression,
            NixHash("sha256", file_digest),
            int(file_size),
            NixHash("sha256", nar_digest),
            int(nar_size),
            tuple([known.get(name) or _look_up(name, known) for name in names if name]),
            None if deriver is None or deriver == _NO_DERIVER else _look_up(deriver, known),
            tuple([parse_signature(line[5:], "Sig") for line in signatures.splitlines()]) if signatures else (),
            None,
        )
    except MalformedData:
        return None


def _look_up(name: str, known: dict[str, StorePath]) -> StorePath:
    found = known.get(name)
    if found is None:
        found = known[name] = parse_base_name(name)
    return found


def _parse_careful(data: bytes, source: str) -> NarInfo:
    """A file with its lines in any order. Raises MalformedData with the line."""
    fields, signatures = _split(data, source)

    def read(key: str, parse: Callable[[str, str], _T]) -> _T | None:
        if key not in fields:
            return None
        line, value = fields[key]
        return parse(value, f"{source}: line {line}: {key}")

    def require(key: str, parse: Callable[[str, str], _T]) -> _T:
        value = read(key, parse)
        if value is None:
            raise MalformedData(source, f"{key} is missing")
        return value

    return NarInfo(
        store_path=require("StorePath", parse_store_path),
        url=require("URL", _parse_url),
        compression=read("Compression", _parse_compression) or _DEFAULT_COMPRESSION,
        file_hash=read("FileHash", parse_hash),
        file_size_bytes=read("FileSize", _parse_size),
        nar_hash=require("NarHash", parse_hash),
        nar_size_bytes=require("NarSize", _parse_nar_size),
        references=read("References", _parse_references) or (),
        deriver=read("Deriver", _parse_deriver),
        signatures=tuple(parse_signature(value, f"{source}: line {line}: Sig") for line, value in signatures),
        ca=read("CA", lambda value, where: parse_content_address(value, where) if value else None),
    )


_Numbered = tuple[int, str]  # line, value


def _split(data: bytes, source: str) -> tuple[dict[str, _Numbered], list[_Numbered]]:
    """The fields with their lines, and the signatures, the only key that repeats."""
    if len(data) > _MAX_BYTES:
        raise MalformedData(source, f"{len(data)} bytes, more than the {_MAX_BYTES} that are read")
    *lines, rest = data.split(b"\n")
    if rest:
        raise MalformedData(source, f"line {len(lines) + 1}: does not end with a newline: cut short?")
    fields: dict[str, _Numbered] = {}
    signatures: list[_Numbered] = []
    for number, raw in enumerate(lines, start=1):
        try:
            line = raw.decode("utf-8")
        except UnicodeDecodeError:
            raise MalformedData(source, f"line {number}: not UTF-8") from None
        key, separator, value = line.partition(": ")
        if not separator or re.search(r"[\x00-\x1f\x7f]", line):
            raise MalformedData(source, f"line {number}: {shorten(line)} is not `Key: Value`")
        if key == "Sig":
            signatures.append((number, value))
        elif key in fields:
            raise MalformedData(source, f"line {number}: {key} occurs a second time")
        elif key in _KEYS:
            fields[key] = (number, value)
    return fields, signatures


def _parse_url(value: str, source: str) -> str:
    if not value:
        raise MalformedData(source, "is empty")
    return value


def _parse_compression(value: str, source: str) -> str:
    if value and re.fullmatch("[a-z0-9]{1,16}", value) is None:
        raise MalformedData(source, f"{shorten(value)} is not a compression")
    return value


def _parse_size(value: str, source: str) -> int:
    if re.fullmatch("[0-9]{1,20}", value) is None or int(value) > _MAX_SIZE:
        raise MalformedData(source, f"{shorten(value)} is not a size")
    return int(value)


def _parse_nar_size(value: str, source: str) -> int:
    size = _parse_size(value, source)
    if size == 0:
        raise MalformedData(source, "is zero")
    return size


def _parse_references(value: str, source: str) -> tuple[StorePath, ...]:
    return tuple(dict.fromkeys(parse_base_name(name, source) for name in value.split(" ") if name))


def _parse_deriver(value: str, source: str) -> StorePath | None:
    return None if value == _NO_DERIVER else parse_base_name(value, source)
