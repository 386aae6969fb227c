"""nix-cache-info: what a binary cache says about itself."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from nanna_ci.foundation.errors import MalformedData, shorten
from nanna_ci.store.store_path import STORE_DIR

FILE_NAME: Final = "nix-cache-info"
_DEFAULT_PRIORITY: Final = 0  # of Nix since 2.4: a cache that names none is queried before cache.nixos.org with its 40


@dataclass(frozen=True, slots=True)
class CacheInfo:
    """`priority`: caches with a lower one are queried first."""

    priority: int


def parse_cache_info(data: bytes, source: str) -> CacheInfo:
    """Read the file; keys that do not matter here are ignored.

    Raises:
        MalformedData: it is of no cache for /nix/store, or is not such a file at all.
    """
    fields: dict[str, tuple[int, str]] = {}
    for number, line in enumerate(data.decode("utf-8", "replace").splitlines(), start=1):
        key, _, value = line.partition(":")
        fields.setdefault(key, (number, value.strip()))
    if "StoreDir" not in fields:
        raise MalformedData(
            source, "has no StoreDir: this is not a binary cache", hint="a login page or a proxy answered?"
        )
    number, store_dir = fields["StoreDir"]
    if store_dir != STORE_DIR:
        raise MalformedData(source, f"line {number}: the cache is for {shorten(store_dir)}, not {STORE_DIR}")
    number, priority = fields.get("Priority", (0, str(_DEFAULT_PRIORITY)))
    if re.fullmatch("-?[0-9]{1,9}", priority) is None:
        raise MalformedData(source, f"line {number}: Priority is {shorten(priority)}, not a whole number")
    return CacheInfo(int(priority))
