"""Lines and tails of output, in bounded memory."""

from __future__ import annotations

from nanna_ci.foundation.program_output import LineSplitter, Tail


def lines(splitter: LineSplitter, *chunks: bytes) -> list[tuple[bytes, bool]]:
    found = [line for chunk in chunks for line in splitter.feed(chunk)]
    return [*found, *splitter.finish()]


def test_a_line_may_come_in_pieces():
    assert lines(LineSplitter(), b"a", b"b\nc", b"\n") == [(b"ab", False), (b"c", False)]


def test_empty_lines_are_lines_and_the_end_is_not():
    assert lines(LineSplitter(), b"\n\na\n") == [(b"", False), (b"", False), (b"a", False)]


def test_a_last_line_without_newline_counts():
    assert lines(LineSplitter(), b"a\nb") == [(b"a", False), (b"b", False)]


def test_a_line_at_the_limit_is_whole_and_one_byte_more_is_cut():
    assert lines(LineSplitter(4), b"abcd\nabcde\nx\n") == [(b"abcd", False), (b"abcd", True), (b"x", False)]


def test_a_line_that_goes_on_and_on_takes_no_more_memory():
    assert lines(LineSplitter(4), b"ab", b"cd", b"ef", b"gh\nx") == [(b"abcd", True), (b"x", False)]


def test_a_tail_is_the_last_bytes():
    tail = Tail(4)
    for chunk in (b"abc", b"def", b"ghijklmno", b"p"):
        tail.add(chunk)
    assert tail.text() == "mnop"
