"""Trends as small inline SVG: a line of middle values over a band from lowest to highest, a dot where nothing joins.

A plot is stretched to its place; strokes keep their width, and a line of no length with round ends is a dot.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Final

from nanna_ci.report.blocks import Trend, Trends
from nanna_ci.report.literal import NOT_KNOWN

TRENDS_STYLE: Final = """
.trends { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(17rem, 100%), 1fr)); gap: 1rem; }
.trends.wide { grid-template-columns: 1fr; }
.trend { margin: 0; padding: 0.8rem 0.9rem 0.6rem; border: 1px solid var(--line); border-radius: 8px; min-width: 0;
  display: flex; flex-direction: column; justify-content: space-between; }
.caption { font-weight: 600; margin: 1.25rem 0 0.6rem; } .caption span { color: var(--faint); font-weight: 400; }
.trend figcaption { display: grid; grid-template-columns: 1fr auto; gap: 0 0.8rem; margin: 0 0 0.5rem;
  font-size: 0.9rem; }
.trend .name { overflow-wrap: anywhere; } .trend .latest { font-variant-numeric: tabular-nums; white-space: nowrap; }
.trend small { grid-column: 1 / -1; color: var(--faint); font-weight: 400; }
.plot { display: grid; grid-template-columns: max-content 1fr; gap: 0.2rem 0.5rem; font-size: 0.75rem;
  color: var(--faint); font-variant-numeric: tabular-nums; }
.ticks { display: flex; flex-direction: column-reverse; justify-content: space-between; text-align: right;
  margin: -0.5em 0; line-height: 1; }
.plot svg { width: 100%; height: 4.5rem; display: block; overflow: visible; } .wide .plot svg { height: 9rem; }
.ends { grid-column: 2; display: flex; white-space: nowrap; justify-content: space-between; gap: 0.5rem; }
.plot path { fill: none; vector-effect: non-scaling-stroke; stroke-linecap: round; stroke-linejoin: round; }
.plot .grid { stroke: var(--line); stroke-width: 1; } .plot .old { fill: var(--panel); }
.plot .middle { stroke: var(--bar); stroke-width: 1.6; } .plot .dots { stroke: var(--bar); stroke-width: 5; }
.plot .band { fill: var(--bar); fill-opacity: 0.22; stroke: none; }
.plot .cut { stroke: var(--faint); stroke-width: 1; stroke-dasharray: 1 4; }
.plot .mark { stroke: var(--warn); stroke-width: 1.5; stroke-dasharray: 4 3; }
.marks { margin: 0.4rem 0 0; padding: 0; list-style: none; font-size: 0.8rem; color: var(--warn); }
"""
_HEIGHT: Final = 100


def draw_trends(block: Trends, text: Callable[[str], str]) -> Iterator[str]:
    """The lines of a group of figures; `text` makes literal text harmless in HTML."""
    more = f" <span>({text(block.note)})</span>" if block.note else ""
    yield f'<p class="caption">{text(block.caption)}{more}</p>'
    yield f'<div class="trends{" wide" if block.wide else ""}">'
    for trend in block.trends:
        latest = NOT_KNOWN if trend.text is None else text(trend.text)
        unknown = " unknown" if trend.text is None else ""
        yield '<figure class="trend"><figcaption>'
        yield f'<span class="name">{text(trend.name)}</span> <span class="latest{unknown}">{latest}</span>'
        yield f"<small>{text(trend.note)}</small></figcaption>"
        yield f'<div class="plot"><div class="ticks" aria-hidden="true">{_ticks(trend, text)}</div>'
        yield _plot(trend, block.exact_from, f"{text(trend.name)}: latest {latest}, {text(trend.note)}")
        ends = "".join(f"<span>{text(end)}</span>" for end in dict.fromkeys(block.ends))
        yield f'<div class="ends">{ends}</div></div>'
        if trend.marks:
            yield f'<ul class="marks">{"".join(f"<li>{text(said)}</li>" for _, said in trend.marks)}</ul>'
        yield "</figure>"
    yield "</div>"


def _ticks(trend: Trend, text: Callable[[str], str]) -> str:
    return "".join(f"<span>{text(label)}</span>" for _, label in trend.ticks)


def _plot(trend: Trend, exact_from: int, label: str) -> str:
    count = len(trend.steps)
    width = max(count - 1, 1)
    low, high = (trend.ticks[0][0], trend.ticks[-1][0]) if trend.ticks else (0.0, 1.0)
    parts = [f'<svg viewBox="0 0 {width} {_HEIGHT}" preserveAspectRatio="none" role="img" aria-label="{label}">']
    if exact_from:
        parts.append(f'<rect class="old" width="{min(exact_from, width)}" height="{_HEIGHT}"/>')
    lines = "".join(f"M0 {_HEIGHT * at / max(len(trend.ticks) - 1, 1):g}H{width}" for at in range(len(trend.ticks)))
    parts.append(f'<path class="grid" d="{lines}"/>')
    shift = width / 2 if count == 1 else 0
    scale = _HEIGHT / (high - low) if math.isfinite(high - low) and high > low else 0.0
    bands, middles, dots = [], [], []
    for stretch in _stretches(trend):
        points = [
            (at + shift, *(f"{_HEIGHT - max(0.0, min(value - low, high - low)) * scale:.4g}" for value in step))
            for at, step in stretch
        ]
        if len(points) == 1:
            at, lowest, middle, highest = points[0]
            dots.append(f"M{at:g} {middle}h0")
            if lowest != highest:
                middles.append(f"M{at:g} {lowest}V{highest}")
            continue
        middles.append("M" + " ".join(f"{at:g} {middle}" for at, _, middle, _ in points))
        if any(lowest != highest for _, lowest, _, highest in points):
            upper = " ".join(f"{at:g} {highest}" for at, _, _, highest in points)
            lower = " ".join(f"{at:g} {lowest}" for at, lowest, _, _ in reversed(points))
            bands.append(f"M{upper} {lower}Z")
        if points[-1][0] == count - 1:
            dots.append(f"M{points[-1][0]:g} {points[-1][2]}h0")
    for name, drawn in (("band", bands), ("middle", middles), ("dots", dots)):
        if drawn:
            parts.append(f'<path class="{name}" d="{"".join(drawn)}"/>')
    for name, places in (("cut", [at - 0.5 for at in sorted(trend.breaks)]), ("mark", [at for at, _ in trend.marks])):
        if places:
            parts.append(f'<path class="{name}" d="{"".join(f"M{at:g} 0V{_HEIGHT}" for at in places)}"/>')
    return "".join([*parts, "</svg>"])


def _stretches(trend: Trend) -> Iterator[list[tuple[int, tuple[float, float, float]]]]:
    """The steps that a line joins: none is missing between them, and none is cut off."""
    stretch: list[tuple[int, tuple[float, float, float]]] = []
    for at, step in enumerate(trend.steps):
        measured = step is not None and all(map(math.isfinite, step))
        if stretch and (not measured or at in trend.breaks):
            yield stretch
            stretch = []
        if step is not None and measured:
            stretch.append((at, step))
    if stretch:
        yield stretch
