from __future__ import annotations

import json

import pytest

from nanna_ci.supply_chain.bill.bill_of_materials import Patch
from nanna_ci.supply_chain.bill.known_cpes import known_cpe
from nanna_ci.supply_chain.bill.nix_identity import head_of, identify, identify_derivation, split_name
from support.fake_bills import derivation
from support.fake_store_paths import path


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("hello-2.12.1", ("hello", "2.12.1")),
        ("git-minimal-2.45.1", ("git-minimal", "2.45.1")),
        ("glibc-2.40-66", ("glibc", "2.40-66")),
        ("source", ("source", None)),
        ("python3.12-six", ("python3.12-six", None)),
        ("a-", ("a-", None)),
        ("x-unstable-2024-01-02", ("x-unstable", "2024-01-02")),
    ],
)
def test_a_name_is_split_as_nix_splits_it(name: str, parts: tuple[str, str | None]) -> None:
    assert split_name(name) == parts


def test_a_path_without_deriver_is_known_by_its_name() -> None:
    identity = identify(path("openssl-3.0.14-dev"), None, None)
    assert (identity.pname, identity.version, identity.output) == ("openssl", "3.0.14", "dev")
    assert identity.cpe == "cpe:2.3:a:openssl:openssl:3.0.14:*:*:*:*:*:*:*"


def test_the_name_of_the_deriver_tells_version_and_output_apart() -> None:
    identity = identify(path("glibc-2.40-66-bin"), path("glibc-2.40-66.drv"), None)
    assert (identity.pname, identity.version, identity.output) == ("glibc", "2.40-66", "bin")


def test_the_derivation_knows_best() -> None:
    out = path("foo-bar-1.0-extra")
    made = derivation("foo-bar-1.0", outputs={"extra": out}, pname="foo", version="bar-1.0")
    identity = identify(out, made.path, head_of(made))
    assert (identity.pname, identity.version, identity.output) == ("foo", "bar-1.0", "extra")


def test_structured_attributes_are_read_like_the_environment() -> None:
    attributes = {"pname": "foo", "version": "1.0", "patches": ["/nix/store/" + "0" * 32 + "-CVE-2024-1234.patch"]}
    identity = identify_derivation(derivation("foo-1.0", __json=json.dumps(attributes)))
    assert (identity.pname, identity.version) == ("foo", "1.0")
    assert identity.patches[0].resolves == ("CVE-2024-1234",)


def test_patches_name_the_advisories_in_their_file_names() -> None:
    store = "/nix/store/" + "0" * 32
    patches = f"{store}-cve-2024-1234_CVE-2024-99999.patch {store}-fix-GHSA-ABCD-1234-efgh.diff {store}-plain.patch"
    identity = identify_derivation(derivation("foo-1.0", patches=patches))
    assert identity.patches == (
        Patch(f"{store}-cve-2024-1234_CVE-2024-99999.patch", ("CVE-2024-1234", "CVE-2024-99999")),
        Patch(f"{store}-fix-GHSA-ABCD-1234-efgh.diff", ("GHSA-abcd-1234-efgh",)),
        Patch(f"{store}-plain.patch", ()),
    )


@pytest.mark.parametrize("broken", ["{", "[]", "[" * 100_000])
def test_broken_structured_attributes_leave_the_name(broken: str) -> None:
    assert identify_derivation(derivation("foo-1.0", __json=broken)).pname == "foo"


def test_a_cpe_is_known_or_stated_and_never_guessed() -> None:
    assert known_cpe("some-tool", "1.0") is None
    assert known_cpe("openssl", None) is None
    assert known_cpe("curl", "8.0~RC1") == "cpe:2.3:a:haxx:curl:8.0\\~rc1:*:*:*:*:*:*:*"
    stated = "cpe:2.3:a:v:p:1.0:*:*:*:*:*:*:*"
    assert identify_derivation(derivation("foo-1.0", cpe=stated)).cpe == stated
    assert identify_derivation(derivation("foo-1.0", cpe="anything")).cpe is None
