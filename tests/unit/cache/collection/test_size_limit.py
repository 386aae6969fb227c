"""Sizes as people write them."""

from __future__ import annotations

import pytest

from nanna_ci.commands.cache_gc import parse_size_bytes
from nanna_ci.foundation.errors import UsageError


@pytest.mark.parametrize(
    ("text", "size_bytes"),
    [
        ("0", 0),
        ("500000", 500_000),
        ("500B", 500),
        ("50GB", 50_000_000_000),
        ("50 gb", 50_000_000_000),
        ("50GiB", 50 * 1024**3),
        ("1.5TB", 1_500_000_000_000),
        ("0.5KiB", 512),
        ("1.1GB", 1_100_000_000),
        ("3kB", 3000),
        ("2MiB", 2 * 1024**2),
        ("1PB", 10**15),
    ],
)
def test_decimal_and_binary_units_and_plain_bytes(text: str, size_bytes: int) -> None:
    assert parse_size_bytes(text) == size_bytes


@pytest.mark.parametrize("text", ["", "50G", "-1", "50 GBs", "1e9", "GB", "1,5GB", ".5GB", "inf", "\u0665GB", "1" * 19])
def test_anything_else_is_refused_with_what_is_meant(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_size_bytes(text)
    assert "50GiB (1,024 each)" in (caught.value.hint or "")
