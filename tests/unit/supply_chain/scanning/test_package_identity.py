from __future__ import annotations

import pytest

from nanna_ci.supply_chain.scanning.package_identity import component_name, parse_cpe, parse_package_url


def test_a_package_url_is_read_with_what_makes_it_another_package() -> None:
    found = parse_package_url("pkg:cargo/h2@0.3.27?vcs_url=git%2Bhttps://example.invalid/h2&arch=amd64#sub")
    assert found is not None
    assert (found.kind, found.namespace, found.name, found.version) == ("cargo", "", "h2", "0.3.27")
    assert found.origin == (("vcs_url", "git+https://example.invalid/h2"),)
    plain = parse_package_url("pkg:cargo/h2@0.4.0")
    assert plain is not None
    assert plain.package != found.package


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("pkg:nix/openssl@3.0.13?output=out", "PKG:nix/openssl"),
        ("pkg:deb/Debian/OpenSSL@3?arch=amd64", "pkg:deb/debian/openssl?arch=source"),
        ("pkg:npm/%40scope/name@1.0", "pkg:npm/@scope/name"),
        ("pkg:nix/gtk%2B@3", "pkg:nix/gtk+"),
    ],
)
def test_spelling_and_place_do_not_make_another_package(first: str, second: str) -> None:
    one, other = parse_package_url(first), parse_package_url(second)
    assert one is not None
    assert other is not None
    assert one.package == other.package


@pytest.mark.parametrize("text", ["", "h2", "pkg:", "pkg:cargo", "pkg:cargo/", "http://x/y", "pkg:ca rgo/h2"])
def test_what_is_no_package_url_is_none(text: str) -> None:
    assert parse_package_url(text) is None


def test_a_cpe_is_read_with_its_escapes_and_a_loose_one_names_no_product() -> None:
    found = parse_cpe(r"cpe:2.3:a:openssl:open\:ssl:3.0.13:*:*:*:*:node.js:*:*")
    assert found is not None
    assert (found.vendor, found.product, found.version, found.target_software) == (
        "openssl",
        "open:ssl",
        "3.0.13",
        "node.js",
    )
    assert found.is_definite
    loose = parse_cpe("cpe:2.3:a:*:openssl:*:*:*:*:*:*:*:*")
    assert loose is not None
    assert not loose.is_definite
    assert [parse_cpe(text) for text in ("cpe:/a:openssl:openssl", "cpe:2.3:a:openssl", "")] == [None] * 3


def test_a_components_name_keeps_the_origin_and_drops_the_place() -> None:
    assert component_name("pkg:nix/openssl@3.0.13?output=dev") == "pkg:nix/openssl@3.0.13"
    assert component_name("pkg:cargo/a@1?repository_url=https://x&arch=y") == "pkg:cargo/a@1?repository_url=https://x"
