"""A document as GitHub-flavoured Markdown in which every literal text stays literal."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final, assert_never

from nanna_ci.foundation.visible_text import visible_lines
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
    Trends,
)
from nanna_ci.report.literal import (
    PART_FILLS,
    SYMBOLS,
    bars_of_areas,
    cell_text,
    known,
    part_columns,
    shares,
    span_columns,
    spark,
)
from nanna_ci.report.text import text_bar

_BAR_WIDTH: Final = 20
_ACTIVE: Final = re.compile(
    r"""(?P<entity>[&<>])
    | (?P<escape>[\\`*_~\[\]{}|])
    | (?P<span>[@$\#^]|:(?=[\w+-]+:))   # mentions, formulas, issues, emoji: looked for in rendered text
    | (?P<colon>:(?=//))                # https://
    | (?P<dot>(?<=[wW]{3})\.)           # www.
    """,
    re.VERBOSE,
)
_ENTITIES: Final = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
_BLOCK_START: Final = re.compile(r"(?P<number>\d+)(?P<mark>[.)])(?=\s|$)|(?P<sign>[-+=])")
_LANGUAGE: Final = re.compile(r"[^A-Za-z0-9_+-]")


def render_markdown(document: Document) -> str:
    """The document; its blocks are apart by an empty line."""
    return "\n".join([f"# {escape(document.title)}\n", *map(render_block, document.blocks)])


def escape(text: str | None) -> str:
    """One line of literal text that shows as itself, wherever it is in a line; None is n/a."""
    shown = known(text).strip()
    start = _BLOCK_START.match(shown)
    if start is None:
        return _ACTIVE.sub(_inert, shown)
    mark = start["mark"] or start["sign"]
    return f"{start['number'] or ''}&#{ord(mark)};{_ACTIVE.sub(_inert, shown[start.end() :])}"


def _inert(match: re.Match[str]) -> str:
    character = match.group()
    match match.lastgroup:
        case "entity":
            return _ENTITIES[character]
        case "escape":
            return f"\\{character}"
        case "span":
            return f"<span>{character}</span>"
        case _:
            return f"&#{ord(character)};"


def fence(text: str, language: str = "") -> str:
    """A fenced block, its fence longer than any in the text."""
    shown = visible_lines(text).rstrip("\n")
    longest = max((len(run) for run in re.findall("`+", shown)), default=0)
    ticks = "`" * max(3, longest + 1)
    return f"{ticks}{_LANGUAGE.sub('', language)}\n{shown}\n{ticks}"


def render_block(block: Block) -> str:
    """One block, with a newline at its end."""
    return "\n".join(_lines(block)) + "\n"


def _lines(block: Block) -> Iterator[str]:
    match block:
        case Heading(text=text, level=level):
            yield f"{'#' * min(6, level + 1)} {escape(text)}"
        case Paragraph(text=text):
            yield escape(text)
        case Notice(tone=tone, text=text):
            yield f"> {SYMBOLS[tone]} {escape(text)}".replace(">  ", "> ")
        case Table():
            yield from _table(
                map(escape, block.header),
                ([escape(cell_text(cell)) for cell in row] for row in block.rows),
                block.numeric,
            )
        case Code(text=text, language=language):
            yield fence(text, language)
        case Facts(items=items):
            yield from (f"- **{escape(name)}:** {escape(value)}" for name, value in items)
        case Areas() | Bars() | Stacks() | Timeline() | Trends():
            yield from _picture(block)
        case Details(summary=summary, blocks=blocks):
            yield f"**{escape(summary)}**\n"
            yield "\n".join(map(render_block, blocks)).rstrip("\n")
        case _:
            assert_never(block)


def _picture(block: Picture) -> Iterator[str]:
    match block:
        case Bars():
            yield from _bars(block)
        case Stacks():
            yield from _stacks(block)
        case Areas():
            yield from _bars(bars_of_areas(block))
        case Trends():
            yield from _trends(block)
        case Timeline():
            yield from _timeline(block)
        case _:
            assert_never(block)


def _trends(block: Trends) -> Iterator[str]:
    rows = (
        [escape(trend.name), spark(trend, _BAR_WIDTH).replace(" ", "·"), escape(trend.text), escape(trend.note)]
        for trend in block.trends
    )
    yield from _table([escape(block.caption), "", "Latest", ""], rows, frozenset({2}))


def _bars(block: Bars) -> Iterator[str]:
    parts = shares(value for _, value, _ in block.items)
    rows = (
        [escape(label), text_bar(share, _BAR_WIDTH), escape(value)]
        for (label, _, value), share in zip(block.items, parts, strict=True)
    )
    yield from _table([escape(block.caption), "", ""], rows, frozenset({2}))


def _stacks(block: Stacks) -> Iterator[str]:
    legend = " ".join(f"{fill} {escape(name)}" for fill, (name, _) in zip(PART_FILLS, block.parts, strict=False))
    rows = (
        [
            escape(label),
            "".join(fill * count for fill, count in zip(PART_FILLS, part_columns(values, _BAR_WIDTH), strict=False)),
            escape(None if values is None else text),
        ]
        for label, values, text in block.items
    )
    yield from _table([escape(block.caption), legend, ""], rows, frozenset({2}))


def _timeline(block: Timeline) -> Iterator[str]:
    rows = []
    for span in block.spans:
        begin, wait, work = span_columns(block, span, _BAR_WIDTH)
        critical = "▶ " if span.critical else ""
        rows.append([critical + escape(span.name), "·" * begin + "░" * wait + "█" * work, escape(span.text)])
    yield from _table([escape(block.caption), "", ""], rows, frozenset({2}))


def _table(header: Iterable[str], rows: Iterable[list[str]], numeric: frozenset[int]) -> Iterator[str]:
    names = list(header)
    yield f"| {' | '.join(names)} |"
    yield f"|{'|'.join('---:' if index in numeric else '---' for index in range(len(names)))}|"
    yield from (f"| {' | '.join(row)} |" for row in rows)
