"""An HTTP answer: its body within a limit, and its JSON checked before anyone uses it."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from nanna_ci.foundation.errors import MalformedData
from nanna_ci.foundation.json_data import JsonObject, JsonValue, as_list, as_object, load_json

_GZIP: Final = 16 + zlib.MAX_WBITS


@dataclass(frozen=True, slots=True)
class BodyDigest:
    """A body that was hashed as it came, and not kept."""

    sha256: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Response:
    """An answer whose body came whole.

    `url` is where it came from in the end, without query; header names are in lower case. `digest` stands for the body
    if that was only to be hashed.
    """

    status: int
    url: str
    headers: Mapping[str, str]
    body: bytes
    digest: BodyDigest | None = None

    def json_object(self) -> JsonObject:
        """The body as a JSON object. Raises MalformedData for anything else."""
        return as_object(self._json(), self.url, "the answer")

    def json_array(self) -> Sequence[JsonValue]:
        """The body as a JSON array. Raises MalformedData for anything else."""
        return as_list(self._json(), self.url, "the answer")

    def _json(self) -> JsonValue:
        if self.headers.get("content-type", "").lower().startswith("text/html"):
            raise MalformedData(self.url, "the answer is HTML, not JSON", hint="a login page or a proxy answered")
        return load_json(self.body, self.url)


class Body:
    """A body that grows up to its limit, unpacked here: httpx unpacks whole chunks first, and codings in codings."""

    def __init__(self, source: str, coding: str, limit_bytes: int) -> None:
        if coding.strip().lower() not in {"", "identity", "gzip", "x-gzip"}:
            raise MalformedData(source, f"the answer is coded as {coding!r}, which was not requested")
        self._gzip = zlib.decompressobj(_GZIP) if "gzip" in coding.lower() else None
        self._data = bytearray()
        self._begun = False
        self._source = source
        self._limit = limit_bytes

    def add(self, chunk: bytes) -> None:
        """A piece as it came. Raises MalformedData for what is over the limit or not gzip."""
        self._begun = self._begun or bool(chunk)
        remaining = self._limit - len(self._data)
        try:
            self._data += chunk[: remaining + 1] if self._gzip is None else self._gzip.decompress(chunk, remaining + 1)
        except zlib.error as error:
            raise MalformedData(self._source, f"the answer is not valid gzip: {error}") from None
        if len(self._data) > self._limit:
            raise MalformedData(self._source, f"the answer is over {self._limit} bytes")

    def whole(self) -> bytes | None:
        """The body, or None if the packed data ended too early."""
        if self._gzip is not None and self._begun and not self._gzip.eof:
            return None
        return bytes(self._data)


class HashedBody:
    """A body of any size as its SHA-256."""

    def __init__(self, source: str, coding: str) -> None:
        if coding.strip().lower() not in {"", "identity"}:
            raise MalformedData(source, f"the answer is coded as {coding!r}, which was not requested")
        self._sum = hashlib.sha256()
        self._size_bytes = 0

    def add(self, chunk: bytes) -> None:
        """A piece as it came."""
        self._sum.update(chunk)
        self._size_bytes += len(chunk)

    def digest(self) -> BodyDigest:
        """What all pieces so far come to."""
        return BodyDigest(self._sum.hexdigest(), self._size_bytes)
