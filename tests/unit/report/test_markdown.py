"""Reports as Markdown: literal text stays literal."""

from __future__ import annotations

import pytest

from nanna_ci.report.blocks import Bars, Cell, Code, Document, Facts, Heading, Notice, Paragraph, Stacks, Table, Tone
from nanna_ci.report.markdown import escape, fence, render_markdown


@pytest.mark.parametrize(
    ("literal", "markdown"),
    [
        ("a|b", r"a\|b"),
        ("a\\|b", r"a\\\|b"),
        ("`rm`", r"\`rm\`"),
        ("[x](javascript:alert(1))", r"\[x\](javascript:alert(1))"),
        ("![x](y)", r"!\[x\](y)"),
        ("<script>", "&lt;script&gt;"),
        ("&amp;", "&amp;amp;"),
        ("*a* _b_ ~c~", r"\*a\* \_b\_ \~c\~"),
        ("@team", "<span>@</span>team"),
        ("mail@example.org", "mail<span>@</span>example.org"),
        ("#12", "<span>#</span>12"),
        ("$x$", "<span>$</span>x<span>$</span>"),
        (":tada: 12:30", "<span>:</span>tada: 12:30"),
        ("https://example.org", "https&#58;//example.org"),
        ("www.example.org", "www&#46;example.org"),
        ("1. item", "1&#46; item"),
        ("12.5 s", "12.5 s"),
        ("- item", "&#45; item"),
        ("---", "&#45;--"),
        ("    code", "code"),
        ("two\nlines\r\nthree", "two lines three"),
        ("\u202eabc\x1b", r"\\u202eabc\\x1b"),
        (None, "n/a"),
    ],
)
def test_escape(literal, markdown):
    assert escape(literal) == markdown


@pytest.mark.parametrize(
    ("text", "ticks"), [("plain", "```"), ("a ``` b", "````"), ("`````", "``````"), ("one ` tick", "```")]
)
def test_a_fence_is_longer_than_any_in_the_text(text, ticks):
    assert fence(text, "sh") == f"{ticks}sh\n{text}\n{ticks}"


def test_a_language_cannot_break_out_of_the_fence():
    assert fence("x", "a`b\n<c>").startswith("```abc\n")


def test_a_document():
    document = Document(
        "Title",
        (
            Notice(Tone.BAD, "2 failed"),
            Notice(Tone.NEUTRAL, "note"),
            Heading("Jobs"),
            Table(("Job", "Seconds"), ((Cell("unit", Tone.BAD), Cell(None)),), frozenset({1})),
            Heading("Deep", 9),
            Code("make"),
            Facts((("Digest", None), ("Path", "/nix"))),
            Bars((("a", 2.0, "2 s"), ("b", None, "n/a")), "Time"),
            Paragraph("end"),
        ),
    )
    assert render_markdown(document) == (
        "# Title\n\n> ✘ 2 failed\n\n> note\n\n## Jobs\n\n| Job | Seconds |\n|---|---:|\n| ✘ unit | n/a |\n\n"
        "###### Deep\n\n```\nmake\n```\n\n- **Digest:** n/a\n- **Path:** /nix\n\n"
        "| Time |  |  |\n|---|---|---:|\n| a | ████████████████████ | 2 s |\n| b |  | n/a |\n\nend\n"
    )


def test_a_stack_is_a_table_with_a_legend():
    parts = (("hit", Tone.GOOD), ("missing", Tone.BAD))
    document = Document("T", (Stacks(parts, (("a|b", (1.0, 3.0), "25 %"), ("c", None, "")), "Paths"),))
    assert render_markdown(document).splitlines()[2:] == [
        "| Paths | █ hit ▒ missing |  |",
        "|---|---|---:|",
        f"| a\\|b | {'█' * 5}{'▒' * 15} | 25 % |",
        "| c |  | n/a |",
    ]
