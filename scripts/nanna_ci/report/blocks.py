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
    """A table cell: literal text, never markup. None is unknown and renders as n/a.

    A page makes `link` one, if it is http or https. `order` is what a page sorts by, if that is not the text.
    """

    text: str | None
    tone: Tone = Tone.NEUTRAL
    link: str | None = None
    order: float | None = None


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
    """One sentence that must be seen. `place`: the file, from the repository's top, and the line that it is about."""

    tone: Tone
    text: str
    place: tuple[str, int] | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of cells under a header; every row is as long as the header. `numeric` columns align right.

    `sortable` names the rows (`jobs`): on a page where scripts run, a reader sorts and filters them.
    """

    header: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    numeric: frozenset[int] = frozenset()
    sortable: str = ""


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


@dataclass(frozen=True, slots=True)
class Trend:
    """One value over time, in steps from old to new.

    A step is the lowest, middle and highest value of what it stands for, None if nothing was measured. `text` is the
    latest value, `note` what to compare it with. `ticks` are heights of the axis and how they read, lowest first.
    Before a step in `breaks` the line is cut: what is on its two sides is not to be compared. `marks` are steps with
    something to say about each.
    """

    name: str
    text: str | None
    note: str
    steps: tuple[tuple[float, float, float] | None, ...]
    ticks: tuple[tuple[float, str], ...]
    breaks: frozenset[int] = frozenset()
    marks: tuple[tuple[int, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Trends:
    """Trends on one axis of time. Markdown and text draw each as a row of characters.

    From the step `exact_from` on, each is one run. `ends` says what the first step, that one and the last are, without
    that one if it is the first. `note` is more to say beside the caption.
    """

    caption: str
    trends: tuple[Trend, ...]
    exact_from: int
    ends: tuple[str, ...]
    note: str = ""
    wide: bool = False


@dataclass(frozen=True, slots=True)
class Span:
    """A line of a timeline: a wait from `begin_s` on, then work. The end of all waits for the `critical` ones."""

    name: str
    begin_s: float
    wait_s: float
    work_s: float
    text: str
    tone: Tone = Tone.NEUTRAL
    critical: bool = False


@dataclass(frozen=True, slots=True)
class Timeline:
    """What ran when. Markdown and text draw it with characters."""

    spans: tuple[Span, ...]
    caption: str

    @property
    def end_s(self) -> float:
        """When the last of them ended."""
        return max((span.begin_s + span.wait_s + span.work_s for span in self.spans), default=0.0)


@dataclass(frozen=True, slots=True)
class Details:
    """Blocks that a page shows once a reader opens them."""

    summary: str
    blocks: tuple[Block, ...]


Picture = Areas | Bars | Stacks | Timeline | Trends
Block = Heading | Paragraph | Notice | Table | Code | Facts | Details | Picture


@dataclass(frozen=True, slots=True)
class Document:
    """A report: title and blocks, most important first. `contents`: a page of three sections or more links to them."""

    title: str
    blocks: tuple[Block, ...]
    contents: bool = False
