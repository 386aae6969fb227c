"""A report as blocks. Domains build a Document; only renderers know text, markdown, HTML."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Tone(enum.Enum):
    """How a notice or a cell should read. Renderers choose colour and symbol; meaning never rests on colour alone."""

    NEUTRAL = "neutral"
    GOOD = "good"
    BAD = "bad"
    WARN = "warn"


@dataclass(frozen=True, slots=True)
class Cell:
    """A table cell: literal text, never markup. None is unknown and renders as n/a."""

    text: str | None
    tone: Tone = Tone.NEUTRAL


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading; level 1 is the section under the document's title."""

    text: str
    level: int = 1


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Literal running text."""

    text: str


@dataclass(frozen=True, slots=True)
class Notice:
    """One sentence that must be seen."""

    tone: Tone
    text: str


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of cells under a header; every row is as long as the header. `numeric` columns align right."""

    header: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    numeric: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Code:
    """Verbatim lines: a log tail, a command to copy."""

    text: str
    language: str = ""


@dataclass(frozen=True, slots=True)
class Facts:
    """Names and values, one a line; a None value renders as n/a."""

    items: tuple[tuple[str, str | None], ...]


@dataclass(frozen=True, slots=True)
class Bars:
    """A horizontal bar chart: label, value (None: n/a), and its text. Markdown and text draw it with characters."""

    items: tuple[tuple[str, float | None, str], ...]
    caption: str


@dataclass(frozen=True, slots=True)
class Stacks:
    """Bars of one length, each cut into parts: how a whole divides. Markdown and text draw them with characters.

    `parts` are the names of the parts and how they read, in order. An item is a label, the values of its parts (None:
    n/a), and its text.
    """

    parts: tuple[tuple[str, Tone], ...]
    items: tuple[tuple[str, tuple[float, ...] | None, str], ...]
    caption: str


@dataclass(frozen=True, slots=True)
class Areas:
    """A treemap: groups of things as rectangles whose areas are their sizes. Markdown and text draw bars of the groups.

    A group is a label and its things; a thing is a label, a size (0 or more), the size's text, and more to say about
    it ("" for nothing), which a pointer over it shows.
    """

    groups: tuple[tuple[str, tuple[tuple[str, float, str, str], ...]], ...]
    caption: str


Block = Areas | Heading | Paragraph | Notice | Table | Code | Facts | Bars | Stacks


@dataclass(frozen=True, slots=True)
class Document:
    """A report: title and blocks, most important first."""

    title: str
    blocks: tuple[Block, ...]
