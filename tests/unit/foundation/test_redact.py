"""Secrets in every disguise."""

from __future__ import annotations

import base64
import json
from urllib.parse import quote, quote_plus

import pytest

from nanna_ci.foundation.errors import shorten
from nanna_ci.foundation.redact import Redactor, forget, known_secrets, learn

SECRET = "s3cr3t/+ key=&%with~signs?"


def percent_every_byte(text: str) -> str:
    return "".join(f"%{byte:02x}" for byte in text.encode())


@pytest.mark.parametrize(
    "disguise",
    [
        str,
        quote,
        quote_plus,
        lambda secret: quote(secret, safe=""),
        lambda secret: quote(secret, safe="").lower(),
        percent_every_byte,
        lambda secret: base64.b64encode(secret.encode()).decode(),
        lambda secret: base64.urlsafe_b64encode(secret.encode()).decode(),
        "\n".join,
        lambda secret: secret[:5] + "\r\n    " + secret[5:],
        lambda secret: base64.encodebytes(secret.encode()).decode(),
    ],
)
def test_a_disguised_secret_is_found(disguise):
    shown = disguise(SECRET)
    redacted = Redactor([SECRET]).redact_text(f"before {shown} after")
    assert "[redacted]" in redacted
    assert redacted.startswith("before ")
    assert redacted.endswith(" after")
    assert shown.strip() not in redacted


@pytest.mark.parametrize("prefix", ["", "u", "us", "user:", "user12:"])
def test_a_secret_inside_of_longer_base64_is_found_at_every_alignment(prefix):
    whole = base64.b64encode(f"{prefix}{SECRET}:more".encode()).decode()
    redacted = Redactor([SECRET]).redact_text(whole)
    assert "[redacted]" in redacted
    for part in redacted.split("[redacted]"):
        assert len(part) < 16


def test_base64_wrapped_at_76_columns_is_found():
    secret = "0123456789abcdefXYZ" * 12
    wrapped = base64.encodebytes(secret.encode()).decode()
    assert Redactor([secret]).redact_text(f"A\n{wrapped}B\n").replace("\n", "") == "A[redacted]B"


def test_a_key_of_several_lines_is_found_whole_escaped_and_line_by_line():
    key = "-----BEGIN KEY-----\nMIGHAgEAMBMGByqGSM49\nAwEHBG0wawIBAQQgVcB\n-----END KEY-----\n"
    redactor = Redactor([key])
    assert redactor.redact_text(f"x{key}y").strip() == "x[redacted]\ny"
    assert "MIGH" not in redactor.redact_text(json.dumps(key))
    assert redactor.redact_text("only MIGHAgEAMBMGByqGSM49 of it") == "only [redacted] of it"


def test_what_is_not_a_secret_stays():
    text = "a line, s3cr3t and with~signs, \x00 \udcff"
    assert Redactor([SECRET]).redact_text(text) == text


@pytest.mark.parametrize("secrets", [[], [""], ["  \n"]])
def test_an_empty_secret_takes_nothing_out(secrets):
    assert Redactor(secrets).redact_text("some text") == "some text"


def stream(secret: str, *lines: bytes, cut: bool = False) -> list[bytes]:
    redactor = Redactor([secret])
    found = [shown for line in lines for shown in redactor.feed(line, cut=cut)]
    return [*found, *redactor.finish()]


def test_a_secret_split_over_lines_never_leaves_the_stream():
    assert stream("abcdefghij", b"x abc", b"  def", b"ghij y", b"z") == [b"x [redacted] y", b"z"]


def test_a_line_is_held_only_while_it_may_begin_a_secret():
    redactor = Redactor(["abcdefghij"])
    assert list(redactor.feed(b"no begin of it")) == [b"no begin of it"]
    assert list(redactor.feed(b"it ends with abc")) == []
    assert list(redactor.feed(b"but goes on otherwise")) == [b"it ends with abc", b"but goes on otherwise"]


def test_a_held_line_comes_at_the_end_of_the_stream():
    assert stream("abcdefghij", b"ends with abc") == [b"ends with abc"]


def test_the_beginning_of_a_secret_at_the_cut_of_a_line_is_taken_out():
    assert stream("abcdefghij", b"cut in abcd", cut=True) == [b"cut in [redacted]"]


def test_secrets_of_the_environment_are_known_by_the_names_of_their_variables():
    environ = {
        "CACHIX_AUTH_TOKEN": "token-value-1",
        "Aws_Secret": "secret-value-2",
        "COSIGN_PASSWORD": "password-3",
        "AWS_SECRET_ACCESS_KEY": "access-key-4",
        "HOME": "/home/somebody",
        "USE_TOKEN": "1",
        "TOKENIZER": "sentencepiece",
    }
    assert set(known_secrets(environ)) == {"token-value-1", "secret-value-2", "password-3", "access-key-4"}


@pytest.fixture
def nothing_learned():
    forget()
    yield
    forget()


@pytest.mark.usefixtures("nothing_learned")
def test_what_is_learned_is_known_to_a_redactor_that_was_there_before():
    redactor = Redactor()
    assert redactor.redact_text("it is swordfish") == "it is swordfish"
    learn(["swordfish", "short"])
    assert redactor.redact_text("it is swordfish, in short") == "it is [redacted], in short"
    forget()
    assert redactor.redact_text("it is swordfish") == "it is swordfish"


@pytest.mark.parametrize("times", [1, 2, 3])
def test_a_secret_that_was_quoted_several_times_over_is_found(times):
    secret = "with\"quotes'and\\slashes"
    text = f"\x1b[31m{secret[:7]}\n\x1b[0m{secret[7:]} and {secret}"
    for _ in range(times):
        text = json.dumps(text)
    shown = Redactor([secret]).redact_text(text)
    assert shown.count("[redacted]") == 2
    assert not {"quotes", "slashes"} & set(shown.replace("'", " ").replace("\\", " ").split())


@pytest.mark.usefixtures("nothing_learned")
@pytest.mark.parametrize("before", range(80, 125, 4))
def test_no_message_has_the_first_half_of_a_secret_that_it_cuts(before):
    learn(["correct-horse-battery-staple"])
    shown = shorten("x" * before + " correct-horse-battery-staple " + "y" * 80)
    assert "corr" not in shown
