"""The picture of a treemap: what is named, what is left out, and that names stay literal."""

from __future__ import annotations

import re

from nanna_ci.report.blocks import Areas, Document
from nanna_ci.report.html import render_html
from nanna_ci.report.markdown import render_markdown
from nanna_ci.report.text import render_text

AREAS = Areas(
    (
        ("layer 1", (("glibc 2.41", 30e6, "30 MB", "in every program"), ("zlib 1.3", 1e5, "0.1 MB", ""))),
        ("layer 2", (("<script>harness", 60e6, "60 MB", ""),)),
    ),
    "What is in the image",
)


def test_every_thing_has_its_name_size_and_more_as_a_tooltip():
    page = render_html(Document("T", (AREAS,)))
    assert "<title>glibc 2.41 · 30 MB · in every program</title>" in page
    assert "<title>zlib 1.3 · 0.1 MB</title>" in page
    assert 'aria-label="What is in the image: 3 things in 2 groups"' in page
    assert "<script>" not in page


def test_the_largest_thing_has_the_largest_rectangle():
    page = render_html(Document("T", (AREAS,)))
    drawn = dict(re.findall(r'<title>([^<]*)</title><rect class="tile[^"]*" [^>]*?width="([0-9.]+)"', page))
    assert float(drawn["&lt;script&gt;harness · 60 MB"]) > float(drawn["glibc 2.41 · 30 MB · in every program"])


def test_a_thing_too_small_to_see_is_left_out_of_the_picture():
    tiny = Areas((("a", (("big", 1e12, "1 TB", ""), ("speck", 1.0, "1 B", ""))),), "C")
    page = render_html(Document("T", (tiny,)))
    assert "big" in page
    assert "speck" not in page


def test_ten_thousand_things_make_a_page_of_limited_size():
    many = Areas((("a", tuple((f"thing {i}", float(10_000 + i), "", "") for i in range(10_000))),), "C")
    page = render_html(Document("T", (many,)))
    assert "9,600 more" in page
    assert len(page) < 150_000


def test_nothing_to_draw_is_an_empty_picture():
    assert "<svg" in render_html(Document("T", (Areas((), "C"),)))
    assert "C" in render_text(Document("T", (Areas((("a", ()),), "C"),)), width=80, color=False)


def test_text_and_markdown_name_groups_with_their_largest_things():
    for shown in (
        render_text(Document("T", (AREAS,)), width=80, color=False),
        render_markdown(Document("T", (AREAS,))),
    ):
        assert "glibc 2.41 30 MB, zlib 1.3 0.1 MB" in shown
        assert "█" in shown
