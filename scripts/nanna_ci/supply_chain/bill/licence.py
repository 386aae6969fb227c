"""Licences: whether they are SPDX expressions, by the grammar and the list of identifiers that SPDX publishes."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from nanna_ci.foundation.json_data import as_object, as_texts, load_json

_LIST: Final = Path(__file__).with_name("spdx_licences.json")
_TOKEN: Final = re.compile(r"\s*+([()]|[A-Za-z0-9.:+-]++)")
_REFERENCE: Final = re.compile(r"(?:DocumentRef-[A-Za-z0-9.-]+:)?LicenseRef-[A-Za-z0-9.-]+")
_LONGEST: Final = 4096
_DEEPEST: Final = 64


@dataclass(frozen=True, slots=True)
class Licence:
    """`text` is an SPDX expression in canonical spelling where `is_expression`, else what was stated, as it was."""

    text: str
    is_expression: bool


@functools.lru_cache(maxsize=4096)
def parse_licence(text: str) -> Licence:
    """What a package states as its licence.

    `MIT/Apache-2.0` is read as `MIT OR Apache-2.0`: cargo took a slash so before it took expressions, and many crates
    still have it.
    """
    stated = " ".join(text.split())
    expression = _canonical(stated) or _canonical(stated.replace("/", " OR "))
    return Licence(stated, is_expression=False) if expression is None else Licence(expression, is_expression=True)


def _canonical(text: str) -> str | None:
    """The expression in the spelling of the list; None where it is none."""
    if len(text) > _LONGEST:
        return None
    tokens: list[str] = []
    at = 0
    while at < len(text.rstrip()):
        match = _TOKEN.match(text, at)
        if match is None:
            return None
        tokens.append(match[1])
        at = match.end()
    reader = _Reader(tokens)
    try:
        written = reader.alternatives(0)
    except ValueError:
        return None
    return written if reader.at_end else None


class _Reader:
    """Recursive descent over the tokens. Raises ValueError where they are no expression."""

    def __init__(self, tokens: list[str]) -> None:
        self._tokens = tokens
        self._at = 0

    @property
    def at_end(self) -> bool:
        return self._at == len(self._tokens)

    def alternatives(self, depth: int) -> str:
        parts = [self._conjunction(depth)]
        while self._takes("OR"):
            parts.append(self._conjunction(depth))
        return " OR ".join(parts)

    def _conjunction(self, depth: int) -> str:
        parts = [self._term(depth)]
        while self._takes("AND"):
            parts.append(self._term(depth))
        return " AND ".join(parts)

    def _term(self, depth: int) -> str:
        if depth > _DEEPEST:
            raise ValueError("too deep")
        if self._takes("("):
            inside = self.alternatives(depth + 1)
            if not self._takes(")"):
                raise ValueError("not closed")
            return f"({inside})"
        licence = _licence_id(self._next())
        return f"{licence} WITH {_exception_id(self._next())}" if self._takes("WITH") else licence

    def _takes(self, token: str) -> bool:
        if not self.at_end and self._tokens[self._at] == token:
            self._at += 1
            return True
        return False

    def _next(self) -> str:
        if self.at_end:
            raise ValueError("ends early")
        self._at += 1
        return self._tokens[self._at - 1]


def _licence_id(token: str) -> str:
    if _REFERENCE.fullmatch(token):
        return token
    known = _known_ids()[0]
    plain = token.removesuffix("+")
    found = known.get(token.lower())
    if found is None and plain != token and plain.lower() in known:
        found = f"{known[plain.lower()]}+"
    if found is None:
        raise ValueError(token)
    return found


def _exception_id(token: str) -> str:
    found = _known_ids()[1].get(token.lower())
    if found is None:
        raise ValueError(token)
    return found


@functools.cache
def _known_ids() -> tuple[dict[str, str], dict[str, str]]:
    source = str(_LIST)
    document = as_object(load_json(_LIST.read_bytes(), source), source, "the list")
    licences, exceptions = (as_texts(document.get(key), source, key) for key in ("licences", "exceptions"))
    return {one.lower(): one for one in licences}, {one.lower(): one for one in exceptions}
