"""Where a push goes: a Cachix cache, through its own program, or any store that `nix copy` can write to."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from typing import Final
from urllib.parse import urlsplit

from nanna_ci.cache.cachix_api import CachixCache, parse_cache_name
from nanna_ci.cache.substituters import Substituter, named_cache_url, parse_substituter
from nanna_ci.foundation.errors import ConfigError, UsageError, shorten

_QUERIED_DIRECTLY: Final = frozenset({"file", "http", "https"})
_HINT: Final = "a store's URL (file:///folder, s3://bucket, ssh://host, https://…), or the name of a Cachix cache"


class PushRoute(Enum):
    """What sends the paths."""

    CACHIX = "cachix"
    NIX_COPY = "nix-copy"


@dataclass(frozen=True, slots=True)
class Destination:
    """A store to push to.

    `url` is what `nix copy --to` takes, parameters and all; of a Cachix cache it is where the cache is read. `cachix`
    is that cache, None on the other route. `substituter` is how the store is queried afterwards; None: through nix.
    """

    route: PushRoute
    url: str
    cachix: CachixCache | None
    substituter: Substituter | None

    @property
    def shown(self) -> str:
        """The URL for reports, without parameters: they name keys and credentials."""
        return self.url.partition("?")[0]


def parse_destination(to: str | None, cache_name: str | None) -> Destination:
    """Read `--to`; without it, the Cachix cache of pipeline.toml.

    Raises:
        UsageError: `to` is neither a store's URL nor the name of a Cachix cache.
        ConfigError: it is not given, and pipeline.toml names no cache.
    """
    if to is None and cache_name is None:
        raise ConfigError("cache.name", "there is none: nowhere to push to", hint="name one, or a store with --to URL")
    text = to if to is not None else named_cache_url(cache_name or "")
    if re.search(r"[\x00-\x20\x7f]", text):
        raise UsageError(f"{shorten(text)} is not a store to push to", hint=_HINT)
    if "://" not in text:
        if text.startswith("/"):
            raise UsageError(f"{shorten(text)} is not a URL", hint=f"a cache in a folder is file://{text}")
        text = named_cache_url(parse_cache_name(text))
    try:
        parts = urlsplit(text)
    except ValueError:
        raise UsageError(f"{shorten(text)} is not a URL", hint=_HINT) from None
    if re.fullmatch("[a-z][a-z0-9+-]*", parts.scheme) is None:
        raise UsageError(f"{shorten(text)} is not a store to push to", hint=_HINT)
    if parts.password is not None:
        raise UsageError(f"--to {parts.scheme}://…: a password is seen by every process here", hint="use a netrc file")
    substituter = parse_substituter(text) if parts.scheme in _QUERIED_DIRECTLY else None
    cachix = substituter.cachix if substituter is not None else None
    return Destination(PushRoute.NIX_COPY if cachix is None else PushRoute.CACHIX, text, cachix, substituter)
