"""HTTP/1.1 answers as bytes. Pure: no socket is here, so that any answer, however hostile, can be tried."""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

HEAD_LIMIT_BYTES: Final = 64 * 1024
BODY_LIMIT_BYTES: Final = 4 * 1024 * 1024
_LINE_LIMIT_BYTES: Final = 4096
_HEADS_KEPT: Final = 512  # a cache's heads differ in little: most of them, and all its 404s, are read once
_BEGINNING: Final = b"HTTP/1."
_STATUS: Final = re.compile(rb"HTTP/1\.([01]) ([1-9][0-9]{2})(?: [^\r\n]*)?\r\n")
_FIELD: Final = re.compile(
    rb"\r\n(content-length|transfer-encoding|content-encoding|content-type|connection|location|retry-after)"
    rb":[ \t]*([^\r\n]*)",
    re.IGNORECASE,
)
_CHUNK: Final = re.compile(rb"([0-9a-fA-F]{1,8})[ \t]*(?:;[^\r\n]*)?")
_GZIP: Final = 16 + zlib.MAX_WBITS
_CODINGS: Final = {"gzip": _GZIP, "x-gzip": _GZIP, "deflate": zlib.MAX_WBITS}
_BODILESS: Final = frozenset({204, 304})


class BrokenAnswer(Exception):
    """The answer is refused. `may_pass`: the same request may succeed another time."""

    def __init__(self, problem: str, *, may_pass: bool) -> None:
        super().__init__(problem)
        self.may_pass = may_pass


@dataclass(frozen=True, slots=True)
class Head:
    """The part of an answer's head that counts here.

    `length` is of the body in bytes, None if it is chunked or goes on until the connection ends. `keeps_alive`: the
    connection may be used again. `coding` is how the body is packed, None if it is not. The rest is as sent,
    None if the head lacks them.
    """

    status: int
    length: int | None
    is_chunked: bool
    keeps_alive: bool
    coding: str | None
    content_type: str | None
    location: str | None
    retry_after: str | None


@dataclass(slots=True)
class WireAnswer:
    """An answer whose body came whole. `is_reusable`: the connection can take another request."""

    head: Head
    body: bytes
    is_reusable: bool


@lru_cache(maxsize=_HEADS_KEPT)
def parse_head(data: bytes, *, to_head: bool = False) -> Head:
    """Read a head: the status line and the header lines, the end of the last one included.

    `to_head`: in answer to a HEAD request, which has no body, whatever length it states.

    Raises:
        BrokenAnswer: it is not a head of HTTP/1, contradicts itself, or announces a body that is packed in a way that
            cannot be unpacked here or over the limit.
    """
    match = _STATUS.match(data)
    if match is None:
        raise BrokenAnswer("the answer is not HTTP/1", may_pass=True)
    status = int(match[2])
    fields: dict[bytes, list[str]] = {}
    for name, value in _FIELD.findall(data):
        fields.setdefault(name.lower(), []).append(value.decode("latin-1").rstrip(" \t"))
    coding = ", ".join(fields.get(b"content-encoding", ())).lower()
    if coding not in {"", "identity", *_CODINGS}:
        raise BrokenAnswer(f"the answer is encoded as {coding[:40]!r}, which was not requested", may_pass=False)
    connection = {word.strip() for word in ",".join(fields.get(b"connection", ())).lower().split(",")}
    is_chunked = _is_chunked(fields)
    is_chunked = is_chunked and not to_head
    length = 0 if to_head else _length(fields, status, is_chunked=is_chunked)
    ends_itself = is_chunked or length is not None
    persists = "keep-alive" in connection if match[1] == b"0" else "close" not in connection
    return Head(
        status=status,
        length=length,
        is_chunked=is_chunked,
        keeps_alive=persists and ends_itself,
        coding=coding if coding in _CODINGS else None,
        content_type=_first(fields, b"content-type"),
        location=_first(fields, b"location"),
        retry_after=_first(fields, b"retry-after"),
    )


def _first(fields: dict[bytes, list[str]], name: bytes) -> str | None:
    values = fields.get(name)
    return values[0] if values else None


def _is_chunked(fields: dict[bytes, list[str]]) -> bool:
    coding = ", ".join(fields.get(b"transfer-encoding", ())).lower()
    if coding not in {"", "identity", "chunked"}:
        raise BrokenAnswer(
            f"the answer comes with transfer coding {coding[:40]!r}, which was not requested", may_pass=False
        )
    return coding == "chunked"


def _length(fields: dict[bytes, list[str]], status: int, *, is_chunked: bool) -> int | None:
    if status < 200 or status in _BODILESS:
        return 0
    lengths = set(fields.get(b"content-length", ()))
    if is_chunked or not lengths:
        return None
    (text,) = lengths if len(lengths) == 1 else ("",)
    if not (text.isascii() and text.isdigit()) or len(text) > 18:
        raise BrokenAnswer("the answer has no clear length", may_pass=True)
    if int(text) > BODY_LIMIT_BYTES:
        raise BrokenAnswer(f"the answer is over {BODY_LIMIT_BYTES} bytes", may_pass=False)
    return int(text)


def unpack(head: Head, body: bytes) -> bytes:
    """The body as it was before it was packed: some caches compress unrequested, and Nix reads that.

    Raises:
        BrokenAnswer: it is cut short, not packed as the head says, or over the limit when unpacked.
    """
    if head.coding is None or not body:
        return body
    # "deflate" is zlib's format by the standard, and the bare one in what some servers send
    bare = head.coding == "deflate" and not _is_zlib(body)
    unpacker = zlib.decompressobj(-zlib.MAX_WBITS if bare else _CODINGS[head.coding])
    try:
        plain = unpacker.decompress(body, BODY_LIMIT_BYTES + 1)
    except zlib.error:
        raise BrokenAnswer(f"the answer is not encoded as {head.coding}, as it says", may_pass=False) from None
    if len(plain) > BODY_LIMIT_BYTES:
        raise BrokenAnswer(f"the answer is over {BODY_LIMIT_BYTES} bytes", may_pass=False)
    if not unpacker.eof:
        raise BrokenAnswer("the answer was cut short", may_pass=True)
    return plain


def _is_zlib(body: bytes) -> bool:
    return len(body) >= 2 and body[0] & 0x0F == 8 and int.from_bytes(body[:2], "big") % 31 == 0


class AnswerReader:
    """Reads the answers of one connection, one after the other, from the bytes as they come."""

    __slots__ = ("_body", "_chunks", "_head", "_start", "has_begun", "to_head")

    def __init__(self) -> None:
        self._start = b""
        self._head: Head | None = None
        self._body = bytearray()
        self._chunks: _Chunks | None = None
        self.has_begun = False
        self.to_head = False  # the request was HEAD

    def feed(self, data: bytes) -> WireAnswer | None:
        """Take bytes; gives the answer once it is whole. Raises BrokenAnswer."""
        if self._head is not None:
            return self._feed_body(self._head, data)
        self.has_begun = True
        if self._start:
            data = self._start + data
        end = data.find(b"\r\n\r\n")
        while end >= 0:
            head = parse_head(data[: end + 2], to_head=self.to_head)
            data = data[end + 4 :]
            if head.status >= 200:
                if len(data) == head.length:  # the usual case: all of it came at once
                    self._start = b""
                    self.has_begun = False
                    return WireAnswer(head, unpack(head, data), head.keeps_alive)
                self._start = b""
                self._head = head
                self._chunks = _Chunks() if head.is_chunked else None
                return self._feed_body(head, data)
            if head.status == 101:
                raise BrokenAnswer("the answer changes to another protocol", may_pass=False)
            end = data.find(b"\r\n\r\n")
        if len(data) > HEAD_LIMIT_BYTES:
            raise BrokenAnswer(f"the answer's head is over {HEAD_LIMIT_BYTES} bytes", may_pass=False)
        if not data.startswith(_BEGINNING[: len(data)]):
            raise BrokenAnswer("the answer is not HTTP/1", may_pass=True)
        self._start = data
        return None

    def end(self) -> WireAnswer | None:
        """The connection ended: the answer, if its body goes on until then; None: it was cut short, or is not one."""
        head = self._head
        if head is None or head.is_chunked or head.length is not None:
            return None
        return self._finish(head, bytes(self._body), is_reusable=False)

    def _feed_body(self, head: Head, data: bytes) -> WireAnswer | None:
        if self._chunks is not None:
            if not self._chunks.feed(data):
                return None
            return self._finish(head, bytes(self._chunks.body), is_reusable=self._chunks.is_clean)
        self._body += data
        if head.length is None:
            if len(self._body) > BODY_LIMIT_BYTES:
                raise BrokenAnswer(f"the answer is over {BODY_LIMIT_BYTES} bytes", may_pass=False)
            return None
        if len(self._body) < head.length:
            return None
        is_clean = len(self._body) == head.length  # more than the body was sent: unsolicited
        return self._finish(head, bytes(self._body[: head.length]), is_reusable=is_clean)

    def _finish(self, head: Head, body: bytes, *, is_reusable: bool) -> WireAnswer:
        self._head = self._chunks = None
        self._body.clear()
        self.has_begun = False
        return WireAnswer(head, unpack(head, body), head.keeps_alive and is_reusable)


class _Chunks:
    """A chunked body: a line with a size, as many bytes, a line end, …; a size of 0; trailers, which do not matter."""

    __slots__ = ("_is_last", "_left", "_rest", "_trailer_bytes", "body")

    def __init__(self) -> None:
        self.body = bytearray()
        self._rest = bytearray()
        self._left = 0  # of the chunk and the line end behind it
        self._is_last = False
        self._trailer_bytes = 0

    @property
    def is_clean(self) -> bool:
        """Whether nothing came behind the end."""
        return not self._rest

    def feed(self, data: bytes) -> bool:
        """Take bytes; returns whether the body is whole. Raises BrokenAnswer."""
        self._rest += data
        while True:
            if self._left:
                if not self._take():
                    return False
                continue
            end = self._rest.find(b"\r\n")
            if end < 0:
                if len(self._rest) > _LINE_LIMIT_BYTES:
                    raise BrokenAnswer("the answer's chunks are broken", may_pass=True)
                return False
            line = bytes(self._rest[:end])
            del self._rest[: end + 2]
            if self._is_last:
                self._trailer_bytes += end + 2
                if self._trailer_bytes > HEAD_LIMIT_BYTES:
                    raise BrokenAnswer(f"the answer's trailers are over {HEAD_LIMIT_BYTES} bytes", may_pass=False)
                if not line:
                    return True
            else:
                self._begin(line)

    def _begin(self, line: bytes) -> None:
        match = _CHUNK.fullmatch(line)
        if match is None:
            raise BrokenAnswer("the answer's chunks are broken", may_pass=True)
        size = int(match[1], 16)
        if len(self.body) + size > BODY_LIMIT_BYTES:
            raise BrokenAnswer(f"the answer is over {BODY_LIMIT_BYTES} bytes", may_pass=False)
        self._is_last = size == 0
        self._left = size + 2 if size else 0

    def _take(self) -> bool:
        """Move what is there of the chunk into the body; returns whether the chunk is done."""
        part = min(len(self._rest), self._left - 2)
        if part > 0:
            self.body += self._rest[:part]
            del self._rest[:part]
            self._left -= part
        if self._left > 2 or len(self._rest) < 2:
            return False
        if self._rest[:2] != b"\r\n":
            raise BrokenAnswer("the answer's chunks are broken", may_pass=True)
        del self._rest[:2]
        self._left = 0
        return True
