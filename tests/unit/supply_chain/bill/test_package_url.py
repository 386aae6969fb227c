from __future__ import annotations

import pytest

from nanna_ci.supply_chain.bill.package_url import render_package_url


@pytest.mark.parametrize(
    ("purl", "expected"),
    [
        (render_package_url("cargo", "serde", "1.0.0"), "pkg:cargo/serde@1.0.0"),
        (render_package_url("cargo", "a", "1.0.0+b 2"), "pkg:cargo/a@1.0.0%2Bb%202"),
        (
            render_package_url("deb", "libc6", "1:2.41-12+deb13u1~x", namespace="debian", qualifiers={"arch": "amd64"}),
            "pkg:deb/debian/libc6@1:2.41-12%2Bdeb13u1~x?arch=amd64",
        ),
        (render_package_url("nix", "source", None, qualifiers={"output": "out"}), "pkg:nix/source?output=out"),
        (
            render_package_url("cargo", "a", "1", qualifiers={"z": "1", "b": "git+https://h/x?y&z", "c": None}),
            "pkg:cargo/a@1?b=git%2Bhttps://h/x%3Fy%26z&z=1",
        ),
        (render_package_url("nix", "a/b?c#d@e", "1"), "pkg:nix/a%2Fb%3Fc%23d%40e@1"),
    ],
)
def test_a_purl_is_in_its_canonical_form(purl: str, expected: str) -> None:
    assert purl == expected
