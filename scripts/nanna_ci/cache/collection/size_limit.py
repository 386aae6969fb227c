"""Sizes as people write them: `50GB`, `1.5 TiB`, `500000`."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Final

from nanna_ci.errors import UsageError, shorten

_POWERS: Final = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4, "p": 5}
_SIZE: Final = re.compile(r"([0-9]{1,18}(?:\.[0-9]{1,9})?) ?(?:([KMGTP])(I?)B|B)?", re.IGNORECASE | re.ASCII)


def parse_size_bytes(text: str) -> int:
    """Read a size: bytes, or with kB, MB, GB, TB, PB (1,000 each) or KiB, MiB, GiB, TiB, PiB (1,024 each).

    Raises:
        UsageError: for anything else; `50G` too, which some read as 1,000 and some as 1,024.
    """
    match = _SIZE.fullmatch(text.strip())
    if match is None:
        raise UsageError(
            f"{shorten(text)} is no size", hint="such as 50GB (1,000 each), 50GiB (1,024 each) or 50000000000"
        )
    number, letter, binary = match.groups(default="")
    return int(Decimal(number) * (1024 if binary else 1000) ** _POWERS[letter.lower()])
