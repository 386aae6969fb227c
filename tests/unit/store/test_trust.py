"""Which paths of a cache Nix would take, and why not the others."""

from __future__ import annotations

import base64
from dataclasses import replace

import pytest

from nanna_ci.foundation.errors import ConfigError
from nanna_ci.store.hashes import parse_content_address, parse_signature
from nanna_ci.store.narinfo import NarInfo, parse_narinfo
from nanna_ci.store.store_path import parse_store_path
from nanna_ci.store.trust import (
    PublicKey,
    Trust,
    TrustedKeys,
    content_addressed_path,
    parse_public_key,
    render_fingerprint,
)
from support.ed25519_signer import Signer

OURS, THEIRS, OTHER = Signer("ours-1"), Signer("theirs-1"), Signer("other-1")
KEYS = TrustedKeys([parse_public_key(OURS.public, "a test"), parse_public_key(THEIRS.public, "a test")])
A = "/nix/store/00000000000000000000000000000000-a"
B = "/nix/store/11111111111111111111111111111111-b"


def info_of(*signatures: str, references: str = "", ca: str | None = None) -> NarInfo:
    lines = [
        "StorePath: /nix/store/j8g3q3y9l5crb02nkvd2pjagh6bli3gw-top",
        "URL: nar/x.nar",
        "NarHash: sha256:0dbcjdv8hxnv77yiqvdfn592bl0dyw1k4razljm1k0hy2rhql1c4",
        "NarSize: 160",
        f"References: {references}",
        *(f"Sig: {signature}" for signature in signatures),
        *([] if ca is None else [f"CA: {ca}"]),
    ]
    return parse_narinfo("".join(f"{line}\n" for line in lines).encode(), "test.narinfo")


PLAIN = info_of()
GOOD = OURS.sign(render_fingerprint(PLAIN))


def test_the_fingerprint_is_what_nix_signs() -> None:
    names = f"{B.removeprefix('/nix/store/')} {A.removeprefix('/nix/store/')}"
    assert render_fingerprint(info_of(references=names)) == (
        "1;/nix/store/j8g3q3y9l5crb02nkvd2pjagh6bli3gw-top;"
        f"sha256:0dbcjdv8hxnv77yiqvdfn592bl0dyw1k4razljm1k0hy2rhql1c4;160;{A},{B}"
    )
    assert render_fingerprint(PLAIN).endswith(";160;")


def test_a_good_signature_by_a_trusted_key_suffices_among_others() -> None:
    bad = THEIRS.sign("something else")
    assert KEYS.judge(info_of(GOOD)) is Trust.SIGNED
    assert KEYS.judge(info_of(OTHER.sign("x"), bad, GOOD)) is Trust.SIGNED


def test_no_signature_is_unsigned() -> None:
    assert KEYS.judge(PLAIN) is Trust.UNSIGNED


def test_a_good_signature_by_a_key_that_nobody_trusts_is_that() -> None:
    assert KEYS.judge(info_of(OTHER.sign(render_fingerprint(PLAIN)))) is Trust.UNKNOWN_KEY
    assert TrustedKeys([]).judge(info_of(GOOD)) is Trust.UNKNOWN_KEY


@pytest.mark.parametrize(
    "signature",
    [
        OURS.sign("something else"),
        THEIRS.sign(render_fingerprint(PLAIN)).replace("theirs-1", "ours-1"),
        "ours-1:AAAA",
        "ours-1:A",
        GOOD[:-4] + "====",
    ],
)
def test_a_trusted_name_on_a_signature_that_does_not_hold_is_a_bad_signature(signature: str) -> None:
    broken = replace(PLAIN, signatures=(replace(parse_signature(GOOD, "x"), encoded=signature.partition(":")[2]),))
    assert KEYS.judge(broken) is Trust.BAD_SIGNATURE


@pytest.mark.parametrize(
    "changed",
    [
        replace(info_of(GOOD), nar_size_bytes=161),
        replace(info_of(GOOD), store_path=parse_store_path(A)),
        replace(info_of(GOOD), references=(parse_store_path(B),)),
        replace(info_of(GOOD), nar_hash=replace(PLAIN.nar_hash, digest=bytes(32))),
    ],
)
def test_a_signature_covers_path_content_size_and_references(changed: NarInfo) -> None:
    assert KEYS.judge(changed) is Trust.BAD_SIGNATURE


def test_what_only_finds_the_archive_is_not_signed() -> None:
    assert KEYS.judge(replace(info_of(GOOD), url="elsewhere", compression="zstd", deriver=None)) is Trust.SIGNED


def test_of_two_keys_of_one_name_the_first_counts_as_in_nix() -> None:
    usurper = replace(parse_public_key(OTHER.public, "x"), name="ours-1")
    first = parse_public_key(OURS.public, "x")
    assert TrustedKeys([first, usurper]).judge(info_of(GOOD)) is Trust.SIGNED
    assert TrustedKeys([usurper, first]).judge(info_of(GOOD)) is Trust.BAD_SIGNATURE


def test_a_content_address_that_does_not_give_the_path_proves_nothing() -> None:
    ca = "fixed:r:sha256:0dbcjdv8hxnv77yiqvdfn592bl0dyw1k4razljm1k0hy2rhql1c4"
    assert KEYS.judge(info_of(ca=ca)) is Trust.UNSIGNED
    assert KEYS.judge(info_of(GOOD, ca=ca)) is Trust.SIGNED


@pytest.mark.parametrize(
    ("ca", "references"),
    [
        ("text:sha256:0dbcjdv8hxnv77yiqvdfn592bl0dyw1k4razljm1k0hy2rhql1c4", [A]),
        ("fixed:sha256:0dbcjdv8hxnv77yiqvdfn592bl0dyw1k4razljm1k0hy2rhql1c4", [B]),
        ("fixed:sha256:0dbcjdv8hxnv77yiqvdfn592bl0dyw1k4razljm1k0hy2rhql1c4", [A]),
        ("text:md5:3y8bwfr609h3lh9ch0izcqq7fl", []),
    ],
    ids=["a text that refers to itself", "a file with references", "a file that refers to itself", "a text by MD5"],
)
def test_what_nix_cannot_make_follows_from_nothing(ca: str, references: list[str]) -> None:
    path = parse_store_path(A)
    assert (
        content_addressed_path(path, parse_content_address(ca, "x"), [parse_store_path(r) for r in references]) is None
    )


# What Nix 2.26.3 made: nix store add (both modes), nix-store --add-fixed (three hashes, flat and recursive),
# builtins.toFile (without and with a reference), nix store make-content-addressed (a path that refers to itself).
T1 = "/nix/store/8cb8vyznsayvq9mbgjbnd28wqwzlsq9l-t1"
OWN = "/nix/store/fz8i9kcb67imnj394jmm0yq8620cxqbr-selfref"
MADE_BY_NIX: list[tuple[str, str, list[str]]] = [
    (
        "/nix/store/ljdpsig85gf02c5hdann18sy7n8hirba-rname",
        "fixed:r:sha256:1pj7swf7dl5z165j08n7vjgj9mvvrz3f878avc96lyxk3zjzfl6r",
        [],
    ),
    (
        "/nix/store/mjif64ji8wq3a36c8sxvjr793j3qyl02-fname",
        "fixed:sha256:00xyyr3fi8l6hb839bv3f7yb86yjv7xi1cgh1xnhipym4asvb4aq",
        [],
    ),
    ("/nix/store/pbqmppvgnnyqxagz7bnmwfdfvr3h43f2-f", "fixed:sha1:iwjz551fyw0cxcjgf4l6c879zabd6wpm", []),
    (
        "/nix/store/r0qx29y40dmv61x8zxii8frahsxfakpz-d",
        "fixed:r:sha512:17zj55mz7mjqa3x60s6y3qk9adrksj8khydbrm82ipqbr8zzr7gb5s8jcpggd5bwn16gc6pqk0q07nanf2rap4fhawmkr09"
        "d24wjdja",
        [],
    ),
    ("/nix/store/7s9z2am75yq73wgn24qpijd5jf44vb5s-f", "fixed:md5:4425hx5d1mc9y39llj4k4nm55i", []),
    (T1, "text:sha256:1lf969yddshzhld7sr1vbagr07bnygg99lgl6gk5kxcnp4z9wbcq", []),
    (
        "/nix/store/56ip3crxnbgc3afqia93b5fmxndrir8j-t2",
        "text:sha256:1x9gc8vpnygivbw5vb3hladwfb8cjpzy3cwd5i9np46kwhm5g6fx",
        [T1],
    ),
    (
        OWN,
        "fixed:r:sha256:1xw2k3lv0bzcg5sssx57vj5pm0p4m2l9a8kxldf9zny0l1mw4gzz",
        [OWN, "/nix/store/g48y8p0f877y4ixma1h83h6rm1k2awpz-t1"],
    ),
]


@pytest.mark.parametrize(("path", "ca", "references"), MADE_BY_NIX, ids=lambda value: str(value)[:60])
def test_paths_that_nix_made_follow_from_their_content_address(path: str, ca: str, references: list[str]) -> None:
    parsed = parse_store_path(path)
    address = parse_content_address(ca, "x")
    others = [parse_store_path(reference) for reference in references]
    assert content_addressed_path(parsed, address, others) == parsed
    assert content_addressed_path(replace(parsed, name="other"), address, others) != replace(parsed, name="other")
    info = replace(PLAIN, store_path=parsed, ca=address, references=tuple(others))
    assert KEYS.judge(info) is Trust.CONTENT_ADDRESSED
    assert not KEYS.judge(replace(info, references=(*others, parse_store_path(B)))).is_trusted


def test_signed_and_content_addressed_paths_are_trusted_and_no_others() -> None:
    assert {trust for trust in Trust if trust.is_trusted} == {Trust.SIGNED, Trust.CONTENT_ADDRESSED}


def test_a_public_key_is_read_and_written() -> None:
    key = parse_public_key(OURS.public, "x")
    assert key.name == "ours-1"
    assert len(key.key) == 32
    assert str(key) == OURS.public


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "is not a public key"),
        ("nocolon", "is not a public key"),
        (":AAAA", "is not a public key"),
        ("a b:AAAA", "is not a public key"),
        ("a-1:###", "is not base 64"),
        ("a-1:é", "is not base 64"),
        ("a-1:AAAA", "has 3 bytes, not 32"),
        (f"a-1:{base64.b64encode(bytes(64)).decode()}", "that is a secret key"),
    ],
)
def test_what_is_not_a_public_key_is_refused(text: str, problem: str) -> None:
    with pytest.raises(ConfigError, match=problem) as caught:
        parse_public_key(text, "--trusted-key")
    assert caught.value.where == "--trusted-key"


def test_a_secret_is_not_repeated() -> None:
    secret = base64.b64encode(b"s" * 64).decode()
    for text in (f"a-1:{secret}", secret, f"a b:{secret}"):
        with pytest.raises(ConfigError) as caught:
            parse_public_key(text, "x")
        assert secret[:12] not in f"{caught.value} {caught.value.hint}"


def test_a_key_that_can_sign_nothing_is_refused_by_name() -> None:
    with pytest.raises(ConfigError, match="public key dud-1: is a point of small order"):
        TrustedKeys([PublicKey("dud-1", bytes(32))])
