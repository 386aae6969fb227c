"""What holds for any bytes and any course of a query: framing, and the bounds of concurrency."""

from __future__ import annotations

import contextlib
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from nanna_ci.cache.client.connection_window import ConnectionWindow
from nanna_ci.cache.client.wire import AnswerReader, BrokenAnswer, WireAnswer

BODIES = st.binary(max_size=300)


@st.composite
def answers(draw: st.DrawFn) -> tuple[bytes, bytes]:
    """An answer as it is sent, and its body."""
    body = draw(BODIES)
    more = draw(st.sampled_from([b"", b"Server: x\r\n", b"Date: now\r\nETag: 'a: b'\r\n"]))
    start = b"HTTP/1.1 200 OK\r\n" + more
    if draw(st.booleans()):
        return start + b"Content-Length: %d\r\n\r\n" % len(body) + body, body
    cuts = sorted({0, len(body), *draw(st.lists(st.integers(0, len(body)), max_size=5))})
    chunks = b"".join(b"%x\r\n%s\r\n" % (end - begin, body[begin:end]) for begin, end in pairwise(cuts))
    return start + b"Transfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n", body


def feed(reader: AnswerReader, data: bytes, cuts: list[int]) -> list[WireAnswer]:
    """What comes out when `data` goes in, cut there."""
    places = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    found = [reader.feed(data[begin:end]) for begin, end in pairwise(places)]
    return [answer for answer in found if answer is not None]


@given(sent=st.lists(answers(), min_size=1, max_size=3), cuts=st.lists(st.integers(0, 10_000), max_size=8))
def test_however_an_answer_is_cut_its_body_comes_out_once_and_whole(
    sent: list[tuple[bytes, bytes]], cuts: list[int]
) -> None:
    reader = AnswerReader()
    for data, body in sent:
        (answer,) = feed(reader, data, cuts)
        assert (answer.body, answer.is_reusable) == (body, True)


@given(
    data=st.binary(max_size=200)
    | st.tuples(answers(), st.binary(max_size=3), st.integers(0, 200)).map(
        lambda drawn: drawn[0][0][: drawn[2]] + drawn[1] + drawn[0][0][drawn[2] + len(drawn[1]) :]
    ),
    cuts=st.lists(st.integers(0, 200), max_size=8),
)
def test_no_bytes_whatever_raise_anything_but_a_broken_answer(data: bytes, cuts: list[int]) -> None:
    reader = AnswerReader()
    with contextlib.suppress(BrokenAnswer):
        feed(reader, data, cuts)
        reader.end()


EVENTS = st.lists(
    st.one_of(
        st.tuples(st.just("answer"), st.floats(0, 100)),
        st.tuples(st.just("failure"), st.floats(0, 1)),
    ),
    max_size=200,
)


@given(start=st.integers(-5, 1000), most=st.integers(-5, 500), events=EVENTS)
def test_the_limit_stays_between_one_and_the_most_and_moves_as_documented(
    start: int, most: int, events: list[tuple[str, float]]
) -> None:
    window, now_s = ConnectionWindow(start, most), 0.0
    for kind, value in events:
        before = window.limit
        now_s += 1.0
        if kind == "answer":
            window.succeed(value)
            assert before <= window.limit <= before + 1
        else:
            window.halve(now_s - value, now_s)
            assert before // 2 <= window.limit <= before
        assert 1 <= window.limit <= max(1, most)
