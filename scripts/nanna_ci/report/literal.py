"""Literal text, made safe to look at before a renderer escapes it, and the words all renderers share."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Final

from nanna_ci.report.blocks import Cell, Tone

NOT_KNOWN: Final = "n/a"
PART_FILLS: Final = "█▒░▓·"  # of the parts of a stacked bar, in order
SYMBOLS: Final = {Tone.NEUTRAL: "", Tone.GOOD: "✔", Tone.BAD: "✘", Tone.WARN: "⚠"}

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


def known(text: str | None) -> str:
    """One line of literal text; unknown is n/a."""
    return NOT_KNOWN if text is None else visible(text)


def cell_text(cell: Cell) -> str:
    """A cell's literal text with the symbol of its tone, so that colour is never the only sign."""
    text = known(cell.text)
    symbol = SYMBOLS[cell.tone]
    return f"{symbol} {text}" if symbol else text


def shares(values: Iterable[float | None]) -> list[float | None]:
    """Each value of a bar chart as a share (0..1) of the largest; None where there is no finite value."""
    finite = [value if value is not None and abs(value) < float("inf") else None for value in values]
    largest = max((value for value in finite if value is not None), default=0.0)
    return [
        None if value is None else max(0.0, value / largest) if largest > 0 else 0.0 for value in finite
    ]  # fmt: skip


def part_shares(values: Sequence[float] | None) -> list[float]:
    """Each part of a stacked bar as a share (0..1) of the whole; none where there is nothing to divide."""
    if values is None or not all(0 <= value < float("inf") for value in values):
        return []
    largest = max(values, default=0.0)
    if largest == 0:
        return []
    scaled = [value / largest for value in values]  # the sum of two large numbers may be infinite
    return [value / sum(scaled) for value in scaled]


def part_columns(values: Sequence[float] | None, width: int) -> list[int]:
    """Columns of each part, together `width`; a small part still shows. None where there is nothing to divide."""
    parts = part_shares(values)
    columns = [max(1, int(share * width)) if share > 0 else 0 for share in parts]
    if columns:
        columns[columns.index(max(columns))] += width - sum(columns)
    return columns


def display_width(text: str) -> int:
    """Columns of a terminal that the text takes."""
    if text.isascii():
        return len(text)
    return sum(_character_width(character) for character in text)


def _character_width(character: str) -> int:
    if unicodedata.combining(character) or unicodedata.category(character) in {"Mn", "Me", "Cf"}:
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
