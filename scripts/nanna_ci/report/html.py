"""A document as one self-contained HTML page: nothing loaded, light and dark, charts as inline SVG."""

from __future__ import annotations

import base64
import hashlib
import html
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final, assert_never

from nanna_ci.foundation.visible_text import visible, visible_lines
from nanna_ci.report.area_picture import draw_areas
from nanna_ci.report.blocks import (
    Areas,
    Bars,
    Block,
    Cell,
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
from nanna_ci.report.literal import NOT_KNOWN, SYMBOLS, part_shares, shares
from nanna_ci.report.page_script import PAGE_SCRIPT
from nanna_ci.report.page_style import PAGE_STYLE
from nanna_ci.report.timeline_picture import draw_timeline
from nanna_ci.report.trend_picture import draw_trends

_ADDRESS: Final = re.compile(r"https?://[!-~]+", re.ASCII)


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


_STYLE_HASH: Final = _hash(PAGE_STYLE)
_SCRIPT_HASH: Final = _hash(PAGE_SCRIPT)


def render_html(document: Document) -> str:
    """The page.

    Its policy lets a browser load nothing and style it by this one sheet; it runs nothing but, if there is a table to
    sort, the one script that does that.
    """
    title = _text(document.title)
    scripted = _has_sortable(document.blocks)
    script = f"script-src {_SCRIPT_HASH}; " if scripted else ""
    policy = f"default-src 'none'; {script}style-src {_STYLE_HASH}; base-uri 'none'; form-action 'none'"
    sections = _Sections()
    body = "\n".join(part for block in document.blocks for part in _parts(block, sections))
    skip, contents = _contents(sections) if document.contents and len(sections.names) > 2 else ("", "")
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n<meta name="referrer" content="no-referrer">\n'
        f"<title>{title}</title>\n<style>{PAGE_STYLE}</style>\n</head>\n"
        f"<body>\n{skip}<main>\n<h1>{title}</h1>\n{contents}{body}\n</main>\n"
        f"{f'<script>{PAGE_SCRIPT}</script>' if scripted else ''}</body>\n</html>\n"
    )


@dataclass(slots=True)
class _Sections:
    """The sections of a page so far, by their headings; a section's number is its anchor."""

    names: list[str] = field(default_factory=list)


def _contents(sections: _Sections) -> tuple[str, str]:
    """A link past the contents, for those who go by keyboard, and the contents."""
    links = "".join(
        f'<li><a href="#section-{number}">{_text(name)}</a></li>' for number, name in enumerate(sections.names)
    )
    skip = '<a class="skip" href="#content">Skip to the content</a>\n'
    return (
        skip,
        f'<nav class="contents" aria-label="Contents"><ul>{links}</ul></nav>\n<div id="content" tabindex="-1"></div>',
    )


def _has_sortable(blocks: Iterable[Block]) -> bool:
    return any(
        _has_sortable(block.blocks) if isinstance(block, Details) else isinstance(block, Table) and block.sortable
        for block in blocks
    )


def _escape(text: str) -> str:
    """Literal text; in a runner's log it contains no workflow command either."""
    return html.escape(text, quote=True).replace("::", ":&#58;").replace("##[", "#&#35;[")


def _text(text: str) -> str:
    return _escape(visible(text))


def _known(text: str | None) -> str:
    return f'<span class="unknown">{NOT_KNOWN}</span>' if text is None else _text(text)


def _parts(block: Block, sections: _Sections) -> Iterator[str]:
    match block:
        case Heading(text=text, level=level):
            yield _heading(text, f"h{min(6, max(2, level + 1))}", sections)
        case Paragraph(text=text):
            yield f"<p>{_text(text)}</p>"
        case Notice(tone=tone, text=text):
            mark = SYMBOLS[tone] or "•"
            sign = f'<b role="img" aria-label="{tone.value}">{mark}</b>'
            yield f'<div class="notice {tone.value}">{sign}<span>{_text(text)}</span></div>'
        case Table():
            yield from _table(block)
        case Code(text=text):
            yield f'<pre tabindex="0"><code>{_escape(visible_lines(text))}</code></pre>'
        case Facts(items=items):
            rows = "\n".join(f"<dt>{_text(name)}</dt><dd>{_known(value)}</dd>" for name, value in items)
            yield f"<dl>\n{rows}\n</dl>"
        case Areas() | Bars() | Stacks() | Timeline() | Trends():
            yield from _picture(block)
        case Details(summary=summary, blocks=blocks):
            yield f"<details><summary>{_text(summary)}</summary>"
            for inner in blocks:
                yield from _parts(inner, sections)
            yield "</details>"
        case _:
            assert_never(block)


def _heading(text: str, tag: str, sections: _Sections) -> str:
    anchor = ""
    if tag == "h2":
        anchor = f' id="section-{len(sections.names)}"'
        sections.names.append(text)
    return f"<{tag}{anchor}>{_text(text)}</{tag}>"


def _picture(block: Picture) -> Iterator[str]:
    match block:
        case Bars():
            yield from _bars(block)
        case Stacks():
            yield from _stacks(block)
        case Areas():
            yield from draw_areas(block, _text)
        case Trends():
            yield from draw_trends(block, _text)
        case Timeline():
            yield from draw_timeline(block, _text)
        case _:
            assert_never(block)


def _table(table: Table) -> Iterator[str]:
    sortable = f' data-rows="{_text(table.sortable)}"' if table.sortable else ""
    yield f'<div class="scroll" tabindex="0"><table{sortable}>\n<thead><tr>'
    for index, name in enumerate(table.header):
        number = ' class="number"' if index in table.numeric else ""
        yield f'<th scope="col"{number}>{_text(name)}</th>'
    yield "</tr></thead>\n<tbody>"
    for row in table.rows:
        yield f"<tr>{''.join(_cell(cell, number=index in table.numeric) for index, cell in enumerate(row))}</tr>"
    yield "</tbody></table></div>"


def _cell(cell: Cell, *, number: bool) -> str:
    names = [name for name, on in ((cell.tone.value, cell.tone is not Tone.NEUTRAL), ("number", number)) if on]
    attribute = f' class="{" ".join(names)}"' if names else ""
    symbol = f"{SYMBOLS[cell.tone]}&nbsp;" if SYMBOLS[cell.tone] else ""
    order = "" if cell.order is None else f' data-order="{cell.order:.6g}"'
    shown = _known(cell.text)
    if cell.link is not None and _ADDRESS.fullmatch(cell.link):
        shown = f'<a href="{_escape(cell.link)}" rel="noreferrer noopener">{shown}</a>'
    return f"<td{attribute}{order}>{symbol}{shown}</td>"


def _bars(block: Bars) -> Iterator[str]:
    yield f'<figure>\n<figcaption>{_text(block.caption)}</figcaption>\n<div class="bars">'
    parts = shares(value for _, value, _ in block.items)
    for (label, _, value), share in zip(block.items, parts, strict=True):
        yield f"<span>{_text(label)}</span>{_bar(share)}" + f'<span class="number">{_known(value)}</span>'
    yield "</div>\n</figure>"


def _bar(share: float | None) -> str:
    """One bar, stretched to its column; the value's text stands beside it, so the picture itself stays silent."""
    filled = "" if share is None else f'<rect class="bar" width="{share * 100:.2f}" height="10" rx="0.6" ry="2"/>'
    return (
        '<svg viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">'
        f'<rect class="track" width="100" height="10"/>{filled}</svg>'
    )


def _stacks(block: Stacks) -> Iterator[str]:
    yield f'<figure>\n<figcaption>{_text(block.caption)}</figcaption>\n<div class="legend">'
    for name, tone in block.parts:
        swatch = f'<rect class="part {tone.value}" width="10" height="10" rx="2"/>'
        yield f'<span><svg viewBox="0 0 10 10" aria-hidden="true">{swatch}</svg>{_text(name)}</span>'
    yield '</div>\n<div class="bars">'
    for label, values, text in block.items:
        shown = _known(None if values is None else text)
        yield f'<span>{_text(label)}</span>{_stack(block, values)}<span class="number">{shown}</span>'
    yield "</div>\n</figure>"


def _stack(block: Stacks, values: tuple[float, ...] | None) -> str:
    """The parts beside each other; the text beside them says what they are, so the picture stays silent."""
    parts, at = [], 0.0
    for (_, tone), share in zip(block.parts, part_shares(values), strict=False):
        parts.append(f'<rect class="part {tone.value}" x="{at * 100:.2f}" width="{share * 100:.2f}" height="10"/>')
        at += share
    return (
        '<svg viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">'
        f'<rect class="track" width="100" height="10"/>{"".join(parts)}</svg>'
    )
