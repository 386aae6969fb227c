"""The ways in which one known secret may be written: raw, base64, URL-encoded, hexadecimal, quoted for a format."""

from __future__ import annotations

import base64
import itertools
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from urllib.parse import quote, quote_plus

from nanna_ci.foundation.text_squeeze import BLANKS

_SHORTEST_LINE = 8  # a shorter line of a multi-line key is too common to stand for it
_SHORTEST_FORM = 4  # what base64 decides alone of a shorter secret is in every second text
_MARKUP: Mapping[str, tuple[str, ...]] = {  # XML and HTML leave some of these as they are, each writer others
    ">": (">", "&gt;", "&#62;"),
    '"': ('"', "&quot;", "&#34;", "&#x22;"),
    "'": ("'", "&apos;", "&#39;", "&#x27;"),
}


def forms_of(secrets: Iterable[str]) -> list[bytes]:
    """Every way in which a secret may be written, blanks removed, longest first."""
    forms: set[bytes] = set()
    for secret in secrets:
        whole = secret.strip()
        lines = [line.strip() for line in whole.splitlines() if len(line.strip()) >= _SHORTEST_LINE]
        for text in {whole, *lines} - {""}:
            raw = text.encode("utf-8", "surrogateescape")
            encoded = (*_base64_forms(raw), *_url_forms(raw), *_quoted_forms(text), raw.hex().encode())
            forms.update((raw, *(form for form in encoded if len(form) >= _SHORTEST_FORM)))
    squeezed = {form.translate(None, BLANKS) for form in forms}
    return sorted((form for form in squeezed if form), key=len, reverse=True)


def _base64_forms(secret: bytes) -> Iterator[bytes]:
    """The characters that the secret alone decides, at each of the three alignments inside a longer text."""
    for shift, first in ((0, 0), (1, 2), (2, 3)):
        encoded = base64.b64encode(b"\0" * shift + secret)
        own = encoded[first : (shift + len(secret)) * 8 // 6]
        yield own
        yield own.replace(b"+", b"-").replace(b"/", b"_")


def _url_forms(secret: bytes) -> Iterator[bytes]:
    from_quote = (quote(secret, safe=""), quote(secret), quote_plus(secret), "".join(f"%{byte:02X}" for byte in secret))
    for text in from_quote:
        yield text.encode()
        yield re.sub("%[0-9A-F]{2}", lambda match: match.group().lower(), text).encode()


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
