"""Other people's text, made safe to display: what would hide or reorder it, or control a terminal, is escaped."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

# C0 and C1 controls, DEL, line and paragraph separators, bidirectional controls, BOM, lone surrogates
UNSEEN: Final = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")
_LINE_BREAKS: Final = re.compile(r"\s*(?:\r\n|\r|\n)\s*")


def _escape(match: re.Match[str]) -> str:
    code = ord(match.group())
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def visible_lines(text: str) -> str:
    """Text of several lines: line breaks and tabs stay, what would hide or reorder text is shown as an escape."""
    kept = text.replace("\r\n", "\n")
    return "\n".join("\t".join(UNSEEN.sub(_escape, part) for part in line.split("\t")) for line in kept.split("\n"))


def visible(text: str) -> str:
    """Text of one line: line breaks and tabs become blanks, what would hide or reorder text is shown as an escape."""
    return UNSEEN.sub(_escape, _LINE_BREAKS.sub(" ", text).replace("\t", " "))


def display_width(text: str) -> int:
    """Columns of a terminal that the text takes."""
    if text.isascii():
        return len(text)
    return sum(_character_width(character) for character in text)


def _character_width(character: str) -> int:
    if unicodedata.combining(character) or unicodedata.category(character) in {"Mn", "Me", "Cf"}:
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
