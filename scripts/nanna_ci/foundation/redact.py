"""Secrets taken out of text before anyone sees it: raw, base64, URL-encoded, and any of these split over lines.

Two kinds are found: secrets that are known, in every form, and secrets of others that show by their shape.
"""

from __future__ import annotations

import dataclasses
import enum
import functools
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, TypeVar
from urllib.parse import unquote

from nanna_ci.foundation.secret_forms import forms_of
from nanna_ci.foundation.secret_shapes import find_shapes
from nanna_ci.foundation.text_squeeze import Squeezed, without_colours, without_written_breaks

_T = TypeVar("_T")
MARK = b"[redacted]"
PASS_VARIABLE = "NANNA_CI_PASS_SECRETS"  # noqa: S105 - a name
_SECRET_NAME = re.compile(
    r"(TOKENS?|SECRETS?|PASSWORD|PASSWD|PASSPHRASE|CREDENTIALS?|AUTH_CONFIG|(^|_)(PASS|PAT|AUTH)"
    r"|(API|AUTH|ACCESS|PRIVATE|SIGNING|ENCRYPTION|DEPLOY)_?KEY)(_?[0-9]+|_(BASE64|B64|JSON))?$",
    re.IGNORECASE,
)
_SHORTEST_LEARNED = 6  # `USE_TOKEN=1` is not a secret, and taking every "1" out would not help
_HELD_BYTES: Final = 64 * 1024  # of lines held back in a stream
_NOTHING_ELSE: Final = re.compile(rb"[ \t\r\0]*[A-Za-z0-9+/=_.-]*[ \t\r\0]*")
URL_PASSWORD = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^\s/?#@:]*:(?P<password>[^\s@]+)@")
IN_JSON = re.compile(r'"(?:auth|password|identitytoken|registrytoken)"\s*:\s*"([^"]+)"')
NIX_TOKENS = re.compile(r"^[ \t]*(?:extra-)?access-tokens[ \t]*=(?P<words>.*)$\n?", re.MULTILINE)

_learned: dict[str, None] = {}


def learn(secrets: Iterable[str]) -> None:
    """Let every redactor of this process, also those that there are already, take these out, too."""
    _learned.update(dict.fromkeys(secret for secret in secrets if len(secret.strip()) >= _SHORTEST_LEARNED))


def forget() -> None:
    """Forget what was learned: a new command begins."""
    _learned.clear()


def known_secrets(environ: Mapping[str, str]) -> tuple[str, ...]:
    """The secrets in the environment, each once.

    The values of variables whose names say so, passwords in URLs, logins in JSON, and the access tokens of NIX_CONFIG.
    """
    found: dict[str, None] = {}
    for name, value in sorted(environ.items()):
        parts = [match["password"] for match in URL_PASSWORD.finditer(value)]
        if name == "NIX_CONFIG":
            words = " ".join(match["words"] for match in NIX_TOKENS.finditer(value)).split()
            parts += [part for word in words for part in word.partition("=")[2].split(":")]
        if _SECRET_NAME.search(name):
            parts += [value, *IN_JSON.findall(value)]
        parts += [unquote(part) for part in parts]
        found |= dict.fromkeys(part for part in parts if len(part) >= _SHORTEST_LEARNED)
    return tuple(found)


def without_secrets(environ: Mapping[str, str], needed: str = "") -> dict[str, str]:
    """The environment for a program that runs other people's code: without the variables that hold secrets.

    `needed` is a pattern of names that the program itself cannot do without. NANNA_CI_PASS_SECRETS, names with blanks
    between them, is how a user lets tests have one; its value is taken out of what they print anyway.
    """
    passed = {*environ.get(PASS_VARIABLE, "").split()}
    kept = {
        name: value
        for name, value in environ.items()
        if not _SECRET_NAME.search(name) or re.fullmatch(needed, name) or name in passed
    }
    if "NIX_CONFIG" in kept and not re.fullmatch(needed, "NIX_CONFIG"):
        kept["NIX_CONFIG"] = NIX_TOKENS.sub("", kept["NIX_CONFIG"])
    return kept


def _texts(value: object) -> Iterator[str]:
    match value:
        case str():
            yield value
        case Mapping():
            for key, inner in value.items():
                yield from _texts(key)
                yield from _texts(inner)
        case list() | tuple():
            for item in value:
                yield from _texts(item)
        case _ if dataclasses.is_dataclass(value) and not isinstance(value, type):
            for one in dataclasses.fields(value):
                yield from _texts(getattr(value, one.name))
        case _:
            return


class Redactor:
    """Takes secrets out of texts and streams: those it is given, those learned, and what shows by its shape.

    In a stream, a line that ends like the beginning of a secret is held back until the next one shows whether the
    secret goes on there.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._own = tuple(secrets)
        self._forms: tuple[bytes, ...] = ()
        self._unquoted: tuple[bytes, ...] = ()
        self._longest = 0
        self._known: tuple[str, ...] | None = None
        self._held = b""
        self._inside = False

    def finds(self, data: bytes) -> bool:
        """Whether any secret is in a text."""
        return bool(self._search(data)[0])

    def redact(self, data: bytes) -> bytes:
        """A whole text, line breaks and all."""
        return _without(self._search(data)[0], data)

    def _refresh(self) -> None:
        known = tuple(dict.fromkeys((*self._own, *tuple(_learned))))
        if known != self._known:
            self._known, self._forms = known, _forms(known)
            self._unquoted = tuple(dict.fromkeys(form.replace(b"\\", b"") or form for form in self._forms))
            self._longest = max(map(len, self._forms), default=0)

    def _search(self, data: bytes) -> tuple[list[tuple[int, int]], int | None]:
        """Where the secrets are, in order, none touching another; and where one begins that the end may have broken."""
        self._refresh()
        plain = without_colours(data)
        squeezed = Squeezed(plain)
        found = find_shapes(plain, squeezed)
        spans = [*found.spans]
        self._find_known(self._forms, squeezed, spans)
        written = without_written_breaks(plain) if self._forms else plain
        if written is not plain:
            self._find_known(self._unquoted, Squeezed(written), spans)
        opened = [at for at in (found.open_at, self._find_beginning(squeezed)) if at is not None]
        return _merged(spans), min(opened, default=None)

    def _find_known(self, forms: Iterable[bytes], squeezed: Squeezed, spans: list[tuple[int, int]]) -> None:
        for form in forms:
            at = squeezed.bytes.find(form)
            while at >= 0:
                spans.append(squeezed.span(at, at + len(form)))
                at = squeezed.bytes.find(form, at + len(form))

    def _find_beginning(self, squeezed: Squeezed) -> int | None:
        """Where the beginning of a known secret begins that the end of the text breaks."""
        tail = squeezed.bytes[-(self._longest - 1) :] if self._longest > 1 else b""
        longest = 0
        for form in self._forms:
            start = tail.find(form[:1], max(len(tail) - len(form) + 1, 0))
            while start >= 0:
                if form.startswith(tail[start:]):
                    longest = max(longest, len(tail) - start)
                    break
                start = tail.find(form[:1], start + 1)
        return squeezed.place(len(squeezed.bytes) - longest) if longest else None

    def redact_text(self, text: str) -> str:
        """`redact` for a string."""
        try:
            data, errors = text.encode("utf-8", "surrogateescape"), "surrogateescape"
        except UnicodeEncodeError:  # half of a surrogate pair, as JSON may have it
            data, errors = text.encode("utf-8", "surrogatepass"), "surrogatepass"
        return self.redact(data).decode("utf-8", errors)

    def redact_value(self, value: _T) -> _T:
        """Every text in plain JSON or in a frozen dataclass. A list of lines counts as one text.

        To be done before anything is rendered: what a renderer escapes or wraps is harder to find.
        """
        if not self.finds("\n".join(_texts(value)).encode("utf-8", "surrogatepass")):
            return value
        redacted: _T = self._redact_any(value)
        return redacted

    def _redact_any(self, value: Any) -> Any:
        match value:
            case enum.Enum():
                return value
            case str():
                return self.redact_text(value)
            case Mapping():
                return {self._redact_any(key): self._redact_any(inner) for key, inner in value.items()}
            case list() | tuple():
                if all(isinstance(item, str) for item in value):
                    whole = "\n".join(value)
                    redacted = self.redact_text(whole)
                    return type(value)(redacted.split("\n")) if redacted != whole else value
                return type(value)(self._redact_any(item) for item in value)
            case _ if dataclasses.is_dataclass(value) and not isinstance(value, type):
                fields = {one.name: self._redact_any(getattr(value, one.name)) for one in dataclasses.fields(value)}
                return dataclasses.replace(value, **fields)
            case _:
                return value

    def feed(self, lines: bytes, *, cut: bool = False) -> Iterator[bytes]:
        """The lines (without newline) that are safe now. `cut`: the rest of the last was dropped, maybe mid-secret."""
        if self._inside:
            lines = self._after_secret(lines)
            if self._inside:
                return
        text = self._held + lines
        spans, opened = self._search(text)
        self._held = b""
        if opened is None:
            yield from _without(spans, text).split(b"\n")
            return
        start = text.rfind(b"\n", 0, opened) + 1
        while crossing := [at for at, end in spans if at < start <= end]:  # no secret is cut in two
            start = text.rfind(b"\n", 0, crossing[0]) + 1
        if cut or len(text) - start > _HELD_BYTES:
            self._inside = not cut
            yield from _without(_merged([*spans, (opened, len(text))]), text).split(b"\n")
            return
        if start:
            yield from _without([span for span in spans if span[0] < start], text[:start])[:-1].split(b"\n")
        self._held = text[start:] + b"\n"

    def _after_secret(self, lines: bytes) -> bytes:
        """What follows a secret that was too long to hold: lines that are nothing but more of it are dropped."""
        rest = lines.split(b"\n")
        while rest and _NOTHING_ELSE.fullmatch(without_colours(rest[0])):
            del rest[0]
        self._inside = not rest
        return b"\n".join(rest)

    def finish(self) -> Iterator[bytes]:
        """What was still held back, at the end of the stream."""
        if self._held:
            yield from self.redact(self._held[:-1]).split(b"\n")
            self._held = b""


@functools.lru_cache(maxsize=64)
def _forms(secrets: tuple[str, ...]) -> tuple[bytes, ...]:
    return tuple(forms_of(secrets))


def _merged(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _without(spans: Sequence[tuple[int, int]], data: bytes) -> bytes:
    if not spans:
        return data
    parts: list[bytes] = []
    at = 0
    for start, end in spans:
        parts += (data[at:start], MARK)
        at = end
    return b"".join((*parts, data[at:]))
