"""Trends as SVG."""

from __future__ import annotations

import html
import re

from nanna_ci.report.blocks import Trend, Trends
from nanna_ci.report.trend_picture import draw_trends

TICKS = ((0.0, "0"), (5.0, "5 s"), (10.0, "10 s"))


def draw(*values: float | None, exact_from: int = 0, **more: object) -> str:
    steps = tuple(None if value is None else (value, value, value) for value in values)
    trend = Trend("a", "1 s", "note", steps, TICKS, **more)  # type: ignore[arg-type]
    return "\n".join(draw_trends(Trends("Times", (trend,), exact_from, ("first", "last")), html.escape))


def path(name: str, picture: str) -> str:
    found = re.findall(rf'<path class="{name}" d="([^"]*)"/>', picture)
    return found[0] if found else ""


def test_a_single_value_is_a_dot_in_the_middle_and_no_line():
    picture = draw(5.0)
    assert path("middle", picture) == ""
    assert path("dots", picture) == "M0.5 50h0"


def test_a_line_goes_from_old_to_new_with_the_largest_on_top():
    assert path("middle", draw(0.0, 10.0, 5.0)) == "M0 100 1 0 2 50"


def test_what_was_not_measured_is_a_gap_and_not_a_value():
    assert path("middle", draw(1.0, 2.0, None, 3.0, 4.0)) == "M0 90 1 80M3 70 4 60"
    assert path("dots", draw(1.0, None, 3.0, None, None)) == "M0 90h0M2 70h0"


def test_a_line_is_cut_where_values_are_not_to_be_compared():
    picture = draw(1.0, 2.0, 3.0, 4.0, breaks=frozenset({2}))
    assert path("middle", picture) == "M0 90 1 80M2 70 3 60"
    assert path("cut", picture) == "M1.5 0V100"


def test_a_step_of_several_runs_has_a_band_over_their_range():
    trend = Trend("a", None, "", ((1.0, 2.0, 3.0), (2.0, 2.0, 2.0)), TICKS)
    picture = "\n".join(draw_trends(Trends("", (trend,), 1, ("", "")), html.escape))
    assert path("band", picture) == "M0 70 1 80 1 80 0 90Z"
    assert '<rect class="old" width="1"' in picture


def test_a_value_outside_of_the_axis_or_not_finite_draws_nothing_that_breaks_the_page():
    picture = draw(-5.0, 50.0, float("nan"), 1.0, 2.0, float("inf"))
    assert path("middle", picture) == "M0 100 1 0M3 90 4 80"
    assert "nan" not in picture
    assert "inf" not in picture


def test_a_mark_is_drawn_and_said():
    picture = draw(1.0, 2.0, marks=((1, "its level <changed>"),))
    assert path("mark", picture) == "M1 0V100"
    assert "<li>its level &lt;changed&gt;</li>" in picture


def test_a_picture_says_in_words_what_it_shows():
    assert 'role="img" aria-label="a: latest 1 s, note"' in draw(1.0)
