"""Proofs of content: hashes in Nix's notations, content addresses, and the names on signatures."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from enum import Enum

from nanna_ci.foundation.errors import MalformedData, shorten
from nanna_ci.foundation.json_data import JsonValue, as_text
from nanna_ci.store.store_path import NIX32_DIGITS

# From Nix's digits to those that int() reads as base 32; all else, to what int() refuses.
_PYTHON32 = bytes(
    b"0123456789abcdefghijklmnopqrstuv"[NIX32_DIGITS.index(chr(code))] if chr(code) in NIX32_DIGITS else ord("!")
    for code in range(256)
)
_SIZES = {"md5": 16, "sha1": 20, "sha256": 32, "sha512": 64, "blake3": 32}


@dataclass(frozen=True, slots=True)
class NixHash:
    """A hash; `algorithm` is md5, sha1, sha256, sha512 or blake3, `digest` its bytes. `str()` gives the SRI form."""

    algorithm: str
    digest: bytes

    def __str__(self) -> str:
        return f"{self.algorithm}-{base64.b64encode(self.digest).decode('ascii')}"

    @property
    def nix32(self) -> str:
        """`sha256:…` in Nix's base 32, as narinfo files and signatures have it."""
        return f"{self.algorithm}:{render_nix32(self.digest)}"


def render_nix32(digest: bytes) -> str:
    """Bytes in Nix's base 32, as store paths and narinfo files have them."""
    number = int.from_bytes(digest, "little")
    return "".join(NIX32_DIGITS[number >> (5 * at) & 31] for at in reversed(range(_nix32_length(len(digest)))))


def parse_hash(text: str, source: str) -> NixHash:
    """Read `ALGORITHM-BASE64` (SRI), or `ALGORITHM:` with base 16, Nix's base 32 or base 64, distinguished by length.

    Raises:
        MalformedData: for anything else, a digest of the wrong length included.
    """
    algorithm, separator, encoded = _split(text)
    size = _SIZES.get(algorithm)
    if size is None or not separator:
        raise MalformedData(source, f"{shorten(text)} is not a hash")
    digest = _decode(encoded, size, base64_only=separator == "-")
    if digest is None:
        raise MalformedData(source, f"{shorten(text)} is not a {algorithm} hash")
    return NixHash(algorithm, digest)


def parse_json_hash(value: JsonValue, source: str, what: str) -> NixHash:
    """Read a hash in JSON: a string as above, or `{"algorithm": …, "format": …, "hash": …}`."""
    if isinstance(value, dict):
        algorithm = as_text(value.get("algorithm"), source, f"{what}.algorithm")
        encoded = as_text(value.get("hash"), source, f"{what}.hash")
        return parse_hash(
            encoded if encoded.startswith(f"{algorithm}-") else f"{algorithm}:{encoded}", f"{source}: {what}"
        )
    return parse_hash(as_text(value, source, what), f"{source}: {what}")


def _split(text: str) -> tuple[str, str, str]:
    match = re.match(r"([a-z0-9]+)([:-])", text)
    return ("", "", "") if match is None else (match[1], match[2], text[match.end() :])


def _decode(encoded: str, size: int, *, base64_only: bool) -> bytes | None:
    try:
        if len(encoded) == 4 * -(-size // 3):
            digest = base64.b64decode(encoded, validate=True)
            # Bits beyond the digest would give one hash two spellings.
            return digest if len(digest) == size and base64.b64encode(digest).decode() == encoded else None
        if base64_only:
            return None
        if len(encoded) == 2 * size:
            return bytes.fromhex(encoded) if re.fullmatch("[0-9a-f]+", encoded) else None
        if len(encoded) == _nix32_length(size):
            return decode_nix32(encoded, size)
    except (binascii.Error, ValueError):
        pass
    return None


def decode_nix32(encoded: str, size: int) -> bytes | None:
    """The digest of `size` bytes that Nix's base 32 writes so; None if invalid."""
    try:
        number = int(encoded.encode("ascii", "replace").translate(_PYTHON32), 32)
    except ValueError:
        return None
    return number.to_bytes(size, "little") if number >> (8 * size) == 0 else None


def _nix32_length(size: int) -> int:
    return -(-size * 8 // 5)


class Method(Enum):
    """How the content of a content-addressed path was hashed."""

    NAR = "nar"
    FLAT = "flat"
    TEXT = "text"
    GIT = "git"


_PREFIXES = {Method.NAR: "fixed:r:", Method.FLAT: "fixed:", Method.TEXT: "text:", Method.GIT: "fixed:git:"}


@dataclass(frozen=True, slots=True)
class ContentAddress:
    """Why a path can be checked without a signature; `str()` gives the narinfo form (`fixed:r:sha256:…`)."""

    method: Method
    hash: NixHash

    def __str__(self) -> str:
        return _PREFIXES[self.method] + self.hash.nix32


def parse_content_address(value: JsonValue, source: str) -> ContentAddress:
    """Read the narinfo form, or `{"method": "nar", "hash": …}` of newer JSON.

    Raises:
        MalformedData: for anything else.
    """
    if isinstance(value, dict):
        method_name = as_text(value.get("method"), source, "ca.method")
        found = next((method for method in Method if method.value == method_name), None)
        if found is None:
            raise MalformedData(source, f"ca.method is {shorten(method_name)}")
        return ContentAddress(found, parse_json_hash(value.get("hash"), source, "ca.hash"))
    text = as_text(value, source, "ca")
    for method, prefix in sorted(_PREFIXES.items(), key=lambda item: -len(item[1])):
        if text.startswith(prefix):
            return ContentAddress(method, parse_hash(text.removeprefix(prefix), f"{source}: ca"))
    raise MalformedData(source, f"{shorten(text)} is not a content address")


@dataclass(frozen=True, slots=True)
class Signature:
    """A signature by the key of that name, not verified here; `str()` gives `NAME:BASE64`."""

    key_name: str
    encoded: str

    def __str__(self) -> str:
        return f"{self.key_name}:{self.encoded}"


def parse_signature(value: JsonValue, source: str) -> Signature:
    """Read `NAME:BASE64`, or `{"keyName": …, "sig": …}` of newer JSON.

    Raises:
        MalformedData: for anything else.
    """
    if isinstance(value, dict):
        name, encoded = as_text(value.get("keyName"), source, "keyName"), as_text(value.get("sig"), source, "sig")
    else:
        name, _, encoded = as_text(value, source, "a signature").partition(":")
    if re.fullmatch(r"[^\s:\x00-\x1f\x7f]+", name) is None or re.fullmatch(r"[A-Za-z0-9+/]+={0,2}", encoded) is None:
        raise MalformedData(source, f"{shorten(f'{name}:{encoded}')} is not a signature NAME:BASE64")
    return Signature(name, encoded)
