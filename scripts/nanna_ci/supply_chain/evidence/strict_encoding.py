"""JSON and base64 in the one spelling that programs write, so that a change of what nobody signs is seen too."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Set

from nanna_ci.foundation.errors import MalformedData, shorten
from nanna_ci.foundation.json_data import JsonObject, JsonValue, as_object, as_text


def refuse_other_spelling(data: bytes, document: JsonObject, source: str) -> None:
    """Blanks and escapes are nobody's content, and still must be those that a program writes. Raises MalformedData."""
    spellings = [(comma, colon) for comma in (",", ", ") for colon in (":", ": ")]
    texts = {json.dumps(document, separators=pair, ensure_ascii=False).encode() for pair in spellings}
    if data.removesuffix(b"\n") not in texts:
        raise MalformedData(source, "is not spelled as the programs write it: it was changed")


def only_keys(value: JsonValue, keys: Set[str], source: str, what: str) -> JsonObject:
    """An object with no other keys. Raises MalformedData."""
    found = as_object(value, source, what)
    if unknown := sorted(found.keys() - keys):
        raise MalformedData(source, f"{what}.{shorten(unknown[0])} is not part of a bundle")
    return found


def decode_base64(value: JsonValue, source: str, what: str) -> bytes:
    """Base64 in its one spelling: bits behind the last byte would be nobody's content. Raises MalformedData."""
    text = as_text(value, source, what)
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise MalformedData(source, f"{what} is not base64") from None
    if base64.b64encode(data).decode() != text:
        raise MalformedData(source, f"{what} is base64 in another spelling than programs write")
    return data
