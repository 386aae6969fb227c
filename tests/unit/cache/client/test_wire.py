"""Answers of HTTP/1 read from bytes: every framing, and what is refused."""

from __future__ import annotations

import gzip
import zlib

import pytest

from nanna_ci.cache.client import wire
from nanna_ci.cache.client.wire import AnswerReader, BrokenAnswer, WireAnswer, parse_head


def read(*parts: bytes) -> WireAnswer | None:
    """The answer that the parts give, one after the other."""
    reader = AnswerReader()
    answer = None
    for part in parts:
        assert answer is None, "the answer was whole before"
        answer = reader.feed(part)
    return answer


def one_by_one(data: bytes) -> WireAnswer | None:
    return read(*(data[at : at + 1] for at in range(len(data))))


FRAMINGS = {
    "length": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    "chunks": b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhe\r\n3;x=y\r\nllo\r\n0\r\n\r\n",
    "chunks and trailers": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n5\r\nhello\r\n0\r\nA: b\r\nC: d\r\n\r\n"
    ),
    "chunks, whatever the length says": (
        b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
    ),
    "early hints": (
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nLink: x\r\n\r\n"
        b"HTTP/1.1 200\r\nContent-Length: 5\r\n\r\nhello"
    ),
}


@pytest.mark.parametrize("framing", FRAMINGS)
def test_a_body_comes_whole_in_one_piece_or_byte_by_byte(framing: str) -> None:
    for answer in (read(FRAMINGS[framing]), one_by_one(FRAMINGS[framing])):
        assert answer is not None
        assert (answer.head.status, answer.body, answer.is_reusable) == (200, b"hello", True)


def test_nothing_is_an_answer_before_its_last_byte() -> None:
    for data in FRAMINGS.values():
        assert one_by_one(data[:-1]) is None


def test_a_reader_goes_on_to_the_next_answer() -> None:
    reader = AnswerReader()
    for data in [*FRAMINGS.values(), b"HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n", *FRAMINGS.values()]:
        assert not reader.has_begun
        assert reader.feed(data[:9]) is None
        assert reader.has_begun
        answer = reader.feed(data[9:])
        assert answer is not None
        assert answer.body in {b"hello", b""}


def test_a_body_without_an_end_of_its_own_ends_with_the_connection() -> None:
    reader = AnswerReader()
    assert reader.feed(b"HTTP/1.0 200 OK\r\n\r\nhel") is None
    assert reader.feed(b"lo") is None
    answer = reader.end()
    assert answer is not None
    assert (answer.body, answer.is_reusable) == (b"hello", False)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Le",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
    ],
)
def test_a_connection_that_ends_in_mid_answer_gives_none(data: bytes) -> None:
    reader = AnswerReader()
    assert reader.feed(data) is None
    assert reader.end() is None


@pytest.mark.parametrize(
    ("head", "goes_on"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n", True),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n", False),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: x, Close\r\n", False),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n", False),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\nConnection: Keep-Alive\r\n", True),
        (b"HTTP/1.1 200 OK\r\n", False),
    ],
)
def test_whether_the_connection_goes_on(head: bytes, goes_on: bool) -> None:
    assert parse_head(head).keeps_alive is goes_on


def test_more_than_the_body_makes_the_connection_useless() -> None:
    answer = read(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhelloHTTP/1.1 200 OK\r\n")
    assert answer is not None
    assert (answer.body, answer.is_reusable) == (b"hello", False)
    chunked = read(FRAMINGS["chunks"] + b"x")
    assert chunked is not None
    assert not chunked.is_reusable


@pytest.mark.parametrize("status", [204, 304])
def test_an_answer_without_a_body_needs_no_length(status: int) -> None:
    answer = read(b"HTTP/1.1 %d Nothing\r\nContent-Length: 7\r\n\r\n" % status)
    assert answer is not None
    assert (answer.head.status, answer.body) == (status, b"")


def test_the_fields_that_count_are_read_whatever_their_case() -> None:
    head = parse_head(
        b"HTTP/1.1 302 Found\r\nX-Location: no\r\nLOCATION: \t/there \r\nretry-after:7\r\nContent-Type: text/html\r\n"
    )
    assert (head.location, head.retry_after, head.content_type) == ("/there", "7", "text/html")


@pytest.mark.parametrize(
    ("data", "problem", "may_pass"),
    [
        (b"<html>", "is not HTTP/1", True),
        (b"HTTP/2 200\r\n\r\n", "is not HTTP/1", True),
        (b"HTTP/1.1 0200 OK\r\n\r\n", "is not HTTP/1", True),
        (b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n", "another protocol", False),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", "transfer coding 'gzip, chunked'", False),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n", "no clear length", True),
        (b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n", "no clear length", True),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5, 5\r\n\r\n", "no clear length", True),
        (b"HTTP/1.1 200 OK\r\nContent-Length: \xb2\r\n\r\n", "no clear length", True),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 4194305\r\n\r\n", "over 4194304 bytes", False),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n400001\r\n", "over 4194304 bytes", False),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", "chunks are broken", True),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc", "chunks are broken", True),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1" * 5000, "chunks are broken", True),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n" + b"a: b\r\n" * 20_000, "trailers", False),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70_000, "head is over 65536 bytes", False),
    ],
)
def test_what_is_not_an_answer_to_take_is_refused(data: bytes, problem: str, may_pass: bool) -> None:
    with pytest.raises(BrokenAnswer, match=problem) as caught:
        read(data)
    assert caught.value.may_pass is may_pass


def test_a_body_of_the_limit_passes_and_one_byte_more_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "BODY_LIMIT_BYTES", 5)
    assert read(FRAMINGS["chunks"]) is not None
    endless = b"HTTP/1.0 200 OK\r\n\r\n"
    assert read(endless, b"hello") is None
    with pytest.raises(BrokenAnswer, match="over 5 bytes"):
        read(endless, b"hello", b"!")
    monkeypatch.setattr(wire, "BODY_LIMIT_BYTES", 4)
    with pytest.raises(BrokenAnswer, match="over 4 bytes"):
        read(FRAMINGS["chunks"])


BODY = b"StorePath: /nix/store/x\n" * 40


def zlib_body() -> bytes:
    return zlib.compress(BODY)


def bare_deflate() -> bytes:
    return zlib.compress(BODY)[2:-4]


@pytest.mark.parametrize(
    ("coding", "packed"),
    [
        (b"gzip", gzip.compress(BODY, mtime=0)),
        (b"x-gzip", gzip.compress(BODY, mtime=0)),
        (b"GZIP", gzip.compress(BODY, mtime=0)),
        (b"deflate", zlib_body()),
        (b"deflate", bare_deflate()),
        (b"identity", BODY),
    ],
)
@pytest.mark.parametrize("form", ["length", "chunks", "the end"])
def test_a_body_that_is_packed_unasked_is_unpacked(coding: bytes, packed: bytes, form: str) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: " + coding + b"\r\n"
    reader = AnswerReader()
    if form == "length":
        answer = reader.feed(head + b"Content-Length: %d\r\n\r\n" % len(packed) + packed)
    elif form == "chunks":
        answer = reader.feed(
            head + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n" % len(packed) + packed + b"\r\n0\r\n\r\n"
        )
    else:
        assert reader.feed(head + b"\r\n" + packed) is None
        answer = reader.end()
    assert answer is not None
    assert answer.body == BODY


@pytest.mark.parametrize(
    ("coding", "body", "problem", "may_pass"),
    [
        (b"gzip", b"not gzip", "not encoded as gzip, as it says", False),
        (b"deflate", b"\xff\xff\xff", "not encoded as deflate", False),
        (b"gzip", gzip.compress(BODY, mtime=0)[:-9], "cut short", True),
        (b"gzip", gzip.compress(b"\0" * 5_000_000, mtime=0), "over 4194304 bytes", False),
        (b"br", b"x", "encoded as 'br'", False),
        (b"gzip, gzip", b"x", "encoded as 'gzip, gzip'", False),
    ],
    ids=["not gzip", "not deflate", "half", "a bomb", "brotli", "twice"],
)
def test_a_packed_body_is_held_to_what_it_says_and_to_the_limit(
    coding: bytes, body: bytes, problem: str, may_pass: bool
) -> None:
    data = b"HTTP/1.1 200 OK\r\nContent-Encoding: " + coding + b"\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    with pytest.raises(BrokenAnswer, match=problem) as caught:
        read(data)
    assert caught.value.may_pass is may_pass
