"""Whatever the text: a renderer shows it and never obeys it."""

from __future__ import annotations

import html
import io
import re
from collections import Counter

import markdown_it
from hypothesis import given
from hypothesis import strategies as st

from nanna_ci.foundation.visible_text import display_width, visible, visible_lines
from nanna_ci.report import github
from nanna_ci.report.blocks import (
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
    Span,
    Stacks,
    Table,
    Timeline,
    Tone,
    Trend,
    Trends,
)
from nanna_ci.report.html import render_html
from nanna_ci.report.literal import cell_text, known
from nanna_ci.report.markdown import escape, fence, render_markdown
from nanna_ci.report.text import render_text, wrap

ACTIVE = st.sampled_from(
    [
        *("<script>", "</table>", "|", "\\", "`", "```", "@team", "#1", "*", "_", "~", "[x](y)", "![", "&lt;", "$"),
        *("::error::", "##[add-mask]", "\r", "\n", "\u202e", "\x1b[31m", "https://a.b", "www.a", ":tada:", "'", '"'),
        *("- ", "1. ", "> ", "    "),
    ]
)
TEXTS = st.lists(ACTIVE | st.text(st.characters(), max_size=6), max_size=8).map("".join)
IDENTIFIERS = st.lists(
    st.sampled_from(
        [
            *("integration-x86_64-linux-stable", f"/nix/store/{'7h97zcrn' * 4}-nanna-coder-build", "of", "a"),
            *(f"sha256:{'06134159' * 8}", "https://cache.example.org/nanna/nar/1f3726e98204.nar.xz", "latest-arm64"),
        ]
    ),
    max_size=5,
).map(" ".join)


def tables(texts: st.SearchStrategy[str]) -> st.SearchStrategy[Table]:
    cells = st.builds(Cell, st.none() | texts, st.sampled_from(Tone))
    return st.integers(1, 3).flatmap(
        lambda width: st.builds(
            Table,
            st.lists(texts, min_size=width, max_size=width).map(tuple),
            st.lists(st.lists(cells, min_size=width, max_size=width).map(tuple), max_size=3).map(tuple),
            st.frozensets(st.integers(0, width - 1)),
        )
    )


TABLES = tables(TEXTS)
TRENDS = st.builds(
    Trend,
    TEXTS,
    st.none() | TEXTS,
    TEXTS,
    st.lists(st.none() | st.tuples(st.floats(), st.floats(), st.floats()), max_size=4).map(tuple),
    st.lists(st.tuples(st.floats(), TEXTS), max_size=3).map(tuple),
    st.frozensets(st.integers(0, 4)),
    st.lists(st.tuples(st.integers(0, 4), TEXTS), max_size=2).map(tuple),
)
TIMES = st.floats(0, allow_nan=False)
SPANS = st.builds(Span, TEXTS, TIMES, TIMES, TIMES, TEXTS, st.sampled_from(Tone), st.booleans())
BLOCKS: st.SearchStrategy[Block] = (
    st.builds(Heading, TEXTS, st.integers(1, 7))
    | st.builds(Paragraph, TEXTS)
    | st.builds(Notice, st.sampled_from(Tone), TEXTS)
    | TABLES
    | st.builds(Code, TEXTS, TEXTS)
    | st.builds(Facts, st.lists(st.tuples(TEXTS, st.none() | TEXTS), max_size=3).map(tuple))
    | st.builds(Bars, st.lists(st.tuples(TEXTS, st.none() | st.floats(), TEXTS), max_size=3).map(tuple), TEXTS)
    | st.builds(
        Stacks,
        st.lists(st.tuples(TEXTS, st.sampled_from(Tone)), max_size=3).map(tuple),
        st.lists(st.tuples(TEXTS, st.none() | st.lists(st.floats(), max_size=3).map(tuple), TEXTS), max_size=3).map(
            tuple
        ),
        TEXTS,
    )
    | st.builds(
        Trends,
        TEXTS,
        st.lists(TRENDS, max_size=2).map(tuple),
        st.integers(0, 3),
        st.tuples(TEXTS, TEXTS, TEXTS),
        TEXTS,
    )
    | st.builds(Timeline, st.lists(SPANS, max_size=3).map(tuple), TEXTS)
)
NESTED = BLOCKS | st.builds(Details, TEXTS, st.lists(BLOCKS, max_size=2).map(tuple))
DOCUMENTS = st.builds(Document, TEXTS, st.lists(NESTED, max_size=4).map(tuple), st.booleans())

OUR_NAMES = (
    "span|b|p|h[1-6]|div|table|thead|tbody|tr|th|td|pre|code|dl|dt|dd|main|body|html|figure|figcaption"
    "|nav|ul|li|a|details|summary|small|strong"
)
OUR_TAGS = re.compile(rf'</?(?:{OUR_NAMES})(?: [a-z-]+="[\w. #-]*")*>')
UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")


def shown_by_markdown(markdown: str) -> str:
    """What a reader of our own inline Markdown sees."""
    text = markdown.replace("<span>", "").replace("</span>", "")
    return html.unescape(re.sub(r"\\([\\`*_~\[\]{}|])", lambda match: f"&#{ord(match[1])};", text))


@given(TEXTS)
def test_markdown_shows_the_text_and_nothing_in_it_is_active(text):
    markdown = escape(text)
    assert shown_by_markdown(markdown) == visible(text).strip()
    bare = re.sub(r"\\.|<span>.</span>|&(?:#\d+|amp|lt|gt);", "", markdown)
    assert not re.search(r"[\\`*_~\[\]{}|<>&@#$^]|://|\n", bare)


@given(TEXTS)
def test_a_fence_holds_any_text(text):
    first, *inner, last = fence(text).split("\n")
    assert first == last
    assert not any(line.startswith(first) for line in inner)
    assert "\n".join(inner) == visible_lines(text).rstrip("\n")


@given(TABLES)
def test_a_markdown_table_keeps_its_shape(table):
    lines = render_markdown(Document("T", (table,))).split("\n\n", 1)[1].rstrip("\n").split("\n")
    assert len(lines) == 2 + len(table.rows)
    for line in lines:
        assert len(re.findall(r"(?<!\\)(?:\\\\)*\|", line)) == len(table.header) + 1


@given(st.lists(TEXTS, max_size=4))
def test_a_commonmark_reader_sees_only_text(texts):
    reader = markdown_it.MarkdownIt("commonmark").enable(["table", "strikethrough"])
    row = tuple(Cell(text) for text in texts) or (Cell("x"),)
    page = reader.render(render_markdown(Document("T", (Table(("h",) * len(row), (row,)), *map(Paragraph, texts)))))
    body = re.sub(r"</?(?:h1|table|thead|tbody|tr|th|td|p)>", " ", page.replace("<span>", "").replace("</span>", ""))
    assert not re.search(r"<[a-zA-Z/!]", body)
    expected = ["T", *["h"] * len(row), *(visible(str(cell.text)) for cell in row), *map(visible, texts)]
    assert html.unescape(body).split() == " ".join(expected).split()


@given(DOCUMENTS)
def test_a_page_has_no_tag_but_ours(document):
    body = render_html(document).split("</style>", 1)[1].split("<body>", 1)[1]
    body = re.sub(r"<svg .*?</svg>", "", body)
    rest = OUR_TAGS.sub("", body)
    assert not re.search("[<>\"']", rest)
    assert not UNSEEN.search(rest)
    assert "##[" not in rest


@given(DOCUMENTS, st.integers(20, 120))
def test_text_for_a_terminal_has_no_escape_codes_of_its_own(document, width):
    assert not UNSEEN.search(render_text(document, color=False, width=width))


@given(TEXTS, st.integers(2, 40))
def test_wrapping_keeps_every_word_whole_and_the_width_where_words_allow(text, width):
    text = visible(text)
    lines = wrap(text, width)
    assert " ".join(lines).split() == text.split()
    assert all(display_width(line) <= width or " " not in line for line in lines)


@given(TABLES | tables(IDENTIFIERS), st.none() | st.integers(20, 120))
def test_no_table_breaks_a_word(table, width):
    rows = [tuple(map(Cell, table.header)), *table.rows]
    shown = Counter(render_text(Document("", (table,)), color=False, width=width).split())
    assert Counter(word for row in rows for cell in row for word in known(cell.text).split()) <= shown


@given(tables(IDENTIFIERS), st.none() | st.integers(20, 120))
def test_no_row_of_a_table_is_longer_than_the_rule_under_its_header(table, width):
    lines = render_text(Document("", (table,)), color=False, width=width).split("\n")
    rule = max(len(line) for line in lines if set(line) <= {"─", " "})
    assert max(map(display_width, lines)) <= rule


@given(TABLES | tables(IDENTIFIERS))
def test_without_a_terminal_a_row_of_a_table_is_one_line(table):
    lines = render_text(Document("", (table,)), color=False, width=None).removesuffix("\n").split("\n")
    assert len(lines) == 2 + len(table.rows)
    for line, row in zip(lines[2:], table.rows, strict=True):
        assert line.split() == [word for cell in row for word in cell_text(cell).split()]


@given(TEXTS)
def test_no_log_commands_a_runner(text):
    shown = github.neutralise(text)
    assert "##[" not in shown
    for line in re.split("\r\n|\r|\n", shown):
        assert not line.strip("\ufeff\u180e\u200b").lstrip().startswith("::")


@given(st.lists(TEXTS, max_size=5))
def test_no_pieces_of_a_log_command_a_runner(texts):
    below = io.StringIO()
    stream = github.inert_stream(below)
    for text in texts:
        stream.write(text)
    stream.flush()
    for line in re.split("\r\n|\r|\n", below.getvalue()):
        assert not line.lstrip().startswith("::")
        assert "##[" not in line


@given(st.dictionaries(st.from_regex(r"[A-Za-z_][A-Za-z0-9_-]{0,8}", fullmatch=True), TEXTS, max_size=4))
def test_outputs_hold_any_value(values):
    text = github.render_outputs(values)
    delimiters = re.findall(r"^[A-Za-z_][A-Za-z0-9_-]*<<(nanna_[0-9a-f]{32})$", text, re.MULTILINE)
    assert len(set(delimiters)) == len(values)
    assert all(text.count(delimiter) == 2 for delimiter in delimiters)


@given(DOCUMENTS, st.integers(100, 3000))
def test_a_summary_is_within_its_limit_and_valid(document, limit):
    summary = github.render_summary(document, limit)
    assert len(summary) <= limit
    summary.decode("utf-8")
