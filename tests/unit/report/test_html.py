"""Reports as a page: self-contained, escaped, under a policy that holds for it."""

from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser

from nanna_ci.report.blocks import (
    Bars,
    Cell,
    Code,
    Details,
    Document,
    Facts,
    Heading,
    Notice,
    Paragraph,
    Stacks,
    Table,
    Tone,
)
from nanna_ci.report.html import render_html

EVIL = "<script>alert(1)</script> \"'&<img src=x onerror=y> javascript:z \u202e\x1b"
VOID = {"meta", "rect"}


class Page(HTMLParser):
    """Tags in balance, and what stands in them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] != "style":
            self.texts.append(data)


def evil_page() -> str:
    blocks = (
        Heading(EVIL),
        Paragraph(EVIL),
        Notice(Tone.BAD, EVIL),
        Table((EVIL, "n"), ((Cell(EVIL, Tone.BAD), Cell(None)),), frozenset({1})),
        Code(EVIL, EVIL),
        Facts(((EVIL, EVIL), (EVIL, None))),
        Bars(((EVIL, 1.0, EVIL), (EVIL, None, EVIL)), EVIL),
        Stacks(((EVIL, Tone.GOOD), (EVIL, Tone.BAD)), ((EVIL, (1.0, 1.0), EVIL), (EVIL, None, EVIL)), EVIL),
    )
    return render_html(Document(EVIL, blocks))


def test_literal_text_brings_no_tag_and_no_attribute():
    page = Page(evil_page())
    assert {tag for tag, _ in page.tags} <= {
        *("html", "head", "meta", "title", "style", "body", "main", "h1", "h2", "p", "div", "b", "span", "table"),
        *("thead", "tbody", "tr", "th", "td", "pre", "code", "dl", "dt", "dd", "figure", "figcaption", "svg", "rect"),
    }
    names = {name for _, attributes in page.tags for name in attributes}
    assert not {name for name in names if name.startswith("on") or name in {"style", "href", "src"}}


def test_literal_text_shows_as_itself_with_what_hides_made_visible():
    shown = EVIL.replace("\u202e", r"\u202e").replace("\x1b", r"\x1b")
    assert [text.removeprefix("✘\N{NO-BREAK SPACE}") for text in Page(evil_page()).texts].count(shown) == 22


def test_the_policy_loads_nothing_and_allows_just_this_style():
    page = evil_page()
    (policy,) = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]*)"', page)
    (style,) = re.findall(r"<style>(.*?)</style>", page, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert "default-src 'none'" in policy
    assert f"style-src 'sha256-{digest}'" in policy
    assert "unsafe" not in policy
    assert "http:" not in page.replace("http-equiv", "")
    assert "url(" not in style


def test_light_and_dark():
    page = evil_page()
    assert "prefers-color-scheme: dark" in page
    assert '<meta name="color-scheme" content="light dark">' in page


def test_bars_are_svg_in_proportion():
    page = render_html(Document("T", (Bars((("a", 4.0, "4"), ("b", 1.0, "1"), ("c", None, "n/a")), "C"),)))
    widths = re.findall(r'class="bar" width="([\d.]+)"', page)
    assert widths == ["100.00", "25.00"]
    assert page.count("<svg") == 3


def test_unknown_is_marked_as_unknown():
    page = render_html(Document("T", (Facts((("n", None),)),)))
    assert '<span class="unknown">n/a</span>' in page


def test_a_page_in_a_runners_log_commands_nothing():
    page = render_html(Document("T", (Code("::error::x\n  ::set-output name=a::b\n##[add-mask]x"),)))
    assert not re.search(r"^\s*::", page, re.MULTILINE)
    assert "##[" not in page


def test_the_parts_of_a_stack_lie_beside_each_other_in_the_colours_of_their_tones():
    parts = (("hit", Tone.GOOD), ("missing", Tone.BAD))
    page = render_html(Document("T", (Stacks(parts, (("a", (3.0, 1.0), "75 %"), ("b", None, "")), "C"),)))
    drawn = re.findall(r'<rect class="part (\w+)" x="([\d.]+)" width="([\d.]+)"', page)
    assert drawn == [("good", "0.00", "75.00"), ("bad", "75.00", "25.00")]
    assert "hit</span>" in page
    assert '<span class="unknown">n/a</span>' in page


def sortable(*rows: tuple[Cell, ...]) -> Table:
    return Table(("a",), rows, sortable="things")


def test_the_script_is_there_for_a_table_to_sort_and_the_policy_allows_just_it():
    page = render_html(Document("t", (Details("more", (sortable((Cell("x"),)),)),)))
    (script,) = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}';" in page
    assert "unsafe" not in page
    assert "innerHTML" not in script
    plain = render_html(Document("t", (Table(("a",), ((Cell("x"),),)),)))
    assert "<script" not in plain
    assert "script-src" not in plain


def test_a_cell_is_a_link_if_the_address_is_one_of_the_web():
    page = render_html(Document("t", (sortable((Cell("x", link="https://a.b/c?d=1&e=2"),)),)))
    assert '<a href="https://a.b/c?d=1&amp;e=2" rel="noreferrer noopener">x</a>' in page
    for address in (
        "javascript:x",
        " https://a.b",
        "https://a.b/ c",
        "https://",
        "//a.b",
        "HTTPS:x",
        'https://a.b/\n"',
    ):
        assert "<a " not in render_html(Document("t", (sortable((Cell("x", link=address),)),)))


def test_a_cell_sorts_by_its_value_and_one_without_value_has_none():
    page = render_html(Document("t", (sortable((Cell("1 min", order=60.5),), (Cell(None),)),)))
    assert '<td data-order="60.5">1 min</td>' in page
    assert page.count("data-order=") == 1


def test_contents_lead_to_every_section_and_come_with_a_link_past_them():
    page = render_html(Document("t", (Heading("One"), Heading("Sub", 2), Heading("<Two>"), Heading("Three")), True))
    links = re.findall(r'<li><a href="#([^"]*)">([^<]*)</a>', page)
    assert [name for _, name in links] == ["One", "&lt;Two&gt;", "Three"]
    assert all(f'<h2 id="{anchor}">{name}</h2>' in page for anchor, name in links)
    assert page.index('<a class="skip" href="#content">') < page.index("<main>") < page.index('id="content"')


def test_a_short_page_and_one_that_does_not_ask_have_no_contents():
    assert "<nav" not in render_html(Document("t", (Heading("One"), Heading("Two")), contents=True))
    assert "<nav" not in render_html(Document("t", (Heading("One"), Heading("Two"), Heading("Three"))))


def test_details_are_closed_and_hold_their_blocks():
    page = Page(render_html(Document("t", (Details("a <log>", (Code("line"),)),))))
    assert ("details", {}) in page.tags
    assert {"a <log>", "line"} <= {*page.texts}
