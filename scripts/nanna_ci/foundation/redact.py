"""Secrets taken out of text before anyone sees it: raw, base64, URL-encoded, and any of these split over lines."""

from __future__ import annotations

import base64
import dataclasses
import enum
import itertools
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar
from urllib.parse import quote, quote_plus, unquote

_T = TypeVar("_T")
MARK = b"[redacted]"
PASS_VARIABLE = "NANNA_CI_PASS_SECRETS"  # noqa: S105 - a name
_SECRET_NAME = re.compile(
    r"(TOKENS?|SECRETS?|PASSWORD|PASSWD|PASSPHRASE|CREDENTIALS?|AUTH_CONFIG|(^|_)(PASS|PAT|AUTH)"
    r"|(API|AUTH|ACCESS|PRIVATE|SIGNING|ENCRYPTION|DEPLOY)_?KEY)(_?[0-9]+|_(BASE64|B64|JSON))?$",
    re.IGNORECASE,
)
_SHORTEST_ENVIRONMENT_SECRET = 6  # `USE_TOKEN=1` is not a secret, and taking every "1" out would not help
_SHORTEST_LINE = 8  # a shorter line of a multi-line key is too common to identify it
_BETWEEN = rb"[ \t\r\n]*"  # what a wrapped secret may have between any two of its bytes
_BLANKS = b" \t\r\n"
_BLANK = re.compile(rb"[ \t\r\n]+")
_URL_PASSWORD = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^\s/?#@:]*:(?P<password>[^\s@]+)@")
_IN_JSON = re.compile(r'"(?:auth|password|identitytoken|registrytoken)"\s*:\s*"([^"]+)"')
_NIX_TOKENS = re.compile(r"^[ \t]*(?:extra-)?access-tokens[ \t]*=(?P<words>.*)$\n?", re.MULTILINE)


def known_secrets(environ: Mapping[str, str]) -> tuple[str, ...]:
    """The secrets in the environment, each once.

    The values of variables whose names say so, passwords in URLs, logins in JSON, and the access tokens of NIX_CONFIG.
    """
    found: dict[str, None] = {}
    for name, value in sorted(environ.items()):
        parts = [match["password"] for match in _URL_PASSWORD.finditer(value)]
        if name == "NIX_CONFIG":
            words = " ".join(match["words"] for match in _NIX_TOKENS.finditer(value)).split()
            parts += [part for word in words for part in word.partition("=")[2].split(":")]
        if _SECRET_NAME.search(name):
            parts += [value, *_IN_JSON.findall(value)]
        parts += [unquote(part) for part in parts]
        found |= dict.fromkeys(part for part in parts if len(part) >= _SHORTEST_ENVIRONMENT_SECRET)
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
        kept["NIX_CONFIG"] = _NIX_TOKENS.sub("", kept["NIX_CONFIG"])
    return kept


def _base64_forms(secret: bytes) -> Iterator[bytes]:
    """The characters that the secret alone decides, at each of the three alignments inside a longer text."""
    for shift, first in ((0, 0), (1, 2), (2, 3)):
        encoded = base64.b64encode(b"\0" * shift + secret)
        own = encoded[first : (shift + len(secret)) * 8 // 6]
        yield own
        yield own.replace(b"+", b"-").replace(b"/", b"_")


def _url_forms(secret: bytes) -> Iterator[bytes]:
    every_byte = "".join(f"%{byte:02X}" for byte in secret)
    for text in (quote(secret, safe=""), quote(secret), quote_plus(secret), every_byte):
        yield text.encode()
        yield re.sub("%[0-9A-F]{2}", lambda match: match.group().lower(), text).encode()


_MARKUP: Mapping[str, tuple[str, ...]] = {  # XML and HTML leave some of these as they are, each writer others
    ">": (">", "&gt;", "&#62;"),
    '"': ('"', "&quot;", "&#34;", "&#x22;"),
    "'": ("'", "&apos;", "&#39;", "&#x27;"),
}


def _quoted_forms(secret: str) -> Iterator[bytes]:
    """As JSON, XML, HTML, a shell's double quotes and Python's repr have it."""
    texts = {json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1], repr(secret)[1:-1]}
    texts |= {re.sub(r'(["$`\\])', r"\\\1", secret), secret.replace("'", "'\"'\"'")}
    present = [character for character in _MARKUP if character in secret]
    for written in itertools.product(*(_MARKUP[character] for character in present)):
        text = secret.replace("&", "&amp;").replace("<", "&lt;")
        for character, entity in zip(present, written, strict=True):
            text = text.replace(character, entity)
        texts.add(text)
    yield from (text.encode("utf-8", "surrogateescape") for text in texts)


def _forms(secrets: Iterable[str]) -> list[bytes]:
    """Every way in which a secret may be written, blanks removed, longest first."""
    forms: set[bytes] = set()
    for secret in secrets:
        whole = secret.strip()
        lines = [line.strip() for line in whole.splitlines() if len(line.strip()) >= _SHORTEST_LINE]
        for text in {whole, *lines} - {""}:
            raw = text.encode("utf-8", "surrogateescape")
            forms.update((raw, *_base64_forms(raw), *_url_forms(raw), *_quoted_forms(text), raw.hex().encode()))
    squeezed = {_BLANK.sub(b"", form) for form in forms}
    return sorted((form for form in squeezed if form), key=len, reverse=True)


def _pattern(form: bytes) -> bytes:
    return _BETWEEN.join(re.escape(form[index : index + 1]) for index in range(len(form)))


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
    """Takes secrets out of a stream of lines.

    A line that ends like the beginning of a secret is held back until the next one shows whether the secret
    goes on there. Without secrets every line passes at once.
    """

    def __init__(self, secrets: Sequence[str]) -> None:
        self._forms = _forms(secrets)
        self._longest = max(map(len, self._forms), default=0)
        self._compiled: re.Pattern[bytes] | None = None
        self._held = b""

    def finds(self, data: bytes) -> bool:
        """Whether any secret is in a text. Much faster than taking it out, and nearly always all there is to do."""
        squeezed = data.translate(None, _BLANKS)
        return any(form in squeezed for form in self._forms)

    def redact(self, data: bytes) -> bytes:
        """A whole text, line breaks and all."""
        if not self.finds(data):
            return data
        if self._compiled is None:
            self._compiled = re.compile(b"|".join(map(_pattern, self._forms)))
        return self._compiled.sub(MARK, data)

    def redact_text(self, text: str) -> str:
        """`redact` for a string."""
        if not self._forms:
            return text
        try:
            data, errors = text.encode("utf-8", "surrogateescape"), "surrogateescape"
        except UnicodeEncodeError:  # half of a surrogate pair, as JSON may have it
            data, errors = text.encode("utf-8", "surrogatepass"), "surrogatepass"
        return self.redact(data).decode("utf-8", errors)

    def redact_value(self, value: _T) -> _T:
        """Every text in plain JSON or in a frozen dataclass. A list of lines counts as one text.

        To be done before anything is rendered: what a renderer escapes or wraps is harder to find.
        """
        if not self._forms or not self.finds("\n".join(_texts(value)).encode("utf-8", "surrogatepass")):
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

    def feed(self, line: bytes, *, cut: bool = False) -> Iterator[bytes]:
        """The lines (without newline) that are safe now. `cut`: the rest of this line was dropped, maybe mid-secret."""
        if not self._forms:
            yield line
            return
        text = self.redact(self._held + line)
        beginning = self._unfinished(text)
        if beginning and cut:
            text, beginning = text[: len(text) - beginning] + MARK, 0
        if beginning:
            self._held = text + b"\n"
            return
        self._held = b""
        yield from text.split(b"\n")

    def finish(self) -> Iterator[bytes]:
        """What was still held back, at the end of the stream."""
        if self._held:
            yield from self._held[:-1].split(b"\n")
            self._held = b""

    def _unfinished(self, text: bytes) -> int:
        """How many bytes at the end of `text` may be the beginning of a secret; 0 for none."""
        tail = text[-4 * self._longest :]  # blanks between the bytes count too, but no secret is mostly blanks
        squeezed = _BLANK.sub(b"", tail)[-(self._longest - 1) :] if self._longest > 1 else b""
        longest = 0
        for form in self._forms:
            start = squeezed.find(form[:1])
            while start >= 0:
                if form.startswith(squeezed[start:]):
                    longest = max(longest, len(squeezed) - start)
                    break
                start = squeezed.find(form[:1], start + 1)
        if not longest:
            return 0
        count, index = 0, len(text)
        while count < longest:
            index -= 1
            count += text[index : index + 1] not in b" \t\r\n"
        return len(text) - index
