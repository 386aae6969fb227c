from __future__ import annotations

import itertools

import pytest

from nanna_ci.supply_chain.scanning.package_versions import debian_key, key_for, nix_key, semantic_key

# each in its order; the first is of Nix's manual and its tests of builtins.compareVersions
NIX = [
    "pre",
    "1.0pre1",
    "1.0pre2",
    "1.0",
    "1.0a",
    "1.0-rc1",
    "1.0.1",
    "1.1.1",
    "1.1.1v",
    "1.1.1w",
    "2.3",
    "2.3a",
    "2.3.1",
]
SEMVER = [
    "0.0.0-0",
    "0.3.27",
    "1.0.0-alpha",
    "1.0.0-alpha.1",
    "1.0.0-alpha.beta",
    "1.0.0-beta",
    "1.0.0-beta.2",
    "1.0.0-beta.11",
    "1.0.0-rc.1",
    "1.0.0",
    "1.2.0",
    "1.10.0",
]
DEBIAN = [
    "1.0~~",
    "1.0~rc1-1",
    "1.0",
    "1.0-1~bpo1",
    "1.0-1",
    "1.0-1+deb13u1",
    "1.0a-1",
    "1.0+dfsg-1",
    "1.10-1",
    "1:0.1",
]


@pytest.mark.parametrize(("key", "ordered"), [(nix_key, NIX), (semantic_key, SEMVER), (debian_key, DEBIAN)])
def test_versions_stand_in_their_order(key, ordered) -> None:
    for (low, first), (high, second) in itertools.combinations(enumerate(ordered), 2):
        assert low < high
        assert key(first) < key(second), (first, second)
        assert not key(second) < key(first), (first, second)


@pytest.mark.parametrize(
    ("key", "first", "second"),
    [
        (nix_key, "1.0", "1.00"),
        (nix_key, "1.0-1", "1.0.1"),
        (semantic_key, "1.0.0+build1", "1.0.0+build2"),
        (semantic_key, "v1.2", "1.2.0"),
        (debian_key, "0:1.0", "1.0"),
        (debian_key, "1.0-0", "1.0"),
    ],
)
def test_what_is_written_differently_can_be_the_same_version(key, first: str, second: str) -> None:
    assert key(first) == key(second)


def test_what_is_no_semantic_version_has_no_place_in_their_order() -> None:
    assert [semantic_key(text) for text in ("unstable-2026-01-01", "1.1.1w", "", "1.2.3.4")] == [None] * 4


@pytest.mark.parametrize(
    ("kind", "is_semantic", "low", "high"),
    [
        ("cargo", False, "1.0.0-rc.1", "1.0.0"),
        ("nix", False, "1.0", "1.0-rc1"),
        ("deb", False, "1.0~rc1", "1.0"),
        ("nix", True, "1.0.0-rc1", "1.0.0"),
    ],
)
def test_the_order_follows_the_ecosystem_but_for_advisories_in_semantic_versions(
    kind: str, is_semantic: bool, low: str, high: str
) -> None:
    assert sorted([high, low], key=key_for(kind, is_semantic=is_semantic)) == [low, high]  # type: ignore[arg-type]
