"""Whatever the secret and wherever it stands: it does not come out."""

from __future__ import annotations

import base64
from urllib.parse import quote

from hypothesis import given
from hypothesis import strategies as st

from nanna_ci.foundation.redact import Redactor

SECRETS = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Zs", "Zl", "Zp"]), min_size=8, max_size=40)
TEXTS = st.text(st.characters(codec="utf-8"), max_size=40)
DISGUISES = st.sampled_from(
    [
        lambda secret: secret,
        lambda secret: quote(secret, safe=""),
        lambda secret: base64.b64encode(secret.encode()).decode(),
    ]
)


@given(SECRETS, DISGUISES, TEXTS, TEXTS)
def test_a_secret_never_survives(secret, disguise, before, after):
    shown = disguise(secret)
    assert shown not in Redactor([secret]).redact_text(before + shown + after).replace("[redacted]", "\n")


@given(SECRETS, TEXTS, TEXTS, st.data())
def test_a_secret_split_into_lines_never_survives_a_stream(secret, before, after, data):
    whole = (before + secret + after).replace("\n", " ").encode()
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=6)))
    lines = [whole[start:end] for start, end in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
    redactor = Redactor([secret])
    shown = [out for line in lines for out in redactor.feed(line)] + list(redactor.finish())
    assert secret.encode() not in b"".join(shown).replace(b"[redacted]", b"\n")


@given(SECRETS, st.lists(TEXTS.map(lambda text: text.replace("\n", " ").encode()), max_size=6))
def test_lines_without_a_secret_come_out_as_they_were(secret, lines):
    redactor = Redactor([f"{secret}\u2603\u2603\u2603"])
    shown = [out for line in lines for out in redactor.feed(line)] + list(redactor.finish())
    assert shown == lines
