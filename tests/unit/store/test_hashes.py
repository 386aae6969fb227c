"""Hashes in all of Nix's notations, content addresses, signatures."""

from __future__ import annotations

import hashlib

import pytest

from nanna_ci.foundation.errors import MalformedData
from nanna_ci.store.hashes import (
    ContentAddress,
    Method,
    NixHash,
    Signature,
    parse_content_address,
    parse_hash,
    parse_json_hash,
    parse_signature,
)

# What `nix hash convert --to …` gives for the SHA-256 of "hello".
HELLO = NixHash("sha256", hashlib.sha256(b"hello").digest())
SRI = "sha256-LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ="
NIX32 = "sha256:094qif9n4cq4fdg459qzbhg1c6wywawwaaivx0k0x8xhbyx4vwic"
BASE16 = "sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
BASE64 = "sha256:LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ="


@pytest.mark.parametrize("text", [SRI, NIX32, BASE16, BASE64])
def test_every_notation_gives_the_same_hash(text: str) -> None:
    assert parse_hash(text, "source") == HELLO


def test_a_hash_is_written_as_nix_writes_it() -> None:
    assert str(HELLO) == SRI
    assert HELLO.nix32 == NIX32


@pytest.mark.parametrize(
    "text",
    [
        "",
        "sha256",
        "sha256:",
        "sha256-",
        "crc32:00000000",
        "SHA256-LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=",
        SRI[:-1],
        SRI[:-2] + "R=",  # bits beyond the digest are set
        SRI.replace("-", ":", 1)[:-1] + "!",
        "sha256-" + NIX32.removeprefix("sha256:"),  # only base 64 follows a dash
        BASE16[:-1],
        BASE16.upper().replace("SHA256", "sha256"),
        NIX32.replace("094q", "e94q"),  # no digit
        "sha256:z" + NIX32.removeprefix("sha256:0"),  # more than 256 bits
        "md5:" + "0" * 64,
        "sha512-" + SRI.removeprefix("sha256-"),
    ],
)
def test_what_is_not_a_hash_is_refused(text: str) -> None:
    with pytest.raises(MalformedData, match=r"^source: "):
        parse_hash(text, "source")


@pytest.mark.parametrize(
    "value",
    [
        SRI,
        {"algorithm": "sha256", "format": "base64", "hash": BASE64.removeprefix("sha256:")},
        {"algorithm": "sha256", "format": "nix32", "hash": NIX32.removeprefix("sha256:")},
        {"algorithm": "sha256", "format": "sri", "hash": SRI},
    ],
)
def test_a_structured_hash_is_the_same_hash(value: str | dict[str, str]) -> None:
    assert parse_json_hash(value, "source", "narHash") == HELLO


@pytest.mark.parametrize("value", [None, 5, [], {}, {"algorithm": "sha256"}, {"algorithm": "sha1", "hash": SRI}])
def test_json_that_is_not_a_hash_is_refused(value: object) -> None:
    with pytest.raises(MalformedData, match="narHash"):
        parse_json_hash(value, "source", "narHash")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "structured", "method"),
    [
        (f"fixed:r:{NIX32}", {"method": "nar", "hash": SRI}, Method.NAR),
        (f"fixed:{NIX32}", {"method": "flat", "hash": SRI}, Method.FLAT),
        (f"text:{NIX32}", {"method": "text", "hash": SRI}, Method.TEXT),
        (f"fixed:git:{NIX32}", {"method": "git", "hash": SRI}, Method.GIT),
    ],
)
def test_a_content_address_is_the_same_in_both_notations(text: str, structured: dict[str, str], method: Method) -> None:
    address = ContentAddress(method, HELLO)
    assert parse_content_address(text, "source") == parse_content_address(structured, "source") == address
    assert str(address) == text


@pytest.mark.parametrize("value", ["", "fixed:", "other:" + NIX32, 5, {"method": "tar", "hash": SRI}, {"hash": SRI}])
def test_what_is_not_a_content_address_is_refused(value: object) -> None:
    with pytest.raises(MalformedData):
        parse_content_address(value, "source")  # type: ignore[arg-type]


def test_a_signature_is_the_same_in_both_notations() -> None:
    signature = Signature("cache.example-1", "AAAA")
    assert parse_signature("cache.example-1:AAAA", "source") == signature
    assert parse_signature({"keyName": "cache.example-1", "sig": "AAAA"}, "source") == signature
    assert str(signature) == "cache.example-1:AAAA"


@pytest.mark.parametrize("value", ["", "name", ":AAAA", "name:", "na me:AAAA", "name:A*A", "n\n:AAAA", 5, {"sig": "A"}])
def test_what_is_not_a_signature_is_refused(value: object) -> None:
    with pytest.raises(MalformedData):
        parse_signature(value, "source")  # type: ignore[arg-type]
