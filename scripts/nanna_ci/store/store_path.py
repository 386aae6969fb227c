"""Store paths: `/nix/store/HASH-NAME`, parsed once and then trusted."""

from __future__ import annotations

import re
from dataclasses import dataclass

from nanna_ci.foundation.errors import MalformedData, shorten

STORE_DIR = "/nix/store"

# Nix's base 32 leaves out e, o, t and u; names have at most 211 characters (nix: src/libstore/path.cc).
NIX32_DIGITS = "0123456789abcdfghijklmnpqrsvwxyz"
_HASH = f"[{NIX32_DIGITS}]{{32}}"
_NAME = r"[0-9A-Za-z+\-._?=]{1,211}"
BASE_NAME_PATTERN = f"{_HASH}-{_NAME}"
_BASE_NAME = re.compile(rf"({_HASH})-((?!\.\.?(?:-|$)){_NAME})")


@dataclass(frozen=True, slots=True, order=True)
class StorePath:
    """A path directly under /nix/store: 32 characters of base-32 hash, and a name."""

    hash: str
    name: str

    def __hash__(self) -> int:
        """The hash part alone identifies a path; this is called hundreds of thousands of times."""
        return hash(self.hash)

    def __str__(self) -> str:
        return f"{STORE_DIR}/{self.base_name}"

    @property
    def base_name(self) -> str:
        """`HASH-NAME`, as narinfo files and newer JSON formats write it."""
        return f"{self.hash}-{self.name}"

    @property
    def is_derivation(self) -> bool:
        """Whether it names a derivation file rather than something built."""
        return self.name.endswith(".drv")


def parse_base_name(text: str, source: str = "store path") -> StorePath:
    """Read `HASH-NAME`.

    Raises:
        MalformedData: if it is anything else; as in Nix, no name is `.` or `..`, or begins with `.-` or `..-`.
    """
    match = _BASE_NAME.fullmatch(text)
    if match is None:
        raise MalformedData(source, f"{shorten(text)} is not HASH-NAME of a store path")
    return StorePath(match[1], match[2])


def parse_store_path(text: str, source: str = "store path") -> StorePath:
    """Read `/nix/store/HASH-NAME`; nothing below such a path, no other store folder.

    Raises:
        MalformedData: if it is anything else.
    """
    if not text.startswith(STORE_DIR + "/"):
        raise MalformedData(source, f"{shorten(text)} is not under {STORE_DIR}")
    return parse_base_name(text.removeprefix(STORE_DIR + "/"), source)


def parse_either(text: str, source: str = "store path") -> StorePath:
    """Read a store path with or without the folder: Nix's JSON dropped the folder from version 2.32 on."""
    return parse_store_path(text, source) if text.startswith("/") else parse_base_name(text, source)
