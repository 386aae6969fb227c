"""Store paths from their content: those that nix 2.26 gave."""

from __future__ import annotations

import hashlib

import pytest

from nanna_ci.foundation.errors import MalformedData
from nanna_ci.store.drv_file import parse_drv_file
from nanna_ci.store.hashes import NixHash, parse_hash
from nanna_ci.store.made_paths import make_derivation_path, make_source_path, make_text_path
from nanna_ci.store.store_path import parse_store_path

# `nix-store --add` of a tree with this NAR hash, and `nix-instantiate` of a derivation that has it as a source
TREE = "/nix/store/hip0qbydyx7mg5ggps7vmv9d4b14z21d-tree"
TREE_HASH = "sha256-LbXiveH5eUEkha8XR9pBxtn5ULy4lx/kP0YI2XCrS5U="
DERIVATION = "/nix/store/fm2m6zbj9lavx1i8rjxaw40irmakph59-two.drv"
DATA = rb"""Derive([("dev","/nix/store/y5pn7dic9p6i7a00gy3ndhnbbh60r0ln-two-dev","",""),("out","/nix/store/l3429yj8jp28is9sqbh76r0g018q7g2d-two","","")],[("/nix/store/klmq6zqir3gi6sdpdyr6608zkqi3h0c9-one.drv",["out"])],["/nix/store/hip0qbydyx7mg5ggps7vmv9d4b14z21d-tree"],"x86_64-linux","/bin/sh",[],[("builder","/bin/sh"),("dev","/nix/store/y5pn7dic9p6i7a00gy3ndhnbbh60r0ln-two-dev"),("name","two"),("other","/nix/store/irrzji5xpzs5d47jq04x4xz1pah666qb-one"),("out","/nix/store/l3429yj8jp28is9sqbh76r0g018q7g2d-two"),("outputs","out dev"),("quote","a\"b\\c\nd"),("src","/nix/store/hip0qbydyx7mg5ggps7vmv9d4b14z21d-tree"),("system","x86_64-linux")])"""  # noqa: E501 - as nix wrote it


def test_a_sources_path_follows_from_its_nar_hash() -> None:
    assert str(make_source_path("tree", parse_hash(TREE_HASH, "x"))) == TREE
    assert str(make_source_path("other", parse_hash(TREE_HASH, "x"))) != TREE


def test_a_derivations_path_follows_from_its_bytes_and_references() -> None:
    path = parse_store_path(DERIVATION)
    assert make_derivation_path(parse_drv_file(DATA, path), DATA) == path


def test_every_byte_of_a_derivation_counts() -> None:
    path = parse_store_path(DERIVATION)
    changed = DATA.replace(b'("name","two")', b'("name","twi")')
    assert make_derivation_path(parse_drv_file(changed, path), changed) != path


def test_every_reference_counts_once_and_in_no_order() -> None:
    one, other = parse_store_path(TREE), parse_store_path(DERIVATION)
    assert make_text_path("t", b"x", [one, other]) == make_text_path("t", b"x", [other, one, one])
    assert make_text_path("t", b"x", [one]) != make_text_path("t", b"x", [one, other])


def test_another_hash_than_sha256_gives_no_path() -> None:
    with pytest.raises(MalformedData, match="SHA-256"):
        make_source_path("source", NixHash("sha512", hashlib.sha512().digest()))
