"""Orders of versions: of crates (semantic versioning), of Debian packages, and Nix's own for all else."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from itertools import zip_longest
from typing import Any, Final

_SEMANTIC: Final = re.compile(
    r"v?([0-9]+)(?:\.([0-9]+))?(?:\.([0-9]+))?(?:-([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?(?:\+[0-9A-Za-z.-]+)?", re.ASCII
)
# Nix skips dots and hyphens; a component is a run of digits, or of anything else
_NIX_COMPONENT: Final = re.compile(r"[0-9]+|[^0-9.-]+", re.ASCII)
_DEBIAN_PART: Final = re.compile(r"([^0-9]*)([0-9]*)", re.ASCII)

SortKey = Callable[[str], Any]


def nix_key(version: str) -> Any:
    """The order of `builtins.compareVersions`: 1.0pre < 1.0 < 1.0a < 1.0.1 (manual, builtins.compareVersions).

    A number beyond 32 bits, such as a date with its time, is a number here; Nix takes it for text.
    """
    return _NixVersion(tuple(_NIX_COMPONENT.findall(version)))


@functools.total_ordering
class _NixVersion:
    """A version as its components; an absent one is smaller than any but `pre`."""

    __slots__ = ("_parts",)

    def __init__(self, parts: tuple[str, ...]) -> None:
        self._parts = tuple(map(_nix_rank, parts))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _NixVersion) and not self < other and not other < self

    def __lt__(self, other: _NixVersion) -> bool:
        for mine, theirs in zip_longest(self._parts, other._parts, fillvalue=_ABSENT):
            if mine != theirs:
                return mine < theirs
        return False

    def __hash__(self) -> int:
        return hash(self._parts)


def _nix_rank(component: str) -> tuple[int, int, str]:
    if component == "pre":
        return 0, 0, ""
    return (3, int(component), "") if component.isdigit() else (2, 0, component)


_ABSENT: Final = (1, 0, "")


def semantic_key(version: str) -> Any | None:
    """The order of semver.org, without build metadata, a missing minor or patch 0; None for what is no such version."""
    match = _SEMANTIC.fullmatch(version.strip())
    if match is None:
        return None
    numbers = tuple(int(part or 0) for part in match.groups()[:3])
    if match[4] is None:
        return numbers, 1, ()
    parts = tuple((0, int(part), "") if part.isdigit() else (1, 0, part) for part in match[4].split("."))
    return numbers, 0, parts


def debian_key(version: str) -> Any:
    """The order of Debian policy 5.6.12: epoch, upstream version, revision; a tilde sorts before the end."""
    head, colon, rest = version.partition(":")
    epoch, rest = (int(head), rest) if colon and head.isdigit() else (0, version)
    upstream, hyphen, revision = rest.rpartition("-")
    if not hyphen:
        upstream, revision = rest, "0"
    return epoch, _debian_parts(upstream), _debian_parts(revision)


def _debian_parts(text: str) -> tuple[tuple[tuple[int, ...], int], ...]:
    # a run of letters ends with a mark that is below any letter and above a tilde, so that 1~ < 1 < 1a
    runs = [(letters, digits) for letters, digits in _DEBIAN_PART.findall(text) if letters or digits]
    return (*(((*map(_debian_rank, letters), 0), int(digits or 0)) for letters, digits in runs), ((0,), 0))


def _debian_rank(letter: str) -> int:
    if letter == "~":
        return -1
    return ord(letter) if letter.isascii() and letter.isalpha() else ord(letter) + 256


def key_for(kind: str, *, is_semantic: bool) -> Callable[[str], Any | None]:
    """The order of a package's versions by the type of its purl; `is_semantic`: an advisory wants semver's.

    The key is None for a version that has no place in that order.
    """
    if kind == "cargo" or is_semantic:
        return semantic_key
    return debian_key if kind == "deb" else nix_key
