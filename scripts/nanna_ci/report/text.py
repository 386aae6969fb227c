"""A document for a terminal: aligned, wrapped to its width, coloured only when asked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, assert_never

from nanna_ci.report.blocks import (
    Bars,
    Block,
    Cell,
    Code,
    Document,
    Facts,
    Heading,
    Notice,
    Paragraph,
    Stacks,
    Table,
    Tone,
)
from nanna_ci.report.literal import (
    NOT_KNOWN,
    PART_FILLS,
    SYMBOLS,
    cell_text,
    display_width,
    known,
    part_columns,
    shares,
    visible,
    visible_lines,
)

_GAP: Final = "  "
_NARROWEST_COLUMN: Final = 12
_BAR_WIDTH: Final = 30
_EIGHTHS: Final = " ▏▎▍▌▋▊▉"
_CODES: Final = {Tone.NEUTRAL: "", Tone.GOOD: "32", Tone.BAD: "31", Tone.WARN: "33"}
_BOLD: Final = "1"
_FAINT: Final = "2"


def render_text(document: Document, *, color: bool, width: int) -> str:
    """The document as lines of at most `width` columns (more only where a word or a table cannot shrink so far).

    A document without title and blocks is no text at all: a command that has printed already.
    """
    painter = _Painter(color=color, width=width)
    title = visible(document.title)
    parts = [painter.paint(title, _BOLD) + "\n" + "═" * min(width, display_width(title))] if title else []
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

    def lines(self, block: Block) -> Iterator[str]:
        match block:
            case Heading(text=text, level=level):
                shown = visible(text)
                yield self.paint(shown, _BOLD)
                yield ("─" if level <= 1 else "·") * min(self._width, display_width(shown))
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
            case Bars():
                yield from self._bars(block)
            case Stacks():
                yield from self._stacks(block)
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

    def _table(self, table: Table) -> Iterator[str]:
        header = [visible(name) for name in table.header]
        texts = [[cell_text(cell) for cell in row] for row in table.rows]
        natural = [max(map(display_width, column)) for column in zip(header, *texts, strict=True)]
        widths = _fit(natural, table.numeric, self._width)
        plain = [Cell(name) for name in header]
        yield from self._row(header, plain, widths, table.numeric, _BOLD)
        yield _GAP.join("─" * width for width in widths)
        for row, cells in zip(texts, table.rows, strict=True):
            yield from self._row(row, cells, widths, table.numeric, "")

    def _row(
        self, texts: Sequence[str], cells: Sequence[Cell], widths: Sequence[int], numeric: frozenset[int], code: str
    ) -> Iterator[str]:
        columns = [wrap(text, width) for text, width in zip(texts, widths, strict=True)]
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


def _fit(natural: Sequence[int], numeric: frozenset[int], width: int) -> list[int]:
    """Column widths: the widest text columns give way, down to a limit; numbers never wrap."""
    widths = list(natural)
    room = width - len(_GAP) * (len(widths) - 1)
    while sum(widths) > room:
        shrinkable = [i for i, w in enumerate(widths) if i not in numeric and w > _NARROWEST_COLUMN]
        if not shrinkable:
            break
        widest = max(shrinkable, key=widths.__getitem__)
        widths[widest] -= 1
    return widths


def wrap(text: str, width: int) -> list[str]:
    """Lines of at most `width` columns, broken at blanks, or inside a word that is longer; at least one line."""
    lines: list[str] = []
    line, used = "", 0
    for word in text.strip().split(" "):
        size = display_width(word)
        if line and used + 1 + size <= width:
            line, used = f"{line} {word}", used + 1 + size
            continue
        if line:
            lines.append(line)
        while size > width:
            head = _head(word, width)
            lines.append(head)
            word = word[len(head) :]  # noqa: PLW2901 - the rest of the word
            size = display_width(word)
        line, used = word, size
    return [*lines, line] if line or not lines else lines


def _head(word: str, width: int) -> str:
    end = width
    while end > 1 and display_width(word[:end]) > width:
        end -= 1
    return word[:end]
