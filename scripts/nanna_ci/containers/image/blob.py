"""Content by its digest: what OCI calls a descriptor, in images and in the manifests of models."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Final

from nanna_ci.foundation.errors import MalformedData, shorten
from nanna_ci.foundation.json_data import JsonValue, as_count, as_object, as_text

_DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}")
_MEDIA_TYPE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}/[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}")


@dataclass(frozen=True, slots=True)
class Blob:
    """Bytes in a registry: `digest` is `sha256:` and 64 hexadecimal digits, `size_bytes` what is stored and sent."""

    media_type: str
    digest: str
    size_bytes: int


def digest_of(data: bytes) -> str:
    """The digest of bytes: `sha256:…`."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def parse_digest(value: JsonValue, source: str, what: str) -> str:
    """A SHA-256 digest in lower case. Raises MalformedData for any other, and for any other algorithm."""
    text = as_text(value, source, what)
    if _DIGEST.fullmatch(text) is None:
        raise MalformedData(source, f"{what} is {shorten(text)}, not sha256: and 64 hexadecimal digits")
    return text


def parse_media_type(value: JsonValue, source: str, what: str) -> str:
    """A media type without parameters."""
    text = as_text(value, source, what)
    if _MEDIA_TYPE.fullmatch(text) is None:
        raise MalformedData(source, f"{what} is {shorten(text)}, not a media type")
    return text


def parse_blob(value: JsonValue, source: str, what: str, *, size_key: str = "size") -> Blob:
    """A descriptor: an object with mediaType, digest and its size; other keys are left to the caller."""
    entry = as_object(value, source, what)
    return Blob(
        media_type=parse_media_type(entry.get("mediaType"), source, f"{what}.mediaType"),
        digest=parse_digest(entry.get("digest"), source, f"{what}.digest"),
        size_bytes=as_count(entry.get(size_key), source, f"{what}.{size_key}"),
    )
