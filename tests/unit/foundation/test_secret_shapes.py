"""Secrets that nobody named, found by their shape; and what looks alike and must stay."""

from __future__ import annotations

import base64
import json
import textwrap

import pytest

from nanna_ci.foundation.redact import Redactor
from support.ed25519_signer import public_key
from support.planted_secrets import SHAPED, SIGNED_TOKEN

DIGEST = "0123456789abcdef" * 4
SIGNATURE = base64.b64encode(bytes(range(63)) + b"\x05").decode()
PIECE = 12


def wrapped(text: str, columns: int, between: str) -> str:
    return between.join(text[at : at + columns] for at in range(0, len(text), columns))


LAYOUTS = {
    "whole": lambda text: text,
    "terminal": lambda text: wrapped(text, 80, "\n"),
    "log": lambda text: wrapped(text, 76, "\r\n    "),
    "colours": lambda text: wrapped(text, 76, "\x1b[0m\n  \x1b[31m"),
    "json": lambda text: json.dumps(wrapped(text, 76, "\n"))[1:-1],
    "xml": lambda text: wrapped(text, 76, "&#10;"),
}


def streamed(text: str) -> str:
    redactor = Redactor()
    lines = [out for line in text.encode().split(b"\n") for out in redactor.feed(line)]
    return b"\n".join([*lines, *redactor.finish()]).decode()


def pieces_left(secret: str, shown: str) -> list[str]:
    for between in ("\x1b[0m", "\x1b[31m", "\\n", "&#10;"):
        shown = shown.replace(between, "")
    bare, whole = "".join(shown.split()), "".join(secret.split())
    return [whole[at : at + PIECE] for at in range(len(whole) - PIECE + 1) if whole[at : at + PIECE] in bare]


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
@pytest.mark.parametrize("redact", [Redactor().redact_text, streamed], ids=["text", "stream"])
@pytest.mark.parametrize("name", SHAPED)
def test_a_secret_is_known_by_its_shape_however_it_is_wrapped(name, redact, layout):
    secret = SHAPED[name]
    shown = redact(f"it is {layout(secret)}\nnext line\n")
    assert "[redacted]" in shown
    assert pieces_left(secret, shown) == []
    assert shown.endswith("\nnext line\n")


@pytest.mark.parametrize("columns", range(40, 201, 7))
def test_a_token_of_520_characters_is_found_at_any_width(columns):
    assert len(SIGNED_TOKEN) == 520
    shown = streamed("\n".join(textwrap.wrap(f"token: {SIGNED_TOKEN}", columns)) + "\nnext line\n")
    assert pieces_left(SIGNED_TOKEN, shown) == []
    assert "next line" in shown


@pytest.mark.parametrize(
    "text",
    [
        f"sha256:{DIGEST}",
        "/nix/store/0c5cm1zsyvgqgwm8h9zxq6ja3fr4bwk6-hello-2.12",
        f"sha256-{base64.b64encode(bytes(range(32))).decode()}",
        f"sha512-{base64.b64encode(bytes(range(64))).decode()}",
        f"sha512:{base64.b64encode(bytes(range(64))).decode()}",
        f"cache.example.org-1:{base64.b64encode(bytes(range(32))).decode()}",
        f"Sig: cache.example.org-1:{SIGNATURE}",
        f"docker://example.org/a:tag@sha256:{DIGEST}",
        "http://example.org:8080/a@b",
        "git@example.org:owner/name",
        "Bearer token required",
        "precious",
        "-----BEGIN PUBLIC KEY-----",
        "GITHUB_TOKEN= is empty",
    ],
)
def test_what_only_looks_like_a_secret_stays(text):
    assert Redactor().redact_text(text) == text
    assert streamed(f"{text}\n{text}") == f"{text}\n{text}"


@pytest.mark.parametrize(
    "after", [DIGEST, DIGEST[:40], "/nix/store/0c5cm1zsyvgqgwm8h9zxq6ja3fr4bwk6-x", "done", "sha256-AAAA"]
)
@pytest.mark.parametrize("before", [SIGNED_TOKEN, "Authorization: Bearer abcdefgh1234567890"])
def test_what_follows_a_secret_on_the_next_line_stays(before, after):
    shown = Redactor().redact_text(f"{before}\n{after}\n")
    assert "[redacted]" in shown
    assert shown.endswith(f"\n{after}\n")


def test_a_public_half_that_does_not_fit_makes_a_signature_of_it():
    seed = bytes(range(32))
    secret = base64.b64encode(seed + public_key(seed)).decode()
    other = base64.b64encode(seed + seed).decode()
    assert Redactor().redact_text(f"a-1:{secret} b-1:{other}") == f"a-1:[redacted] b-1:{other}"


def test_a_private_key_that_is_cut_off_is_hidden_as_far_as_it_goes():
    lines = "\n".join(["QUJD" * 16] * 5)
    shown = Redactor().redact_text(f"-----BEGIN OPENSSH PRIVATE KEY-----\n{lines}")
    assert "QUJD" not in shown


@pytest.mark.parametrize(
    "url", ["https://me:pa55@w0rd@example.org/x", "postgres://me:p%40ss/w0rd@db:5432/x", "http:/me:w0rd@example.org"]
)
def test_a_password_in_a_url_is_hidden_whatever_is_in_it(url):
    shown = Redactor().redact_text(url)
    assert "w0rd" not in shown
    assert shown.startswith(url[: url.index(":") + 5])
