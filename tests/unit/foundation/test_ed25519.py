"""Signatures against the vectors of RFC 8032, and everything that libsodium refuses too."""

from __future__ import annotations

import hashlib

import pytest

from nanna_ci.foundation.ed25519 import VerifyingKey
from support.ed25519_signer import BASE, L, P, add, encode, public_key, recover, sign, times

ABC = hashlib.sha512(b"abc").hexdigest()
# RFC 8032, section 7.1: secret key, public key, message, signature
VECTORS = {
    "1": (
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24"
        "655141438e7a100b",
    ),
    "2": (
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aee"
        "b00d291612bb0c00",
    ),
    "3": (
        "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28d"
        "c027beceea1ec40a",
    ),
    "SHA(abc)": (
        "833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42",
        "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
        ABC,
        "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b58909351fc9ac90b3ecfdfbc7c66431e0303dca179c138ac17a"
        "d9bef1177331a704",
    ),
}
SEED = bytes(range(32))
KEY = public_key(SEED)
SIGNATURE = sign(SEED, b"a message")


def numbered(value: int) -> bytes:
    return value.to_bytes(32, "little")


@pytest.mark.parametrize("name", VECTORS)
def test_the_vectors_of_the_standard_hold(name: str) -> None:
    _, key, message, signature = map(bytes.fromhex, VECTORS[name])
    assert VerifyingKey(key).verify(signature, message)
    assert not VerifyingKey(key).verify(signature, message + b"\x00")


@pytest.mark.parametrize("name", VECTORS)
def test_the_signer_of_the_tests_makes_the_signatures_of_the_standard(name: str) -> None:
    seed, key, message, signature = map(bytes.fromhex, VECTORS[name])
    assert (public_key(seed), sign(seed, message)) == (key, signature)


@pytest.mark.parametrize("size", [1, 31, 111, 112, 1000])
def test_messages_of_many_lengths(size: int) -> None:
    assert VerifyingKey(KEY).verify(sign(SEED, b"m" * size), b"m" * size)


def test_one_changed_bit_anywhere_breaks_a_signature() -> None:
    key = VerifyingKey(KEY)
    assert key.verify(SIGNATURE, b"a message")
    for bit in range(512):
        changed = bytearray(SIGNATURE)
        changed[bit // 8] ^= 1 << bit % 8
        assert not key.verify(bytes(changed), b"a message"), f"bit {bit}"


def test_a_signature_under_another_key_does_not_hold() -> None:
    assert not VerifyingKey(public_key(bytes(32))).verify(SIGNATURE, b"a message")


@pytest.mark.parametrize("size", [0, 1, 63, 65, 128])
def test_a_signature_of_another_length_is_refused(size: int) -> None:
    assert not VerifyingKey(KEY).verify((SIGNATURE * 2)[:size], b"a message")


def test_a_byte_too_many_is_refused_though_it_changes_no_number() -> None:
    assert not VerifyingKey(KEY).verify(SIGNATURE + b"\x00", b"a message")


def test_s_plus_the_order_is_refused_though_the_equation_holds() -> None:
    s = int.from_bytes(SIGNATURE[32:], "little")
    for k in range(1, 8):
        assert not VerifyingKey(KEY).verify(SIGNATURE[:32] + numbered(s + k * L), b"a message")


def test_a_commitment_of_small_order_is_refused_though_the_equation_holds() -> None:
    # R = 0: then S = k·a satisfies S·B = R + k·A
    a = int.from_bytes(hashlib.sha512(SEED).digest()[:32], "little") & ((1 << 254) - 8) | 1 << 254
    zero = numbered(1)
    k = int.from_bytes(hashlib.sha512(zero + KEY + b"a message").digest(), "little") % L
    s = k * a % L
    assert encode(times(s, BASE)) == encode(times(k, recover_key(KEY)))
    assert not VerifyingKey(KEY).verify(zero + numbered(s), b"a message")


def recover_key(key: bytes) -> tuple[int, int, int, int]:
    number = int.from_bytes(key, "little")
    return recover(number & ~(1 << 255), number >> 255)


def small_order_points() -> set[bytes]:
    """All of them, found and not listed: the multiples of L times some point, where that has order 8."""
    for y in range(2, 100):
        try:
            torsion = times(L, recover(y, 0))
        except AssertionError:
            continue
        found, point = set(), torsion
        for _ in range(8):
            found.add(encode(point))
            point = add(point, torsion)
        if len(found) == 8:
            return found
    raise AssertionError("no point of order 8")


def test_every_key_of_small_order_is_refused() -> None:
    for point in small_order_points():
        with pytest.raises(ValueError, match="small order"):
            VerifyingKey(point)


def test_every_commitment_of_small_order_is_refused() -> None:
    a = int.from_bytes(hashlib.sha512(SEED).digest()[:32], "little") & ((1 << 254) - 8) | 1 << 254
    for point in small_order_points():
        k = int.from_bytes(hashlib.sha512(point + KEY + b"m").digest(), "little") % L
        assert not VerifyingKey(KEY).verify(point + numbered(k * a % L), b"m")


@pytest.mark.parametrize(
    "key",
    [
        b"",
        KEY[:31],
        KEY + b"\x00",
        numbered(P),  # y = 0, written as p
        numbered(P + 1),
        numbered(P + 3),  # as y = 3, which is on the curve
        numbered(2**255 - 1),
        numbered(2),  # no x belongs to it
        numbered(1 | 1 << 255),  # x = 0 with the sign of an odd one
        numbered(P - 1 | 1 << 255),
    ],
    ids=repr,
)
def test_a_key_that_is_not_a_point_or_written_in_another_way_is_refused(key: bytes) -> None:
    with pytest.raises(ValueError, match="not a point of the curve"):
        VerifyingKey(key)


def test_y_3_is_on_the_curve_so_that_its_other_spelling_is_refused_for_its_spelling() -> None:
    VerifyingKey(numbered(3))
