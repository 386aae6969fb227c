"""Whatever is signed: its signature holds, and no other does."""

from __future__ import annotations

import base64
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from nanna_ci.foundation import ed25519
from nanna_ci.foundation.ed25519 import VerifyingKey
from nanna_ci.store.hashes import NixHash, Signature
from nanna_ci.store.narinfo import NarInfo
from nanna_ci.store.store_path import NIX32_DIGITS, StorePath
from nanna_ci.store.trust import Trust, TrustedKeys, parse_public_key, render_fingerprint
from support.ed25519_signer import BASE, L, Signer, encode, public_key, sign, times

SEEDS = st.binary(min_size=32, max_size=32)
PATHS = st.builds(StorePath, st.text(NIX32_DIGITS, min_size=32, max_size=32), st.text("abcxyz019+-_?=", min_size=1))
SIGNER = Signer("law-1")
KEYS = TrustedKeys([parse_public_key(SIGNER.public, "a test")])
INFOS = st.builds(
    lambda path, digest, size, references: NarInfo(
        store_path=path,
        url="nar/x",
        compression="none",
        file_hash=None,
        file_size_bytes=None,
        nar_hash=NixHash("sha256", digest),
        nar_size_bytes=size,
        references=tuple(references),
        deriver=None,
        signatures=(),
        ca=None,
    ),
    PATHS,
    st.binary(min_size=32, max_size=32),
    st.integers(1, 2**64 - 1),
    st.lists(PATHS, max_size=5, unique=True),
)


@settings(max_examples=25)
@given(SEEDS, st.binary(max_size=300), st.binary(max_size=300))
def test_a_signature_holds_for_its_message_and_for_no_other(seed: bytes, message: bytes, other: bytes) -> None:
    key, signature = VerifyingKey(public_key(seed)), sign(seed, message)
    assert key.verify(signature, message)
    assert key.verify(signature, other) == (other == message)


@settings(max_examples=50)
@given(st.binary(max_size=50), st.integers(0, 511), st.binary(min_size=64, max_size=64))
def test_no_changed_and_no_random_signature_holds(message: bytes, bit: int, random: bytes) -> None:
    key, signature = VerifyingKey(public_key(SIGNER.seed)), sign(SIGNER.seed, message)
    changed = bytearray(signature)
    changed[bit // 8] ^= 1 << bit % 8
    assert not key.verify(bytes(changed), message)
    assert not key.verify(random, message)


EDGES = [0, 1, 31, 32, 33, 63, 64, 2**252, L - 1, int("100000" * 42, 2), int("011111" * 42, 2), int("1" * 252, 2)]


@given(st.sampled_from(EDGES) | st.integers(0, L - 1))
def test_the_tables_multiply(scalar: int) -> None:
    product = ed25519._sum(ed25519._digits(scalar, ed25519._base_table()))
    assert ed25519._encode(product) == encode(times(scalar, BASE))


@settings(max_examples=25)
@given(INFOS, INFOS)
def test_a_path_is_trusted_exactly_where_all_that_is_signed_is_unchanged(info: NarInfo, other: NarInfo) -> None:
    name, _, encoded = SIGNER.sign(render_fingerprint(info)).partition(":")
    signed = replace(info, signatures=(Signature(name, encoded),))
    assert KEYS.judge(signed) is Trust.SIGNED
    assert KEYS.judge(replace(signed, references=tuple(reversed(info.references)))) is Trust.SIGNED
    for changed in (
        replace(signed, store_path=other.store_path),
        replace(signed, nar_hash=other.nar_hash),
        replace(signed, nar_size_bytes=other.nar_size_bytes),
        replace(signed, references=other.references),
    ):
        same = render_fingerprint(changed) == render_fingerprint(info)
        assert KEYS.judge(changed) is (Trust.SIGNED if same else Trust.BAD_SIGNATURE)


@given(st.binary(max_size=80))
def test_what_stands_after_a_name_is_judged_and_never_raises(data: bytes) -> None:
    info = NarInfo(
        StorePath("0" * 32, "x"), "x", "none", None, None, NixHash("sha256", bytes(32)), 1, (), None, (), None
    )
    encoded = base64.b64encode(data).decode()
    assert KEYS.judge(replace(info, signatures=(Signature("law-1", encoded),))) is Trust.BAD_SIGNATURE
