"""The list of crates inside of a binary, as cargo-auditable writes it: zlib-compressed JSON in the section `.dep-v0`.

Format: github.com/rust-secure-code/cargo-auditable, PARSING.md and its JSON schema.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from nanna_ci.binaries.headers import Reader
from nanna_ci.binaries.sections import read_section
from nanna_ci.foundation.errors import MalformedData
from nanna_ci.foundation.json_data import JsonValue, as_count, as_list, as_object, as_text, load_json

SECTION: Final = ".dep-v0"
_MOST_PACKED_BYTES: Final = 8 * 1024 * 1024
_MOST_BYTES: Final = 8 * 1024 * 1024  # the limit that the format's own reader has
_RUNTIME, _BUILD = "runtime", "build"


@dataclass(frozen=True, slots=True)
class EmbeddedCrate:
    """One crate of the list. `source` is `local`, `git`, `registry` (another one), or the main registry's name."""

    name: str
    version: str
    source: str
    is_build: bool
    is_root: bool
    dependencies: tuple[int, ...]


EmbeddedCrates = tuple[EmbeddedCrate, ...]


def read_embedded_crates(reader: Reader) -> EmbeddedCrates | None:
    """The list that a binary carries; None where it has none.

    Raises:
        MalformedData: a list that is not what cargo-auditable writes, or that unpacks to too much.
    """
    packed = read_section(reader, SECTION, _MOST_PACKED_BYTES)
    if packed is None:
        return None
    source = f"{reader.source}: {SECTION}"
    unpacker = zlib.decompressobj()
    try:
        data = unpacker.decompress(packed, _MOST_BYTES)
    except zlib.error as error:
        raise MalformedData(source, f"cannot be unpacked: {error}") from error
    if not unpacker.eof:
        reason = f"unpacks to more than {_MOST_BYTES:,} bytes" if unpacker.unconsumed_tail else "is cut short"
        raise MalformedData(source, reason)
    return parse_embedded_crates(data, source)


def parse_embedded_crates(data: bytes, source: str) -> EmbeddedCrates:
    """Read the JSON of a list. Raises MalformedData."""
    document = as_object(load_json(data, source), source, "the document")
    listed = as_list(document.get("packages"), source, "packages")
    crates = tuple(_parse_crate(value, index, len(listed), source) for index, value in enumerate(listed))
    if sum(crate.is_root for crate in crates) != 1:
        raise MalformedData(source, "has not exactly one root")
    return crates


def _parse_crate(value: JsonValue, index: int, count: int, source: str) -> EmbeddedCrate:
    where = f"packages[{index}]"
    entry = as_object(value, source, where)
    kind = entry.get("kind", _RUNTIME)
    if kind not in {_RUNTIME, _BUILD}:
        raise MalformedData(source, f"{where}.kind is neither {_RUNTIME} nor {_BUILD}")
    needed: Sequence[JsonValue] = as_list(entry.get("dependencies", []), source, f"{where}.dependencies")
    numbers = tuple(as_count(one, source, f"{where}.dependencies") for one in needed)
    if numbers and max(numbers) >= count:
        raise MalformedData(source, f"{where} depends on package {max(numbers)}, which is absent")
    return EmbeddedCrate(
        name=as_text(entry.get("name"), source, f"{where}.name"),
        version=as_text(entry.get("version"), source, f"{where}.version"),
        source=as_text(entry.get("source"), source, f"{where}.source"),
        is_build=kind == _BUILD,
        is_root=entry.get("root") is True,
        dependencies=numbers,
    )
