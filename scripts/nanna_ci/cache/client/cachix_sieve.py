"""Cachix caches, asked in bulk what they lack before they are asked path by path."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from nanna_ci.cache.cachix_api import CACHIX_TOKEN_VARIABLE, CachixCache, query_missing
from nanna_ci.cache.client.http_asker import Sieve
from nanna_ci.cache.substituters import Substituter
from nanna_ci.errors import ServiceUnavailable
from nanna_ci.web import Token, WebClient


def make_sieves(
    substituters: Sequence[Substituter], environ: Mapping[str, str], log: Callable[[str], None]
) -> dict[Substituter, Sieve]:
    """A sieve for each Cachix cache, as `bulk.query` takes them: hashes to those that the cache lacks."""
    token = environ.get(CACHIX_TOKEN_VARIABLE) or None
    return {one: partial(_ask, one.cachix, token, log) for one in substituters if one.cachix is not None}


def _ask(cache: CachixCache, token: str | None, log: Callable[[str], None], hashes: Sequence[str]) -> frozenset[str]:
    """One question in bulk. Where the service does not answer, the cache itself may: then nothing is sieved out."""
    own = Token(CACHIX_TOKEN_VARIABLE, token) if token is not None and cache.takes_token else None
    try:
        with WebClient(log=log) as client:
            return query_missing(client, cache, own, hashes)
    except ServiceUnavailable as error:
        log(f"{cache.name} is not asked in bulk: {error.message}")
        return frozenset()
