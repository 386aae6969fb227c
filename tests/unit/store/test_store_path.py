"""Store paths: what is one, and what is refused."""

from __future__ import annotations

import pytest

from nanna_ci.foundation.errors import MalformedData, shorten
from nanna_ci.store.store_path import StorePath, parse_base_name, parse_either, parse_store_path

HASH = "sapig00iqz6715xhx7lnaxcla6dv3bnp"


def test_a_store_path_is_split_into_hash_and_name() -> None:
    path = parse_store_path(f"/nix/store/{HASH}-hello-2.12+git?x=1_a.drv")
    assert path == StorePath(HASH, "hello-2.12+git?x=1_a.drv")
    assert str(path) == f"/nix/store/{HASH}-hello-2.12+git?x=1_a.drv"
    assert path.base_name == f"{HASH}-hello-2.12+git?x=1_a.drv"


@pytest.mark.parametrize(("name", "is_derivation"), [("a.drv", True), ("a.drv.chroot", False), ("drv", False)])
def test_only_names_that_end_in_drv_are_derivations(name: str, is_derivation: bool) -> None:
    assert StorePath(HASH, name).is_derivation is is_derivation


def test_both_spellings_are_read_where_either_may_stand() -> None:
    assert parse_either(f"{HASH}-a") == parse_either(f"/nix/store/{HASH}-a") == StorePath(HASH, "a")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "/nix/store",
        "/nix/store/",
        f"/nix/store/{HASH}",
        f"/nix/store/{HASH}-",
        f"/nix/store/{HASH}-a/bin/a",
        f"/nix/store/../{HASH}-a",
        f"/gnu/store/{HASH}-a",
        f"{HASH}-a",
        f"/nix/store/{HASH}-a\n",
        f"/nix/store/{HASH}-a\0",
        f"/nix/store/{HASH}-ä",
        f"/nix/store/{HASH}-" + "a" * 212,
        f"/nix/store/{HASH.upper()}-a",
        f"/nix/store/{HASH[:-1]}e-a",  # e is not a digit of Nix's base 32
        f"/nix/store/{HASH[:-1]}-a",
        f"/nix/store/{HASH}-.",
        f"/nix/store/{HASH}-..",
        f"/nix/store/{HASH}-.-a",
        f"/nix/store/{HASH}-..-a",
    ],
)
def test_what_is_not_a_store_path_is_refused(text: str) -> None:
    with pytest.raises(MalformedData):
        parse_store_path(text)


@pytest.mark.parametrize("name", [".hidden", "...", ".a-b", "a" * 211])
def test_names_that_nix_allows_are_allowed(name: str) -> None:
    assert parse_base_name(f"{HASH}-{name}").name == name


def test_the_error_names_the_source_and_carries_no_control_characters_or_much_text() -> None:
    with pytest.raises(MalformedData, match=r"^list\.txt: '\\x1b\[31mxxx") as caught:
        parse_store_path("\x1b[31m" + "x" * 10_000, "list.txt")
    assert "\x1b" not in caught.value.message
    assert len(caught.value.message) < 250
    assert shorten("a" * 120) == repr("a" * 120)
