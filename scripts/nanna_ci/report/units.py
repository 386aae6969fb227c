"""Numbers for people: bytes in decimal units, as the caches and registries count them, seconds, shares; short lists."""

from __future__ import annotations

from collections.abc import Sequence

_UNITS = ("B", "kB", "MB", "GB", "TB", "PB")


def bytes_text(size_bytes: int) -> str:
    """`999 B`, `1.2 kB`, `50.0 GB`: units of 1,000, one digit after the point from kB on."""
    value, unit = float(size_bytes), 0
    while abs(value) >= 999.95 and unit < len(_UNITS) - 1:
        value, unit = value / 1000, unit + 1
    return f"{size_bytes} B" if unit == 0 else f"{value:.1f} {_UNITS[unit]}"


def share_text(share: float) -> str:
    """A share of 0 to 1 as `81.3 %`: cut, not rounded, so that 99.97 % is not shown as all."""
    return f"{int(share * 1000 + 1e-9) / 10:.1f} %"


def seconds_text(seconds: float) -> str:
    """`0.4 s`, `59 s`, `12 min 05 s`, `2 h 07 min`."""
    if seconds < 59.5:
        return f"{seconds:.1f} s" if seconds < 9.95 else f"{seconds:.0f} s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02} min"


def names_text(names: Sequence[str], most: int) -> str:
    """`a, b, c and 4 more`: the first `most` names, and how many others there are."""
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
