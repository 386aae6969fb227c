"""The way from a place in the squeezed text back into the text."""

from __future__ import annotations

import pytest

from nanna_ci.foundation.text_squeeze import Squeezed, without_colours, without_written_breaks


@pytest.mark.parametrize("gap", [b" ", b"\n", b"\r\n  ", b"\0\0", b" " * 5000])
def test_a_span_covers_the_blanks_inside_it_and_none_around(gap):
    text = gap + b"ab" + gap + b"cd" + gap
    squeezed = Squeezed(text)
    assert squeezed.bytes == b"abcd"
    start, end = squeezed.span(0, 4)
    assert text[start:end] == b"ab" + gap + b"cd"


def test_a_text_without_blanks_is_its_own_squeezed_text():
    assert Squeezed(b"abc").span(1, 3) == (1, 3)


@pytest.mark.parametrize(
    "code", [b"\x1b[31m", b"\\u001b[1;31m", b"\\x1b[0m", b"\\033[K", b"&#27;[0m", b"\x1b]8;;https://example.org\x07"]
)
def test_a_colour_becomes_filler_of_its_length(code):
    assert without_colours(b"a" + code + b"b") == b"a" + b"\0" * len(code) + b"b"


@pytest.mark.parametrize("text", [b"plain [31m", b"\x1b alone", b"C:\\users"])
def test_what_is_no_colour_stays(text):
    assert without_colours(text) == text


@pytest.mark.parametrize("written", [b"\\n", b"\\r\\n", b"&#10;", b"&#xA;"])
def test_a_written_break_becomes_filler_of_its_length(written):
    assert without_written_breaks(b"a" + written + b"b") == b"a" + b"\0" * len(written) + b"b"
