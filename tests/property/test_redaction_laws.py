"""Whatever the secret and wherever it stands: it does not come out."""

from __future__ import annotations

import base64
from urllib.parse import quote

from hypothesis import given
from hypothesis import strategies as st

from nanna_ci.foundation.redact import Redactor
from nanna_ci.foundation.text_squeeze import Squeezed
from support.planted_secrets import SHAPED

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


@given(st.binary(max_size=400), st.data())
def test_every_place_of_a_squeezed_text_holds_its_byte(text, data):
    squeezed = Squeezed(text * data.draw(st.sampled_from([1, 7])))
    whole = text * (len(squeezed.bytes) and 7)
    for index in range(0, len(squeezed.bytes), 13):
        assert whole[squeezed.place(index)] == squeezed.bytes[index]


@given(
    st.sampled_from(sorted(SHAPED)), st.integers(40, 200), st.sampled_from(["\n", "\r\n", "\n    ", "\x1b[0m\n"]), TEXTS
)
def test_a_shaped_secret_wrapped_at_any_width_never_survives_a_stream(name, columns, between, before):
    secret = SHAPED[name]
    whole = f"{before.replace('@', '')} {secret}"
    lines = between.join(whole[at : at + columns] for at in range(0, len(whole), columns)).encode().split(b"\n")
    redactor = Redactor()
    shown = b"\n".join([out for line in lines for out in redactor.feed(line)] + list(redactor.finish())).decode()
    bare = "".join(shown.replace("\x1b[0m", "").split())
    own = "".join(secret.split())[-80:]
    assert not [at for at in range(len(own) - 11) if own[at : at + 12] in bare and "-----" not in own[at : at + 12]]


@given(st.lists(st.binary(max_size=60), max_size=8), st.data())
def test_a_stream_in_blocks_says_what_it_says_line_by_line(lines, data):
    block = b"\n".join(lines)
    one, other = Redactor(["known-secret"]), Redactor(["known-secret"])
    together = [*one.feed(block), *one.finish()]
    cut = data.draw(st.integers(0, max(block.count(b"\n"), 0)))
    pieces = block.split(b"\n")
    halves = [b"\n".join(part) for part in (pieces[:cut], pieces[cut:]) if part]
    apart = [out for half in halves for out in other.feed(half)] + list(other.finish())
    assert together == apart


@given(
    st.lists(
        st.sampled_from([b"plain line", b"sha256:" + b"0a" * 32, b"/nix/store/0c5cm1zsyvgqgwm8h9zxq6ja3fr4bwk6-x"])
    )
)
def test_digests_and_store_paths_come_out_of_a_stream_as_they_were(lines):
    redactor = Redactor()
    assert [out for line in lines for out in redactor.feed(line)] + list(redactor.finish()) == lines
