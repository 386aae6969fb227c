"""What all renderers share: symbols, words, and the shares that bars are drawn from."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Final

from nanna_ci.foundation.visible_text import visible
from nanna_ci.report.blocks import Areas, Bars, Cell, Span, Timeline, Tone, Trend

NOT_KNOWN: Final = "n/a"
_NAMED: Final = 3  # things of a treemap's group that text names
_LEVELS: Final = "▁▂▃▄▅▆▇█"
PART_FILLS: Final = "█▒░▓·"  # of the parts of a stacked bar, in order
SYMBOLS: Final = {Tone.NEUTRAL: "", Tone.GOOD: "✔", Tone.BAD: "✘", Tone.WARN: "⚠"}


def known(text: str | None) -> str:
    """One line of literal text; unknown is n/a."""
    return NOT_KNOWN if text is None else visible(text)


def cell_text(cell: Cell) -> str:
    """A cell's literal text with the symbol of its tone, so that colour is never the only sign."""
    text = known(cell.text)
    symbol = SYMBOLS[cell.tone]
    return f"{symbol} {text}" if symbol else text


def shares(values: Iterable[float | None]) -> list[float | None]:
    """Each value of a bar chart as a share (0..1) of the largest; None if there is no finite value."""
    finite = [value if value is not None and abs(value) < float("inf") else None for value in values]
    largest = max((value for value in finite if value is not None), default=0.0)
    return [
        None if value is None else max(0.0, value / largest) if largest > 0 else 0.0 for value in finite
    ]  # fmt: skip


def bars_of_areas(block: Areas) -> Bars:
    """A treemap's groups as bars: their sizes, and the largest things in each."""
    items = []
    for label, things in block.groups:
        named = ", ".join(f"{name} {text}" for name, _, text, _ in things[:_NAMED])
        more = f" and {len(things) - _NAMED:,} more" if len(things) > _NAMED else ""
        items.append((label, math.fsum(size for _, size, _, _ in things), named + more))
    return Bars(tuple(items), block.caption)


def part_shares(values: Sequence[float] | None) -> list[float]:
    """Each part of a stacked bar as a share (0..1) of the whole; none if there is nothing to divide."""
    if values is None or not all(0 <= value < float("inf") for value in values):
        return []
    largest = max(values, default=0.0)
    if largest == 0:
        return []
    scaled = [value / largest for value in values]  # the sum of two large numbers may be infinite
    return [value / sum(scaled) for value in scaled]


def part_columns(values: Sequence[float] | None, width: int) -> list[int]:
    """Columns of each part, together `width`; a small part still shows. None if there is nothing to divide."""
    parts = part_shares(values)
    columns = [max(1, int(share * width)) if share > 0 else 0 for share in parts]
    if columns:
        columns[columns.index(max(columns))] += width - sum(columns)
    return columns


def spark(trend: Trend, width: int) -> str:
    """The newest steps of a trend as a row of characters, a blank where nothing was measured."""
    steps = trend.steps[-width:]
    low, high = (trend.ticks[0][0], trend.ticks[-1][0]) if trend.ticks else (0.0, 0.0)
    if not math.isfinite(high - low) or high <= low:
        return ""
    return "".join(
        " " if step is None else _LEVELS[min(7, max(0, int((step[1] - low) / (high - low) * 8)))] for step in steps
    )


def span_columns(timeline: Timeline, span: Span, width: int) -> tuple[int, int, int]:
    """Columns before a span, of its wait, and of its work; work that took time still shows."""
    end_s = timeline.end_s
    if not 0 < end_s < float("inf"):
        return 0, 0, 0
    begin = int(span.begin_s / end_s * width)
    work = max(1 if span.work_s > 0 else 0, round(span.work_s / end_s * width))
    wait = min(round(span.wait_s / end_s * width), max(0, width - begin - work))
    return min(begin, width - work), wait, work
