"""A timeline as SVG."""

from __future__ import annotations

import html
import re

from nanna_ci.report.blocks import Span, Timeline, Tone
from nanna_ci.report.timeline_picture import draw_timeline


def draw(*spans: Span) -> str:
    return "\n".join(draw_timeline(Timeline(spans, "Jobs"), html.escape))


def bars(picture: str) -> list[tuple[str, str, str]]:
    return re.findall(r'<rect class="((?:wait|work)[^"]*)" x="([\d.]+)" width="([\d.]+)" height="10"/></?s', picture)


def test_work_stands_after_its_wait_on_one_scale():
    picture = draw(Span("a", 0, 25, 25, "x"), Span("b", 50, 0, 50, "x", critical=True))
    assert bars(picture) == [("work neutral", "250.0", "250.0"), ("work critical neutral", "500.0", "500.0")]
    assert '<rect class="wait" x="0.0" width="250.0" height="10"/>' in picture


def test_the_critical_path_is_told_by_more_than_its_colour():
    assert "<strong>a</strong>" in draw(Span("a", 0, 0, 1, "", critical=True))
    assert "<strong>" not in draw(Span("a", 0, 0, 1, ""))


def test_work_that_took_no_time_still_shows():
    assert bars(draw(Span("a", 0, 0, 0, "", Tone.BAD), Span("b", 0, 0, 9, ""))) == [
        ("work bad", "0.0", "2.0"),
        ("work neutral", "0.0", "1000.0"),
    ]


def test_waiting_is_in_the_legend_only_where_somebody_waited():
    assert "waiting" in draw(Span("a", 0, 1, 1, ""))
    assert "waiting" not in draw(Span("a", 0, 0, 1, ""))


def test_an_empty_timeline_and_one_without_end_are_drawn():
    assert "nan" not in draw() + draw(Span("a", 0, 0, float("inf"), ""))
