"""A document as one self-contained HTML page: no script, nothing loaded, light and dark, charts as inline SVG."""

from __future__ import annotations

import base64
import hashlib
import html
from collections.abc import Iterator
from typing import Final, assert_never

from nanna_ci.foundation.visible_text import visible, visible_lines
from nanna_ci.report.area_picture import AREAS_STYLE, draw_areas
from nanna_ci.report.blocks import (
    Areas,
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
from nanna_ci.report.literal import NOT_KNOWN, SYMBOLS, part_shares, shares

_STYLE: Final = (
    """
:root { color-scheme: light dark; --background: #ffffff; --panel: #f6f8fa; --line: #d5dbe1; --ink: #1f2328;
  --faint: #59636e;  --good: #1a7f37; --bad: #c9252d; --warn: #8a5a00; --bar: #3b6fd4;
  --good-background: #dff5e3; --bad-background: #ffe6e4; --warn-background: #fff1cc; }
@media (prefers-color-scheme: dark) { :root { --background: #0e1116; --panel: #171b22; --line: #303741; --ink: #e6eaef;
  --faint: #97a1ad; --good: #4cc76a; --bad: #ff7b72; --warn: #e3b341; --bar: #6c9cf5;
  --good-background: #12301b; --bad-background: #3d1716; --warn-background: #35290b; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--background); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", "Noto Sans", sans-serif; }
main { max-width: 72rem; margin: 0 auto; padding: 2.5rem 1.5rem 4rem; }
h1 { font-size: 1.9rem; line-height: 1.2; letter-spacing: -0.01em; margin: 0 0 1.5rem; }
h2, h3, h4, h5, h6 { line-height: 1.3; margin: 2.25rem 0 0.75rem; }
h2 { font-size: 1.3rem; padding-bottom: 0.35rem; border-bottom: 1px solid var(--line); }
h3 { font-size: 1.1rem; }
p { margin: 0.75rem 0; max-width: 46rem; overflow-wrap: anywhere; }
.notice { display: flex; gap: 0.7rem; margin: 0.75rem 0; padding: 0.7rem 1rem; border: 1px solid var(--line);
  border-left: 4px solid var(--faint); border-radius: 6px; background: var(--panel); overflow-wrap: anywhere; }
.notice.good { border-left-color: var(--good); background: var(--good-background); }
.notice.bad { border-left-color: var(--bad); background: var(--bad-background); }
.notice.warn { border-left-color: var(--warn); background: var(--warn-background); }
.good > b { color: var(--good); } .bad > b { color: var(--bad); } .warn > b { color: var(--warn); }
.scroll { overflow-x: auto; margin: 1rem 0; border: 1px solid var(--line); border-radius: 8px; }
table { border-collapse: collapse; width: 100%; font-size: 0.92rem; }
th, td { padding: 0.5rem 0.85rem; text-align: left; vertical-align: top; border-bottom: 1px solid var(--line);
  overflow-wrap: anywhere; }
th { background: var(--panel); font-weight: 600; white-space: nowrap; }
td { min-width: 5.5rem; }
tbody tr:last-child td { border-bottom: 0; }
tbody tr:hover { background: var(--panel); }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
td.good, td.bad, td.warn { font-weight: 600; overflow-wrap: normal; }
td.good { color: var(--good); } td.bad { color: var(--bad); } td.warn { color: var(--warn); }
.unknown { color: var(--faint); font-style: italic; font-weight: 400; }
pre { margin: 1rem 0; padding: 0.9rem 1.1rem; overflow-x: auto; background: var(--panel); border: 1px solid var(--line);
  border-radius: 8px; font: 0.86rem/1.5 ui-monospace, "SF Mono", Menlo, Consolas, monospace; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 0.3rem 1.4rem; margin: 1rem 0; }
dt { color: var(--faint); } dd { margin: 0; overflow-wrap: anywhere; }
figure { margin: 1.25rem 0; } figcaption { font-weight: 600; margin-bottom: 0.6rem; }
.bars { display: grid; grid-template-columns: minmax(6rem, max-content) 1fr max-content; gap: 0.45rem 1rem;
  align-items: center; font-size: 0.92rem; }
.bars svg { width: 100%; height: 0.95rem; display: block; }
.track { fill: var(--panel); } .bar { fill: var(--bar); }
.part.neutral { fill: var(--faint); } .part.good { fill: var(--good); } .part.bad { fill: var(--bad); }
.part.warn { fill: var(--warn); }
.legend { display: flex; flex-wrap: wrap; gap: 0.3rem 1.2rem; margin: 0 0 0.6rem; font-size: 0.88rem; }
.legend svg { width: 0.8rem; height: 0.8rem; margin-right: 0.4rem; }
"""
    + AREAS_STYLE
    + """
@media print { main { max-width: none; padding: 0; } .scroll { overflow: visible; } }
"""
)
_STYLE_HASH: Final = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_POLICY: Final = f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'; form-action 'none'"


def render_html(document: Document) -> str:
    """The page. Its policy lets a browser run nothing, load nothing, and style it by this one sheet."""
    title = _text(document.title)
    body = "\n".join(part for block in document.blocks for part in _parts(block))
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n<meta name="referrer" content="no-referrer">\n'
        f"<title>{title}</title>\n<style>{_STYLE}</style>\n</head>\n"
        f"<body>\n<main>\n<h1>{title}</h1>\n{body}\n</main>\n</body>\n</html>\n"
    )


def _escape(text: str) -> str:
    """Literal text; in a runner's log it contains no workflow command either."""
    return html.escape(text, quote=True).replace("::", ":&#58;").replace("##[", "#&#35;[")


def _text(text: str) -> str:
    return _escape(visible(text))


def _known(text: str | None) -> str:
    return f'<span class="unknown">{NOT_KNOWN}</span>' if text is None else _text(text)


def _parts(block: Block) -> Iterator[str]:
    match block:
        case Heading(text=text, level=level):
            tag = f"h{min(6, max(2, level + 1))}"
            yield f"<{tag}>{_text(text)}</{tag}>"
        case Paragraph(text=text):
            yield f"<p>{_text(text)}</p>"
        case Notice(tone=tone, text=text):
            mark = SYMBOLS[tone] or "•"
            sign = f'<b role="img" aria-label="{tone.value}">{mark}</b>'
            yield f'<div class="notice {tone.value}">{sign}<span>{_text(text)}</span></div>'
        case Table():
            yield from _table(block)
        case Code(text=text):
            yield f"<pre><code>{_escape(visible_lines(text))}</code></pre>"
        case Facts(items=items):
            rows = "\n".join(f"<dt>{_text(name)}</dt><dd>{_known(value)}</dd>" for name, value in items)
            yield f"<dl>\n{rows}\n</dl>"
        case Bars():
            yield from _bars(block)
        case Stacks():
            yield from _stacks(block)
        case Areas():
            yield from draw_areas(block, _text)
        case _:
            assert_never(block)


def _table(table: Table) -> Iterator[str]:
    yield '<div class="scroll"><table>\n<thead><tr>'
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
    return f"<td{attribute}>{symbol}{_known(cell.text)}</td>"


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
