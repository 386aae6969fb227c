from __future__ import annotations

from dataclasses import replace

import pytest

from nanna_ci.supply_chain.bill.bill_of_materials import ComponentKind
from nanna_ci.supply_chain.bill.crate_components import crate_purl, creator_of, draft_crates
from support.fake_bills import recorded_facts

REGISTRY = "registry+https://github.com/rust-lang/crates.io-index"


@pytest.mark.parametrize(
    ("source", "folder", "purl"),
    [
        (REGISTRY, "/vendor/a-1.0.0", "pkg:cargo/a@1.0.0"),
        (None, "/source/crates/a", "pkg:cargo/a@1.0.0?download_url=file://crates/a"),
        (None, "/source", "pkg:cargo/a@1.0.0?download_url=file://."),
        (None, "/elsewhere/a", "pkg:cargo/a@1.0.0?download_url=file://a"),
        ("git+https://h.org/a?tag=v1#0123", "/v/a", "pkg:cargo/a@1.0.0?vcs_url=git%2Bhttps://h.org/a%400123"),
        ("sparse+https://ours.org/i/", "/v/a", "pkg:cargo/a@1.0.0?repository_url=https://ours.org/i/"),
    ],
)
def test_a_purl_says_where_a_crate_is_from(source: str | None, folder: str, purl: str) -> None:
    assert crate_purl("a", "1.0.0", source, folder, "/source") == purl


def test_crates_are_components_with_licence_checksum_and_features() -> None:
    draft = draft_crates(recorded_facts())
    clap = next(one for one in draft.components.values() if one.name == "clap")
    assert clap.purl == clap.ref == f"pkg:cargo/clap@{clap.version}"
    assert clap.licence is not None
    assert clap.licence.text == "MIT OR Apache-2.0"
    assert len(clap.sha256 or "") == 64
    properties = dict(clap.properties)
    assert properties["nanna-ci:crate:kind"] == "normal"
    assert "derive" in properties["nanna-ci:crate:features"].split(",")
    assert properties["nanna-ci:crate:source"] == REGISTRY
    assert {ref.partition("@")[0] for ref in draft.edges[clap.ref]} == {
        "pkg:cargo/clap_builder",
        "pkg:cargo/clap_derive",
    }


def test_a_member_with_a_program_is_an_application() -> None:
    kinds = {one.name: one.kind for one in draft_crates(recorded_facts()).components.values()}
    assert (kinds["harness"], kinds["prompts"]) == (ComponentKind.APPLICATION, ComponentKind.LIBRARY)


def test_the_creator_is_an_address_or_else_a_url_and_never_a_bare_name() -> None:
    package = next(one.package for one in recorded_facts().crates.values())
    package = replace(package, repository="https://h.org/a", homepage="https://a.org")
    assert creator_of(replace(package, authors=("The A Authors", "B <b@a.org>"))) == "b@a.org"
    assert creator_of(replace(package, authors=("B",))) == "https://h.org/a"
    assert creator_of(replace(package, authors=(), repository='https://h.org/"<x>')) == "https://a.org"
    assert creator_of(replace(package, authors=(), repository=None, homepage="a.org")) is None
