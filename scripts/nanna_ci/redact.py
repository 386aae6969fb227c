"""Secrets taken out of text before anyone sees it: raw, base64, URL-encoded, and any of these split over lines."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from urllib.parse import quote, quote_plus

MARK = b"[redacted]"
_SECRET_NAME = re.compile(
    r"(TOKEN|SECRET|PASSWORD|PASSPHRASE|(PRIVATE|SIGNING|SECRET_ACCESS)_KEY|CREDENTIALS?)$", re.IGNORECASE
)
_SHORTEST_ENVIRONMENT_SECRET = 8  # `USE_TOKEN=1` is no secret, and taking every "1" out helps nobody
_SHORTEST_LINE = 8  # a shorter line of a multi-line key is too common to stand for it
_BETWEEN = rb"[ \t\r\n]*"  # what a wrapped secret may have between any two of its bytes
_BLANK = re.compile(rb"[ \t\r\n]+")


def known_secrets(environ: Mapping[str, str]) -> tuple[str, ...]:
    """The values of the variables whose names say that they hold a secret."""
    return tuple(
        value
        for name, value in sorted(environ.items())
        if _SECRET_NAME.search(name) and len(value) >= _SHORTEST_ENVIRONMENT_SECRET
    )


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


def _forms(secrets: Iterable[str]) -> list[bytes]:
    """Every way in which a secret may be written, blanks removed, longest first."""
    forms: set[bytes] = set()
    for secret in secrets:
        whole = secret.strip()
        lines = [line.strip() for line in whole.splitlines() if len(line.strip()) >= _SHORTEST_LINE]
        for text in {whole, *lines} - {""}:
            raw = text.encode("utf-8", "surrogateescape")
            forms.update((raw, *_base64_forms(raw), *_url_forms(raw), raw.replace(b"\n", rb"\n")))
    squeezed = {_BLANK.sub(b"", form) for form in forms}
    return sorted((form for form in squeezed if form), key=len, reverse=True)


def _pattern(form: bytes) -> bytes:
    return _BETWEEN.join(re.escape(form[index : index + 1]) for index in range(len(form)))


class Redactor:
    """Takes secrets out of a stream of lines.

    A line that ends like the beginning of a secret is held back until the next one shows whether the secret
    goes on there. Without secrets every line passes at once.
    """

    def __init__(self, secrets: Sequence[str]) -> None:
        self._forms = _forms(secrets)
        self._longest = max(map(len, self._forms), default=0)
        self._regex = re.compile(b"|".join(map(_pattern, self._forms))) if self._forms else None
        self._held = b""

    def redact(self, data: bytes) -> bytes:
        """A whole text, line breaks and all."""
        return self._regex.sub(MARK, data) if self._regex else data

    def redact_text(self, text: str) -> str:
        """`redact` for a string."""
        if self._regex is None:
            return text
        return self.redact(text.encode("utf-8", "surrogateescape")).decode("utf-8", "surrogateescape")

    def feed(self, line: bytes, *, cut: bool = False) -> Iterator[bytes]:
        """The lines (without newline) that are safe now. `cut`: the rest of this line was dropped, maybe mid-secret."""
        if self._regex is None:
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
