"""Which packages an advisory is about: identity, versions, patches."""

from __future__ import annotations

from typing import Any

import pytest

from nanna_ci.supply_chain.scanning.bill_matching import match_bill
from nanna_ci.supply_chain.scanning.security_finding import FindingState, SecurityFinding
from support.fake_scans import SEMVER_ZERO, affected, bill, osv, package, patched, store_path

BELOW_14 = ({"introduced": "0"}, {"fixed": "3.0.14"})
OPENSSL_CPE = "cpe:2.3:a:openssl:openssl:{}:*:*:*:*:{}:*:*"


def match(components: list[dict[str, Any]], *entries: dict[str, Any], **more: Any) -> list[SecurityFinding]:
    return list(match_bill(bill(*components).packages, [osv("CVE-2026-1000", *entries, **more)]))


def states(found: list[SecurityFinding]) -> list[str]:
    return [one.state.value for one in found]


def test_a_store_path_matches_by_its_purl_and_names_place_and_fixed_version() -> None:
    (found,) = match([package("openssl", "3.0.13")], affected("pkg:nix/openssl", *BELOW_14))
    assert found.state is FindingState.GATING
    assert (found.component_ref, found.version, found.fixed_versions) == (
        "pkg:nix/openssl@3.0.13",
        "3.0.13",
        ("3.0.14",),
    )
    assert found.places == (store_path("openssl-3.0.13"),)
    assert match([package("openssl", "3.0.14")], affected("pkg:nix/openssl", *BELOW_14)) == []


@pytest.mark.parametrize("purl", ["pkg:npm/openssl", "pkg:gem/openssl", "pkg:cargo/openssl", "pkg:deb/debian/openssl"])
def test_a_package_of_that_name_in_another_ecosystem_is_none(purl: str) -> None:
    assert match([package("openssl", "3.0.13")], affected(purl, *BELOW_14)) == []
    named = {
        "package": {"ecosystem": "npm", "name": "openssl"},
        "ranges": [{"type": "SEMVER", "events": [SEMVER_ZERO]}],
    }
    assert match([package("openssl", "3.0.13")], named) == []


@pytest.mark.parametrize("ecosystem", ["", "OSS-Fuzz", "GIT", "generic"])
def test_a_name_alone_is_possible_and_never_gates(ecosystem: str) -> None:
    entry = {
        "package": {"ecosystem": ecosystem, "name": "OpenSSL"},
        "ranges": [{"type": "ECOSYSTEM", "events": BELOW_14}],
    }
    (found,) = match([package("openssl", "3.0.13")], entry)
    assert found.state is FindingState.POSSIBLE
    assert "only the name matches" in (found.reason or "")
    assert match([package("openssl", "3.0.14")], entry) == []
    assert (
        match([{"type": "library", "bom-ref": "c", "name": "openssl", "purl": "pkg:cargo/openssl@0.1.0"}], entry) == []
    )


def test_a_generic_purl_is_a_name_and_no_identity_of_a_store_path() -> None:
    assert states(match([package("openssl", "3.0.13")], affected("pkg:generic/openssl", *BELOW_14))) == ["possible"]


@pytest.mark.parametrize(
    ("theirs", "state"),
    [
        (OPENSSL_CPE.format("*", "*"), "gating"),
        (OPENSSL_CPE.format("*", "node.js"), "possible"),
        ("cpe:2.3:o:openssl:openssl:*:*:*:*:*:*:*:*", "possible"),
        ("cpe:2.3:a:other:openssl:*:*:*:*:*:*:*:*", None),
        ("cpe:2.3:a:*:openssl:*:*:*:*:*:*:*:*", None),
    ],
)
@pytest.mark.parametrize("key", ["ecosystem_specific", "database_specific"])
def test_a_cpe_is_an_identity_where_vendor_product_and_software_agree(theirs: str, state: str | None, key: str) -> None:
    component = package("openssl", "3.0.13", cpe=OPENSSL_CPE.format("3.0.13", "*"))
    found = match([component], affected(None, *BELOW_14) | {key: {"cpe": theirs}})
    assert states(found) == ([] if state is None else [state])


def test_a_cpe_with_a_version_is_about_that_version() -> None:
    entry = affected(None, ecosystem_specific={"cpe": OPENSSL_CPE.format("3.0.13", "*")})
    ours = OPENSSL_CPE.format("x", "*")
    assert states(match([package("openssl", "3.0.13", cpe=ours)], entry)) == ["gating"]
    assert match([package("openssl", "3.0.12", cpe=ours)], entry) == []


def crate(version: str, query: str = "") -> dict[str, Any]:
    return {
        "type": "library",
        "bom-ref": "crate",
        "name": "h2",
        "version": version,
        "purl": f"pkg:cargo/h2@{version}{query}",
    }


def test_a_crate_of_another_origin_is_another_crate() -> None:
    entry = affected("pkg:cargo/h2", SEMVER_ZERO, {"fixed": "0.4.16"}, kind="SEMVER")
    assert states(match([crate("0.3.27")], entry)) == ["gating"]
    assert match([crate("0.3.27", "?vcs_url=git%2Bhttps://example.invalid/h2")], entry) == []


@pytest.mark.parametrize(
    ("version", "events", "is_affected"),
    [
        ("0.4.15", ["introduced 0.4.0", "fixed 0.4.16"], True),
        ("0.4.16-rc.1", ["introduced 0.4.0", "fixed 0.4.16"], True),
        ("0.4.16", ["introduced 0.4.0", "fixed 0.4.16"], False),
        ("0.3.9", ["introduced 0.4.0", "fixed 0.4.16"], False),
        ("0.10.0", ["introduced 0", "last_affected 0.9.0"], False),
        ("0.9.0", ["introduced 0", "last_affected 0.9.0"], True),
        ("0.5.0", ["fixed 0.6.0", "introduced 0.5.0", "fixed 0.3.0", "introduced 0"], True),
        ("0.4.0", ["introduced 0", "fixed 0.3.0", "introduced 0.5.0", "fixed 0.6.0"], False),
        ("0.5.0", ["introduced 0", "limit 0.4.0"], False),
        ("0.3.0", ["introduced 0", "limit 0.4.0"], True),
        ("7.0.0", ["introduced 0", "limit *"], True),
    ],
)
@pytest.mark.parametrize("kind", ["SEMVER", "ECOSYSTEM"])
def test_events_turn_the_answer_in_the_order_of_their_versions(
    version: str, events: list[str], is_affected: bool, kind: str
) -> None:
    parsed = [dict([event.split(" ")]) for event in events]
    assert bool(match([crate(version)], affected("pkg:cargo/h2", *parsed, kind=kind))) == is_affected


def test_a_version_of_nix_is_compared_in_the_order_of_nix() -> None:
    entry = affected("pkg:nix/openssl", {"introduced": "1.1.1"}, {"fixed": "1.1.1w"})
    assert states(match([package("openssl", "1.1.1v")], entry)) == ["gating"]
    assert match([package("openssl", "1.1.1w")], entry) == []


def test_a_list_of_versions_counts_without_ranges_and_is_complete_beside_commits() -> None:
    commits = {"ranges": [{"type": "GIT", "events": [{"introduced": "0"}]}]}
    listed = affected("pkg:nix/zlib", versions=["1.2.11"])
    assert states(match([package("zlib", "1.2.11")], listed)) == ["gating"]
    assert match([package("zlib", "1.2.12")], listed) == []
    assert match([package("zlib", "1.2.12")], {**listed, **commits}) == []
    (found,) = match([package("zlib", "1.2.12")], {**affected("pkg:nix/zlib"), **commits})
    assert (found.state, found.reason) == (
        FindingState.POSSIBLE,
        "the advisory's versions cannot be compared with this one",
    )


def test_a_package_without_a_version_fails_closed() -> None:
    (found,) = match([package("openssl", None)], affected("pkg:nix/openssl", *BELOW_14))
    assert (found.state, found.reason) == (FindingState.GATING, "the bill does not say its version")


def test_what_every_derivation_carries_a_patch_for_is_suppressed_with_the_patch_as_evidence() -> None:
    fixes = patched("GHSA-aaaa-bbbb-cccc", url="/nix/store/x-CVE-2026-1000.patch")
    entry = affected("pkg:nix/openssl", *BELOW_14)
    names = {"aliases": ["GHSA-aaaa-bbbb-cccc"]}
    both = [package("openssl", "3.0.13", letter=letter, **fixes) for letter in "ab"]
    (found,) = match(both, entry, **names)
    assert found.state is FindingState.SUPPRESSED
    assert "/nix/store/x-CVE-2026-1000.patch" in (found.reason or "")
    half = [both[0], package("openssl", "3.0.13", letter="b")]
    (found,) = match(half, entry, **names)
    assert (found.state, found.places) == (FindingState.GATING, (store_path("openssl-3.0.13", "b"),))
    assert found.reason == "1 of 2 store paths carry a patch, the others do not"


def test_a_patch_for_something_else_suppresses_nothing() -> None:
    found = match([package("openssl", "3.0.13", **patched("CVE-2026-9999"))], affected("pkg:nix/openssl", *BELOW_14))
    assert states(found) == ["gating"]


def test_two_versions_of_a_package_are_two_findings() -> None:
    both = [package("openssl", "3.0.13"), package("openssl", "1.1.1w", letter="b")]
    found = match(both, affected("pkg:nix/openssl", *BELOW_14))
    assert {one.component_ref for one in found} == {"pkg:nix/openssl@3.0.13", "pkg:nix/openssl@1.1.1w"}


def test_a_debian_package_matches_by_its_source_package_in_debians_order() -> None:
    component = {
        "type": "library",
        "bom-ref": "deb",
        "name": "libssl3t64",
        "version": "3.5.1-1",
        "purl": "pkg:deb/debian/libssl3t64@3.5.1-1?arch=amd64",
        "properties": [{"name": "nanna-ci:deb:source", "value": "openssl"}],
    }
    fixed = {"fixed": "3.5.1-1+deb13u1"}
    assert states(match([component], affected("pkg:deb/debian/openssl?arch=source", {"introduced": "0"}, fixed))) == [
        "gating"
    ]
    assert match([component], affected("pkg:deb/debian/openssl", {"introduced": "0"}, {"fixed": "3.5.1-1~bpo1"})) == []
    named = {"package": {"ecosystem": "Debian:13", "name": "openssl"}}
    assert states(match([component], {**affected(None, {"introduced": "0"}, fixed), **named})) == ["gating"]
