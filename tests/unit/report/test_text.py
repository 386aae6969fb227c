"""Reports for a terminal."""

from __future__ import annotations

import re

import pytest

from nanna_ci.foundation.visible_text import display_width
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
    Span,
    Stacks,
    Table,
    Timeline,
    Tone,
    Trend,
    Trends,
)
from nanna_ci.report.text import render_text, text_bar, wrap


def text(*blocks, width: int | None = 60, color: bool = False) -> str:
    return render_text(Document("T", blocks), color=color, width=width).split("\n\n", 1)[1]


def table(*rows: tuple[str | None, ...], numeric: frozenset[int] = frozenset(), header=("Name", "Value")) -> Table:
    return Table(header, tuple(tuple(Cell(cell) for cell in row) for row in rows), numeric)


def test_columns_are_aligned_and_numbers_end_together():
    assert text(table(("a", "1"), ("long name", "10.5"), numeric=frozenset({1}))) == (
        "Name       Value\n─────────  ─────\na              1\nlong name   10.5\n"
    )


def test_wide_characters_keep_columns_aligned():
    lines = text(table(("日本", "x"), ("abcdef", "x"))).splitlines()
    ends = {display_width(line[: line.index("x")]) for line in lines if "x" in line}
    assert ends == {8}


def test_unknown_is_not_available_and_never_zero():
    shown = text(table(("a", None)), Facts((("Digest", None),)))
    assert shown.count("n/a") == 2
    assert "0" not in shown


def test_a_wide_table_wraps_its_widest_column_into_the_width():
    shown = text(table(("key", "word " * 30)), width=40)
    assert max(map(len, shown.splitlines())) <= 40
    assert shown.split().count("word") == 30


def test_a_number_never_wraps():
    shown = text(table(("text " * 20, "123456789012345678901234567890"), numeric=frozenset({1})), width=40)
    assert "123456789012345678901234567890" in shown


def test_a_word_longer_than_its_column_is_a_line_of_its_own():
    assert wrap("a " + "x" * 25 + " b c", 10) == ["a", "x" * 25, "b c"]


JOB, PATH = "integration-x86_64-linux-stable", "/nix/store/7h97zcrnxyz-nanna-coder-build"


def test_prose_gives_way_before_an_identifier_does():
    lines = text(table((JOB, "word " * 20)), width=60).splitlines()
    assert max(map(len, lines)) <= 60
    assert lines[2].startswith(f"{JOB}  word")
    assert len(lines) > 5


def test_a_line_gets_longer_than_the_terminal_before_an_identifier_is_broken():
    lines = text(table((JOB, PATH), ("a", "a b")), Facts((("Store path", PATH),)), Notice(Tone.BAD, PATH), width=40)
    assert f"{JOB}  {PATH}\n" in lines
    assert f"Store path  {PATH}\n" in lines
    assert f"✘ {PATH}\n" in lines


def test_the_sign_of_a_tone_stays_with_its_word_and_what_wraps_stands_under_the_word():
    row = (Cell("word " * 8, Tone.BAD), Cell(JOB))
    lines = text(Table(("Why", "Job"), (row,)), width=50).splitlines()
    assert lines[2].startswith("✘ word word")
    assert all(line.startswith("  word") for line in lines[3:])


def test_without_a_terminal_nothing_wraps():
    prose = " ".join(["word"] * 60)
    blocks = (table((JOB, prose)), Facts((("Why", prose),)), Notice(Tone.BAD, prose), Paragraph(prose))
    lines = [line for line in text(*blocks, width=None).splitlines() if "word" in line]
    assert lines == [f"{JOB}  {prose}", f"Why  {prose}", f"✘ {prose}", prose]


@pytest.mark.parametrize(("given", "expected"), [("", [""]), ("a b", ["a b"]), ("  a  ", ["a"])])
def test_wrapping_of_little(given, expected):
    assert wrap(given, 10) == expected


def test_tone_has_a_sign_besides_colour():
    assert "✘ fail" in text(Table(("V",), ((Cell("fail", Tone.BAD),),)))
    assert "✔ it holds" in text(Notice(Tone.GOOD, "it holds"))
    assert "⚠ slow" in text(Notice(Tone.WARN, "slow"))


@pytest.mark.parametrize("color", [True, False])
def test_escape_codes_come_with_colour_only_and_mean_nothing_but_colour(color):
    blocks = (Notice(Tone.BAD, "no"), table(("a", "b")), Heading("H"), Facts((("n", "v"),)))
    shown = text(*blocks, color=color)
    assert ("\x1b[31m" in shown) == color
    assert re.sub(r"\x1b\[\d*m", "", shown) == text(*blocks)


def test_escape_codes_and_reordering_in_literal_text_are_made_visible():
    shown = text(Paragraph("a\x1b[2Jb\u202ec\x9bd"), Code("x\x1b]0;title\x07y\rz\n\tkept"))
    assert r"a\x1b[2Jb\u202ec\x9bd" in shown
    assert "    x\\x1b]0;title\\x07y\\x0dz\n    \tkept" in shown


def test_bars_are_in_proportion_and_a_small_value_still_shows():
    shown = text(Bars((("a", 8.0, "8 s"), ("b", 4.0, "4 s"), ("c", 0.0001, "0 s"), ("d", None, "n/a")), "Time"))
    lengths = [line.count("█") for line in shown.splitlines()[1:]]
    assert lengths == [30, 15, 0, 0]
    assert "▏" in shown.splitlines()[3]
    assert shown.splitlines()[4].split() == ["d", "n/a"]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -3.0])
def test_a_value_that_is_not_a_length_draws_no_bar(value):
    shown = text(Bars((("a", value, "?"), ("b", 2.0, "2 s")), "Time"))
    assert [line.count("█") for line in shown.splitlines()[1:]] == [0, 30]


def test_a_bar_is_exact_to_an_eighth():
    assert text_bar(1 / 16, 2) == "▏"
    assert text_bar(1.0, 2) == "██"
    assert text_bar(0.0, 2) == ""


def test_notices_in_a_row_stand_together():
    assert text(Notice(Tone.GOOD, "a"), Notice(Tone.BAD, "b"), Paragraph("c")) == "✔ a\n✘ b\n\nc\n"


def test_an_empty_table_is_its_header():
    assert text(table()) == "Name  Value\n────  ─────\n"


PARTS = (("hit", Tone.GOOD), ("missing", Tone.BAD))


def test_a_stack_is_as_long_as_any_other_and_a_small_part_still_shows():
    items = (("a", (1.0, 1.0), "50 %"), ("bc", (9999.0, 1.0), "100 %"), ("d", None, ""), ("e", (0.0, 0.0), "none"))
    lines = text(Stacks(PARTS, items, "Paths")).splitlines()
    assert lines == [
        "Paths  █ hit  ▒ missing",
        "a   " + "█" * 15 + "▒" * 15 + "  50 %",
        "bc  " + "█" * 29 + "▒" + "  100 %",
        "d   " + " " * 30 + "  n/a",
        "e   " + " " * 30 + "  none",
    ]


@pytest.mark.parametrize("values", [(float("nan"), 1.0), (float("inf"), 1.0), (-1.0, 2.0), ()])
def test_parts_that_are_not_numbers_are_not_drawn(values):
    assert text(Stacks(PARTS, (("a", values, "?"),), "Paths")).splitlines()[1] == "a  " + " " * 30 + "  ?"


def test_a_timeline_keeps_to_its_columns_and_shows_what_took_no_time_to_speak_of():
    spans = (Span("long", 0, 25, 75, "x"), Span("last", 99.99, 0, 0.01, "x", critical=True))
    lines = render_text(Document("", (Timeline(spans, "Jobs"),)), color=False, width=None).splitlines()
    assert lines[1:] == [f"  long  {'░' * 8}{'█' * 22}  x", f"▶ last  {' ' * 29}█  x"]
    late = render_text(Document("", (Timeline((Span("a", 1e9, 0, 1e-9, "x"),), "Jobs"),)), color=False, width=None)
    assert late.splitlines()[1] == f"  a  {' ' * 29}█  x"


def test_a_trend_is_a_row_of_its_newest_steps_with_a_blank_for_what_is_unknown():
    steps = ((0.0, 0.0, 0.0), None, (5.0, 5.0, 5.0), (10.0, 10.0, 10.0))
    trend = Trend("a", "10 s", "usual: 5 s", steps, ((0.0, "0"), (10.0, "10 s")))
    shown = render_text(Document("", (Trends("Times", (trend,), 0, ("", "")),)), color=False, width=None)
    assert shown.splitlines()[1].split("  ")[:2] == ["a", "▁ ▅█"]
    assert shown.endswith("10 s  usual: 5 s\n")


def test_what_a_page_folds_is_under_a_title_of_its_own():
    shown = render_text(Document("", (Details("More", (Paragraph("inside"),)),)), color=False, width=None)
    assert shown.splitlines() == ["More", "····", "inside"]
