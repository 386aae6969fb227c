"""A timeline as inline SVG: a row a thing, its wait pale, its work full, and the fullest what the end waited for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from nanna_ci.report.blocks import Timeline
from nanna_ci.report.units import seconds_text

TIMELINE_STYLE: Final = """
.timeline svg { height: 1.05rem; }
.timeline .grid { fill: var(--line); }
.timeline .wait { fill: var(--faint); fill-opacity: 0.45; } .timeline .work { fill: var(--bar); fill-opacity: 0.55; }
.timeline .critical { fill: var(--bar); fill-opacity: 1; } .timeline .work.bad { fill: var(--bad); }
.timeline .axis { display: flex; justify-content: space-between; color: var(--faint); font-size: 0.8rem;
  white-space: nowrap; }
.legend .wait { fill: var(--faint); fill-opacity: 0.45; } .legend .work { fill: var(--bar); fill-opacity: 0.55; }
.legend .critical { fill: var(--bar); fill-opacity: 1; }
@media (max-width: 40rem) { .bars.timeline { grid-template-columns: 1fr; gap: 0.1rem; }
  .timeline .number { text-align: left; white-space: normal; color: var(--faint); margin-bottom: 0.6rem; } }
"""
_LEGEND: Final = (("work critical", "on the critical path"), ("work", "other work"), ("wait", "waiting for a machine"))
_WIDTH: Final = 1000
_QUARTERS: Final = 4


def draw_timeline(block: Timeline, text: Callable[[str], str]) -> Iterator[str]:
    """The lines of a figure; `text` makes literal text harmless in HTML."""
    end_s = block.end_s
    scale = _WIDTH / end_s if 0 < end_s < float("inf") else 0.0
    yield f'<figure>\n<figcaption>{text(block.caption)}</figcaption>\n<div class="legend">'
    for names, said in _LEGEND if any(span.wait_s for span in block.spans) else _LEGEND[:-1]:
        swatch = f'<svg viewBox="0 0 10 10" aria-hidden="true"><rect class="{names}" width="10" height="10"/></svg>'
        yield f"<span>{swatch}{said}</span>"
    yield '</div>\n<div class="bars timeline">'
    grid = "".join(
        f'<rect class="grid" x="{_WIDTH * at / _QUARTERS:g}" width="1" height="10"/>' for at in range(1, _QUARTERS)
    )
    for span in block.spans if scale or not end_s else ():
        begin, work = span.begin_s * scale, (span.begin_s + span.wait_s) * scale
        wait = f'<rect class="wait" x="{begin:.1f}" width="{span.wait_s * scale:.1f}" height="10"/>'
        names = f"work{' critical' if span.critical else ''} {span.tone.value}"
        bar = f'<rect class="{names}" x="{work:.1f}" width="{max(span.work_s * scale, 2):.1f}" height="10"/>'
        label = f"<strong>{text(span.name)}</strong>" if span.critical else text(span.name)
        yield (
            f'<span>{label}</span><svg viewBox="0 0 {_WIDTH} 10" preserveAspectRatio="none" aria-hidden="true">'
            f'<rect class="track" width="{_WIDTH}" height="10"/>{grid}{wait if span.wait_s else ""}{bar}</svg>'
            f'<span class="number">{text(span.text)}</span>'
        )
    marks = "".join(
        f"<span>{text(seconds_text(end_s * (at / _QUARTERS)))}</span>" for at in range(_QUARTERS + 1) if scale
    )
    yield f'<span></span><div class="axis" aria-hidden="true">{marks}</div><span></span></div>\n</figure>'
