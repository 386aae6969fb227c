"""Secrets that show by their shape, whoever made them: tokens, keys, passwords in URLs and in headers.

A token may be wrapped by a terminal or a log, with indentation and colours between. Where its length is known, that
decides whether the next line belongs to it; otherwise how the two lines look. Everything here takes time in proportion
to the text.
"""

from __future__ import annotations

import base64
import binascii
import enum
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Final

from nanna_ci.foundation.ed25519 import is_secret_key
from nanna_ci.foundation.text_squeeze import BREAK, Squeezed, without_written_breaks

_LIMIT: Final = 16 * 1024  # of one token: RSA keys of 8192 bits have 6.5 KB, JWTs fit into a header of 8 KB
# What begins a line of its own after a token: a word, a digest, a store path.
_NO_MORE: Final = re.compile(
    rb"[A-Za-z]?[a-z]{0,14}[.:]?|[0-9a-f]{40}|[0-9a-f]{64}|/nix/store/.*|sha(?:1|256|512)-.*", re.DOTALL
)
_LINE_END: Final = re.compile(rb"[\"'`),;}\]\\\0 \t]*(?:\r?\n|\r?\Z|\\r|\\n|&#)|[\"'`]")
_WRAP_COLUMNS: Final = range(40, 201)  # a full line of these many bytes was wrapped, and its word goes on
_LOOK_BACK: Final = 400
_BREAK: Final = re.compile(BREAK)
_JWT: Final = re.compile(rb"eyJ[\w-]{8,}\.[\w-]*\.[\w-]{4,}")
_GITHUB: Final = re.compile(rb"[A-Za-z0-9]{36}|(?:[0-9]+_)?eyJ[\w-]{8}")
# In text without blanks. A key that is cut off goes as far as it may.
_PRIVATE_KEY: Final = re.compile(
    rb"-----BEGIN[A-Z0-9]{0,40}PRIVATEKEY(?:BLOCK)?-----(?:"
    rb"(?P<whole>(?:[\w+/=\\|>:,.;&#()@<]|-(?!----)){0,16384}?-----END[A-Z0-9]{0,40}-----)|[A-Za-z0-9+/=]{0,16384})"
)
_KEY_END_BROKEN: Final = re.compile(rb"[\w+/=:,.;-]{0,200}-{0,5}(?:E|EN|END[A-Z0-9]{0,40}-{0,4})?")
_KEY_BEGIN_BROKEN: Final = re.compile(rb"-----(?:B|BE|BEG|BEGI|BEGIN[A-Z0-9]{0,40}-{0,4})?\Z")
_NIX_KEY: Final = 86  # characters of base64 before the == of 64 bytes
_NIX_KEY_AT_END: Final = re.compile(
    rb":(?P<first>[A-Za-z0-9+/]{0,86})(?:" + BREAK + rb"[A-Za-z0-9+/]{1,86}){0,8}=?(?:" + BREAK + rb")?\Z"
)
_NIX_KEY_LEAST: Final = 16  # characters of it at the end of a line that is too short to be a wrapped one
_BARE_CHECKS: Final = 64  # key derivations for what is nearly certainly a signature: 0.3 ms each
_KEY_CHECKS: Final = 1024


class _Whole(enum.Enum):
    """Whether a token may go on after what there is of it."""

    NO = enum.auto()
    MAYBE = enum.auto()
    YES = enum.auto()


def _jwt_is_whole(token: bytes) -> _Whole:
    return _Whole.MAYBE if token.count(b".") >= 2 and not token.endswith(b".") else _Whole.NO


def _has_length(length: int, token: bytes) -> _Whole:
    return _Whole.YES if len(token) >= length else _Whole.NO


def _may_have_length(length: int, token: bytes) -> _Whole:
    return _Whole.MAYBE if len(token) >= length else _Whole.NO


def _github_is_whole(token: bytes) -> _Whole:
    if re.match(rb"(?:[0-9]+_)?eyJ", token):
        return _jwt_is_whole(token)
    return _Whole.YES if len(token) == 36 else _may_have_length(36, token)


@dataclass(frozen=True, slots=True)
class _Shape:
    """A token: how it begins, its alphabet, when it is whole, and what it must be to be one.

    `begins` is taken out with the rest; it may be broken over two lines as well.
    """

    begins: bytes
    run: re.Pattern[bytes]
    whole: Callable[[bytes], _Whole]
    valid: re.Pattern[bytes]
    bounded: bool = False  # a letter or digit before or behind makes it another word


_ALNUM: Final = re.compile(rb"[A-Za-z0-9]+")
_UPPER: Final = re.compile(rb"[A-Z0-9]+")
_TOKEN: Final = re.compile(rb"[\w.-]+")
_WORDS: Final = re.compile(rb"[\w-]+")
_SHAPES: Final = (
    *(_Shape(b"gh%c_" % kind, _TOKEN, _github_is_whole, _GITHUB) for kind in b"pousr"),
    _Shape(b"github_pat_", re.compile(rb"\w+"), partial(_has_length, 82), re.compile(rb"\w{22}")),
    _Shape(b"eyJ", _TOKEN, lambda rest: _jwt_is_whole(b"eyJ" + rest), re.compile(_JWT.pattern.removeprefix(b"eyJ"))),
    _Shape(b"cio", _ALNUM, partial(_has_length, 32), re.compile(rb"[A-Za-z0-9]{32}$"), bounded=True),
    _Shape(b"glpat-", _WORDS, partial(_has_length, 20), re.compile(rb"[\w-]{20}")),
    _Shape(b"AKIA", _UPPER, partial(_has_length, 16), re.compile(rb"[A-Z0-9]{16}$"), bounded=True),
    _Shape(b"ASIA", _UPPER, partial(_has_length, 16), re.compile(rb"[A-Z0-9]{16}$"), bounded=True),
    _Shape(b"AGE-SECRET-KEY-1", _UPPER, partial(_has_length, 58), re.compile(rb"[A-Z0-9]{58}")),
)
_BEGINNINGS: Final = tuple(shape.begins for shape in _SHAPES)
_BROKEN: Final = {
    shape.begins: re.compile((BREAK + b"?").join(re.escape(bytes([byte])) for byte in shape.begins))
    for shape in _SHAPES
}
_PARTS: Final = sorted({begins[:count] for begins in _BEGINNINGS for count in range(1, len(begins))}, key=len)
_PART_AT_END: Final = re.compile(b"(?:" + b"|".join(map(re.escape, reversed(_PARTS))) + b")$")
_LONGEST_PART: Final = max(map(len, _PARTS))


@dataclass(frozen=True, slots=True)
class _Label:
    """What stands before a secret of any shape: `text` is what to look for first, `pattern` matches up to the value."""

    text: bytes
    pattern: re.Pattern[bytes]
    value: re.Pattern[bytes]
    least: int = 8
    wraps: bool = False


_CREDENTIAL: Final = re.compile(rb"[A-Za-z0-9+/=._~-]+")
_UNQUOTED: Final = re.compile(rb"[^\s\0\"'\\;&|<>$*\[{(`][^\s\0\"'\\;&|<>]*")
_HEADER: Final = rb"[\"']?[ \t]{0,8}[:=][ \t]{0,8}[\"']?(?:(?i:bearer|basic|token)[ \t]{1,8})?"
_ASSIGNED: Final = rb"[\"']?[ \t]{0,8}[:=][ \t]{0,8}[\"']?"
_LABELS: Final = (
    _Label(b"uthorization", re.compile(b"uthorization" + _HEADER), _CREDENTIAL, 8, wraps=True),
    _Label(b"UTHORIZATION", re.compile(b"UTHORIZATION" + _HEADER), _CREDENTIAL, 8, wraps=True),
    _Label(
        b"earer ",
        re.compile(rb"earer {1,4}"),
        re.compile(rb"(?=[A-Za-z._~+/-]*[0-9])" + _CREDENTIAL.pattern),
        16,
        wraps=True,
    ),
    *(
        _Label(b"_" + name + b"=", re.compile(b"_" + name + rb"=[\"']?"), _UNQUOTED)
        for name in (b"TOKEN", b"PASSWORD", b"SECRET", b"PASSPHRASE", b"API_KEY", b"ACCESS_KEY", b"PRIVATE_KEY")
    ),
    *(
        _Label(name, re.compile(name + _ASSIGNED), _CREDENTIAL, 16)
        for name in (b"aws_secret_access_key", b"SecretAccessKey")
    ),
    *(
        _Label(b'"' + name + b'"', re.compile(b'"' + name + rb'"[ \t]{0,8}:\s{0,8}"'), _UNQUOTED, 6)
        for name in (b"auth", b"password", b"identitytoken", b"registrytoken")
    ),
    _Label(b"token", re.compile(rb"token[ \t]{0,8}=[ \t]{0,8}\""), _UNQUOTED, 16),
)
# The port of a host is no password, nor is a tag before a digest. A path made of a URL has one slash.
_URL: Final = re.compile(
    rb"(?:://|(?<=https):/|(?<=http):/)[^\s\0/?#@:'\"<>\[]{0,256}:(?![0-9]{1,5}[/?#])(?!\[redacted\])"
    rb"(?P<secret>(?:[^\s\0@'\"<>:]|:(?!//)){1,2048}(?:@[^\s\0/@'\"<>:]{1,256}){0,4})@(?!sha256:)"
)


@dataclass(frozen=True, slots=True)
class Found:
    """Where secrets are in a text; `open_at` is where one begins that the next line may go on with, or None."""

    spans: tuple[tuple[int, int], ...]
    open_at: int | None


def find_shapes(text: bytes, squeezed: Squeezed) -> Found:
    """The secrets in a text without colours; `squeezed` is the same text."""
    spans: list[tuple[int, int]] = []
    opened = [_find_part(text, squeezed)]
    shapes = [shape for shape in _SHAPES if shape.begins in squeezed.bytes]
    labels = [label for label in _LABELS if label.text in text]
    opened += [_find_tokens(shape, text, squeezed, spans) for shape in shapes]
    opened += [_find_labelled(label, text, spans) for label in labels]
    written = without_written_breaks(text)
    joined = squeezed if written is text else Squeezed(written)
    if b"-----" in joined.bytes:
        opened.append(_find_private_keys(joined, spans))
    if b"==" in joined.bytes:
        spans += _find_nix_keys(joined)
    if b":" in text[-_LOOK_BACK:]:
        opened.append(_find_nix_key_at_end(text))
    if b"@" in text and b":/" in text:
        spans += (match.span("secret") for match in _URL.finditer(text))
    return Found(tuple(spans), min((at for at in opened if at is not None), default=None))


def _find_part(text: bytes, squeezed: Squeezed) -> int | None:
    """Where a beginning begins that the end of the text breaks; one letter counts only at the end of a full line."""
    match = _PART_AT_END.search(squeezed.bytes[-_LONGEST_PART:])
    if match is None:
        return None
    length = len(match.group())
    if length == 1 and _columns(text, len(text)) < _WRAP_COLUMNS.start:
        return None
    return squeezed.place(len(squeezed.bytes) - length)


def _columns(text: bytes, at: int) -> int:
    """How many bytes there are in front of `at` in its line."""
    return at - 1 - text.rfind(b"\n", max(at - _LOOK_BACK, 0), at)


def _find_tokens(shape: _Shape, text: bytes, squeezed: Squeezed, spans: list[tuple[int, int]]) -> int | None:
    found, done, opened = squeezed.bytes.find(shape.begins), 0, None
    while found >= 0:
        start = squeezed.place(found)
        begin = _BROKEN[shape.begins].match(text, start) if start >= done else None
        if begin is not None and not (shape.bounded and text[start - 1 : start].isalnum()):
            token, done, is_open = _walk(text, begin.end(), shape.run, shape.whole)
            if shape.valid.match(token):
                spans.append((start, done))
            if is_open and opened is None:
                opened = start
        found = squeezed.bytes.find(shape.begins, found + len(shape.begins))
    return opened


def _walk(text: bytes, start: int, run: re.Pattern[bytes], whole: Callable[[bytes], _Whole]) -> tuple[bytes, int, bool]:
    """The token from `start` without breaks, where it ends, and whether the next line may go on with it."""
    token, at, end = b"", start, start
    while len(token) < _LIMIT:
        piece = run.match(text, at)
        if piece is not None:
            token += piece.group()
            at = end = piece.end()
        state = whole(token)
        if state is _Whole.YES:
            break
        gap = _BREAK.match(text, at)
        at = end if gap is None else gap.end()
        if at == len(text):
            return token, end, True
        next_piece = run.match(text, at)
        if gap is None or next_piece is None or not _goes_on(text, end, gap, next_piece, state):
            break
    return token, end, False


def _goes_on(text: bytes, end: int, gap: re.Match[bytes], piece: re.Match[bytes], state: _Whole) -> bool:
    """Whether a token that is broken at `end` goes on with a piece of the next line."""
    if gap.group().strip(b"\0") == b"":
        return True  # colours only
    if _NO_MORE.fullmatch(piece.group()):
        return (
            state is _Whole.NO
            and _columns(text, end) in _WRAP_COLUMNS
            and _LINE_END.match(text, piece.end()) is not None
        )
    if state is _Whole.NO or _columns(text, end) in _WRAP_COLUMNS:
        return True
    return _LINE_END.match(text, piece.end()) is not None


def _find_labelled(label: _Label, text: bytes, spans: list[tuple[int, int]]) -> int | None:
    opened = None
    for match in label.pattern.finditer(text):
        value = label.value.match(text, match.end())
        if value is None:
            continue
        end = value.end()
        if label.wraps:
            _, end, is_open = _walk(text, match.end(), label.value, partial(_may_have_length, label.least))
            opened = match.start() if is_open and opened is None else opened
        if end - match.end() >= label.least:
            spans.append((match.end(), end))
    return opened


def _find_private_keys(squeezed: Squeezed, spans: list[tuple[int, int]]) -> int | None:
    opened, done = None, 0
    for match in _PRIVATE_KEY.finditer(squeezed.bytes):
        done = match.end()
        spans.append(squeezed.span(*match.span()))
        if match["whole"] is None and opened is None and _KEY_END_BROKEN.fullmatch(squeezed.bytes, match.end()):
            opened = squeezed.place(match.start())
    if opened is None:
        broken = _KEY_BEGIN_BROKEN.search(squeezed.bytes, max(len(squeezed.bytes) - _LOOK_BACK, done))
        opened = None if broken is None else squeezed.place(broken.start())
    return opened


def _find_nix_key_at_end(text: bytes) -> int | None:
    """Where a Nix key may begin that the end of the text breaks."""
    match = _NIX_KEY_AT_END.search(text, max(len(text) - _LOOK_BACK, 0))
    if match is None:
        return None
    wrapped = _columns(text, match.end("first")) in _WRAP_COLUMNS
    return match.start() if wrapped or len(match["first"]) >= _NIX_KEY_LEAST else None


def _find_nix_keys(squeezed: Squeezed) -> Iterator[tuple[int, int]]:
    """Secret keys `name:base64 of 64 bytes`. Signatures look the same: that the public half fits tells them apart."""
    data, bare, checked = squeezed.bytes, 0, 0
    at = data.find(b"==", _NIX_KEY + 1)
    while at >= 0:
        start = at - _NIX_KEY
        if data[start - 1 : start] == b":" and data[start - 7 : start - 1] != b"sha512":
            try:
                key = base64.b64decode(data[start : at + 2], validate=True)
            except binascii.Error:
                key = b""
            signature_like = key[-1:] <= b"\x10"  # the second half of a signature is a number below 2^253
            bare += signature_like
            checked += not signature_like
            worth_it = len(key) == 64 and (not signature_like or bare <= _BARE_CHECKS)
            if worth_it and (checked > _KEY_CHECKS or is_secret_key(key)):
                yield squeezed.span(start, at + 2)
        at = data.find(b"==", at + 2)
