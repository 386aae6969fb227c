"""A treemap as inline SVG: groups, each with a band that names it, and its things below that."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Final

from nanna_ci.report.blocks import Areas
from nanna_ci.report.treemap import Rectangle, squarify

_TINTS: Final = 6
AREAS_STYLE: Final = """
.areas { width: 100%; height: auto; display: block; border: 1px solid var(--line); border-radius: 8px; }
.areas text { font: 13px system-ui, -apple-system, "Segoe UI", "Noto Sans", sans-serif; fill: var(--ink); }
.areas .group { font-weight: 600; } .areas rect { stroke: var(--background); stroke-width: 1.5; }
.areas .band { fill: var(--panel); }
.areas .t0 { fill: #cfe0fb; } .areas .t1 { fill: #d3efdb; } .areas .t2 { fill: #fbe6bd; }
.areas .t3 { fill: #f6d5de; } .areas .t4 { fill: #dfd8f7; } .areas .t5 { fill: #cdeaf0; }
.areas .tile:hover { stroke: var(--ink); }
@media screen and (prefers-color-scheme: dark) {
  .areas .t0 { fill: #1d3a66; } .areas .t1 { fill: #1c4a2c; } .areas .t2 { fill: #55400f; }
  .areas .t3 { fill: #5a2638; } .areas .t4 { fill: #3a2f66; } .areas .t5 { fill: #174650; } }
"""
_WIDTH: Final = 1000.0
_HEIGHT: Final = 460.0
_BAND: Final = 22.0
_LETTER: Final = 7.4  # the mean width of a letter at 13 px, rather more than less
_SMALLEST: Final = 0.4  # a rectangle below half a pixel would be a smear of its border
_MOST_THINGS: Final = 400  # of a group; the rest is one rectangle, so that a page stays small


def draw_areas(block: Areas, text: Callable[[str], str]) -> Iterator[str]:
    """The lines of a figure; `text` makes literal text harmless in HTML."""
    groups = [(label, _largest_first(things)) for label, things in block.groups]
    groups = sorted(groups, key=lambda group: -math.fsum(thing[1] for thing in group[1]))
    places = squarify([math.fsum(thing[1] for thing in things) for _, things in groups], _whole())
    count = sum(len(things) for _, things in block.groups)
    yield f"<figure>\n<figcaption>{text(block.caption)}</figcaption>"
    yield (
        f'<svg class="areas" viewBox="0 0 {_WIDTH:.0f} {_HEIGHT:.0f}" role="img"'
        f' aria-label="{text(block.caption)}: {count:,} things in {len(groups):,} groups">'
    )
    for number, ((label, things), place) in enumerate(zip(groups, places, strict=True)):
        yield from _group(label, things, place, number % _TINTS, text)
    yield "</svg>\n</figure>"


def _whole() -> Rectangle:
    return Rectangle(0.0, 0.0, _WIDTH, _HEIGHT)


def _largest_first(things: tuple[tuple[str, float, str, str], ...]) -> list[tuple[str, float, str, str]]:
    ordered = sorted(things, key=lambda thing: (-thing[1], thing[0]))
    if len(ordered) <= _MOST_THINGS:
        return ordered
    rest = ordered[_MOST_THINGS:]
    left = (f"{len(rest):,} more", math.fsum(thing[1] for thing in rest), "", "")
    return sorted([*ordered[:_MOST_THINGS], left], key=lambda thing: -thing[1])


def _group(
    label: str, things: list[tuple[str, float, str, str]], place: Rectangle, tint: int, text: Callable[[str], str]
) -> Iterator[str]:
    if min(place.width, place.height) < _SMALLEST:
        return
    band = _BAND if place.height > 3 * _BAND and place.width > 4 * _LETTER else 0.0
    if band:
        yield f"<g><title>{text(label)}</title>{_rectangle(place, 'band')}"
        yield f"{_label(label, place, band, text, 'group')}</g>"
    inner = place.below(band)
    for (name, _, size, more), tile in zip(things, squarify([thing[1] for thing in things], inner), strict=True):
        if min(tile.width, tile.height) < _SMALLEST:
            continue
        title = " · ".join(part for part in (name, size, more) if part)
        shown = _label(name, tile, tile.height, text, "") if tile.height >= _BAND else ""
        yield f"<g><title>{text(title)}</title>{_rectangle(tile, f'tile t{tint}')}{shown}</g>"


def _rectangle(place: Rectangle, names: str) -> str:
    return (
        f'<rect class="{names}" x="{place.x:.1f}" y="{place.y:.1f}"'
        f' width="{place.width:.1f}" height="{place.height:.1f}"/>'
    )


def _label(label: str, place: Rectangle, height: float, text: Callable[[str], str], names: str) -> str:
    """As much of a label as fits into its place; none if that would be less than three letters."""
    letters = int((place.width - 10) / _LETTER)
    if letters < min(3, len(label)):
        return ""
    shown = label if len(label) <= letters else f"{label[: letters - 1]}…"
    name = f' class="{names}"' if names else ""
    return f'<text{name} x="{place.x + 5:.1f}" y="{place.y + min(height, _BAND) - 6:.1f}">{text(shown)}</text>'
