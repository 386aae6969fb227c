"""A document as aligned lines: wrapped at blanks if a terminal is known, never inside a word; colour on request."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from typing import Final, assert_never

from nanna_ci.foundation.visible_text import display_width, visible, visible_lines
from nanna_ci.report.blocks import (
    Areas,
    Bars,
    Block,
    Code,
    Details,
    Document,
    Facts,
    Heading,
    Notice,
    Paragraph,
    Picture,
    Stacks,
    Table,
    Timeline,
    Tone,
    Trends,
)
from nanna_ci.report.literal import (
    NOT_KNOWN,
    PART_FILLS,
    SYMBOLS,
    bars_of_areas,
    known,
    part_columns,
    shares,
    span_columns,
    spark,
)

_UNLIMITED: Final = sys.maxsize
_GAP: Final = "  "
_NARROWEST_COLUMN: Final = 12
_BAR_WIDTH: Final = 30
_EIGHTHS: Final = " ▏▎▍▌▋▊▉"
_CODES: Final = {Tone.NEUTRAL: "", Tone.GOOD: "32", Tone.BAD: "31", Tone.WARN: "33"}
_BOLD: Final = "1"
_FAINT: Final = "2"


def render_text(document: Document, *, color: bool, width: int | None) -> str:
    """The document as lines of at most `width` columns; longer where words, which are never broken, ask for more.

    Width None is a pipe or a file, where nothing wraps: each row of a table, fact or notice is one line. A document
    without title and blocks is the empty text: a command that has printed already.
    """
    painter = _Painter(color=color, width=_UNLIMITED if width is None else width)
    title = visible(document.title)
    parts = ["\n".join(painter.underlined(title, "═"))] if title else []
    previous: Block | None = None
    for block in document.blocks:
        lines = "\n".join(painter.lines(block))
        if parts and isinstance(block, Notice) and isinstance(previous, Notice):
            parts[-1] += f"\n{lines}"
        else:
            parts.append(lines)
        previous = block
    return "\n\n".join(parts) + "\n" if parts else ""


class _Painter:
    def __init__(self, *, color: bool, width: int) -> None:
        self._color = color
        self._width = max(20, width)

    def paint(self, text: str, code: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self._color and code and text.strip() else text

    def underlined(self, text: str, rule: str) -> Iterator[str]:
        yield self.paint(text, _BOLD)
        yield rule * min(self._width, display_width(text))

    def lines(self, block: Block) -> Iterator[str]:
        match block:
            case Heading(text=text, level=level):
                yield from self.underlined(visible(text), "─" if level <= 1 else "·")
            case Paragraph(text=text):
                yield from wrap(visible(text), self._width)
            case Notice(tone=tone, text=text):
                yield from self._notice(tone, visible(text))
            case Table():
                yield from self._table(block)
            case Code(text=text):
                yield from (f"    {line}".rstrip() for line in visible_lines(text).rstrip("\n").split("\n"))
            case Facts(items=items):
                yield from self._facts(items)
            case Areas() | Bars() | Stacks() | Timeline() | Trends():
                yield from self._picture(block)
            case Details(summary=summary, blocks=blocks):
                yield from self.underlined(visible(summary), "·")
                for inner in blocks:
                    yield from self.lines(inner)
            case _:
                assert_never(block)

    def _picture(self, block: Picture) -> Iterator[str]:
        match block:
            case Bars():
                yield from self._bars(block)
            case Stacks():
                yield from self._stacks(block)
            case Areas():
                yield from self._bars(bars_of_areas(block))
            case Trends():
                yield from self._trends(block)
            case Timeline():
                yield from self._timeline(block)
            case _:
                assert_never(block)

    def _notice(self, tone: Tone, text: str) -> Iterator[str]:
        symbol = SYMBOLS[tone] or "•"
        for number, line in enumerate(wrap(text, self._width - 2)):
            yield self.paint(f"{symbol if number == 0 else ' '} {line}", _CODES[tone])

    def _facts(self, items: Sequence[tuple[str, str | None]]) -> Iterator[str]:
        names = [visible(name) for name, _ in items]
        column = max(map(display_width, names), default=0)
        for name, (_, value) in zip(names, items, strict=True):
            first, *rest = wrap(known(value), max(_NARROWEST_COLUMN, self._width - column - len(_GAP)))
            yield self.paint(_pad(name, column), _FAINT) + _GAP + first
            yield from (" " * column + _GAP + line for line in rest)

    def _bars(self, block: Bars) -> Iterator[str]:
        yield self.paint(visible(block.caption), _BOLD)
        labels = [visible(label) for label, _, _ in block.items]
        column = max(map(display_width, labels), default=0)
        parts = shares(value for _, value, _ in block.items)
        for label, share, (_, _, value) in zip(labels, parts, block.items, strict=True):
            yield f"{_pad(label, column)}{_GAP}{_pad(text_bar(share), _BAR_WIDTH)}{_GAP}{visible(value)}".rstrip()

    def _stacks(self, block: Stacks) -> Iterator[str]:
        codes = [_CODES[tone] for _, tone in block.parts]
        legend = [
            self.paint(f"{fill} {visible(name)}", code)
            for fill, (name, _), code in zip(PART_FILLS, block.parts, codes, strict=False)
        ]
        yield self.paint(visible(block.caption), _BOLD) + "".join(_GAP + name for name in legend)
        labels = [visible(label) for label, _, _ in block.items]
        column = max(map(display_width, labels), default=0)
        for label, (_, values, text) in zip(labels, block.items, strict=True):
            columns = part_columns(values, _BAR_WIDTH)
            drawn = "".join(
                self.paint(fill * count, code) for fill, count, code in zip(PART_FILLS, columns, codes, strict=False)
            )
            rest = " " * (_BAR_WIDTH - sum(columns))
            shown = visible(text) if values is not None else NOT_KNOWN
            yield f"{_pad(label, column)}{_GAP}{drawn}{rest}{_GAP}{shown}".rstrip()

    def _trends(self, block: Trends) -> Iterator[str]:
        yield self.paint(visible(block.caption), _BOLD)
        names = [visible(trend.name) for trend in block.trends]
        column = max(map(display_width, names), default=0)
        for name, trend in zip(names, block.trends, strict=True):
            drawn = _pad(spark(trend, _BAR_WIDTH), _BAR_WIDTH)
            yield f"{_pad(name, column)}{_GAP}{drawn}{_GAP}{known(trend.text)}{_GAP}{visible(trend.note)}".rstrip()

    def _timeline(self, block: Timeline) -> Iterator[str]:
        yield self.paint(visible(block.caption), _BOLD)
        names = [f"{'▶ ' if span.critical else '  '}{visible(span.name)}" for span in block.spans]
        column = max(map(display_width, names), default=0)
        for name, span in zip(names, block.spans, strict=True):
            begin, wait, work = span_columns(block, span, _BAR_WIDTH)
            drawn = " " * begin + "░" * wait + self.paint("█" * work, _CODES[span.tone])
            rest = " " * max(0, _BAR_WIDTH - begin - wait - work)
            yield f"{_pad(name, column)}{_GAP}{drawn}{rest}{_GAP}{visible(span.text)}".rstrip()

    def _table(self, table: Table) -> Iterator[str]:
        columns = [
            [_CellText(visible(name)), *(_CellText(known(row[index].text), row[index].tone) for row in table.rows)]
            for index, name in enumerate(table.header)
        ]
        widths = _fit(columns, table.numeric, self._width)
        header, *rows = zip(*columns, strict=True) if columns else [()]
        yield from self._row(header, widths, table.numeric, _BOLD)
        yield _GAP.join("─" * width for width in widths)
        for row in rows:
            yield from self._row(row, widths, table.numeric, "")

    def _row(
        self, cells: Sequence[_CellText], widths: Sequence[int], numeric: frozenset[int], code: str
    ) -> Iterator[str]:
        columns = [cell.lines(width) for cell, width in zip(cells, widths, strict=True)]
        for number in range(max(map(len, columns), default=0)):
            parts = []
            for index, column in enumerate(columns):
                line = column[number] if number < len(column) else ""
                padded = _pad(line, widths[index], right=index in numeric)
                parts.append(self.paint(padded, code or _CODES[cells[index].tone]))
            yield _GAP.join(parts).rstrip()


def text_bar(share: float | None, width: int = _BAR_WIDTH) -> str:
    """A bar of block characters for a share of 0..1, to an eighth of a column; a small value still shows."""
    if share is None:
        return ""
    eighths = max(round(share * width * 8), 1 if share > 0 else 0)
    return ("█" * (eighths // 8) + _EIGHTHS[eighths % 8]).rstrip()


def _pad(text: str, width: int, *, right: bool = False) -> str:
    blanks = " " * (width - display_width(text))
    return blanks + text if right else text + blanks


class _CellText:
    """A cell's text with the symbol of its tone in front, so that colour is never the only sign."""

    def __init__(self, text: str, tone: Tone = Tone.NEUTRAL) -> None:
        self.tone = tone
        self._text = text
        self._sign = f"{SYMBOLS[tone]} " if SYMBOLS[tone] else ""

    @property
    def width(self) -> int:
        return display_width(self._sign) + display_width(self._text)

    @property
    def narrowest(self) -> int:
        """The columns of its longest word."""
        return display_width(self._sign) + max(map(display_width, self._text.split(" ")))

    def lines(self, width: int) -> list[str]:
        indent = display_width(self._sign)
        first, *rest = wrap(self._text, width - indent)
        return [self._sign + first, *(" " * indent + line for line in rest)]


def _fit(columns: Sequence[Sequence[_CellText]], numeric: frozenset[int], width: int) -> list[int]:
    """Column widths: the widest give way as long as their words stay whole; a number never wraps.

    An identifier is one word: a column of job names keeps its width, one of reasons gives way.
    """
    widths = [max(cell.width for cell in column) for column in columns]
    least = [max(_NARROWEST_COLUMN, *(cell.narrowest for cell in column)) for column in columns]
    available = width - len(_GAP) * (len(widths) - 1)
    while sum(widths) > available:
        shrinkable = [i for i, w in enumerate(widths) if i not in numeric and w > least[i]]
        if not shrinkable:
            break
        widths[max(shrinkable, key=widths.__getitem__)] -= 1
    return widths


def wrap(text: str, width: int) -> list[str]:
    """Lines of at most `width` columns, broken at blanks; a longer word is a line of its own. At least one line."""
    lines: list[str] = []
    line, used = "", 0
    for word in text.strip().split(" "):
        size = display_width(word)
        if line and used + 1 + size > width:
            lines.append(line)
            line, used = word, size
        elif line:
            line, used = f"{line} {word}", used + 1 + size
        else:
            line, used = word, size
    return [*lines, line] if line or not lines else lines
