"""`bulk.query` with everything but the paths: how to query, by Nix's settings, the environment and the flags."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final, Protocol

from nanna_ci.cache.cachix_api import CACHIX_TOKEN_VARIABLE, CachixCache, query_missing
from nanna_ci.cache.client.bulk import query
from nanna_ci.cache.client.http_lookup import MissingQuery
from nanna_ci.cache.client.query_result import QueryProgress, QueryResult
from nanna_ci.cache.client.retry_policy import RetryPolicy
from nanna_ci.cache.substituters import Substituter
from nanna_ci.foundation.errors import ServiceUnavailable, UsageError, shorten
from nanna_ci.foundation.web import Token, WebClient
from nanna_ci.store.store_path import StorePath

_MOST_CONNECTIONS: Final = 4096
_LONGEST_S: Final = 86_400
_PROGRESS_EVERY_S: Final = 5.0


class Query(Protocol):
    """Queries all substituters for all paths, and with `walk` for all that these refer to."""

    def __call__(
        self, substituters: Sequence[Substituter], paths: Sequence[StorePath], *, walk: bool
    ) -> tuple[QueryResult, ...]: ...


def parse_concurrency(text: str) -> int:
    """Read --concurrency: connections to a host at most.

    Raises:
        UsageError: it is not a whole number from 1 to 4096.
    """
    if not (text.isascii() and text.isdecimal() and 1 <= int(text[:5]) <= _MOST_CONNECTIONS):
        raise UsageError(f"--concurrency {shorten(text)} is not a number from 1 to {_MOST_CONNECTIONS}")
    return int(text)


def parse_deadline(text: str) -> float:
    """Read --deadline: seconds.

    Raises:
        UsageError: it is not a number from 1 to 86400.
    """
    try:
        seconds = float(text[:20])
    except ValueError:
        seconds = math.nan
    if not 1 <= seconds <= _LONGEST_S:
        raise UsageError(f"--deadline {shorten(text)} is not a number from 1 to {_LONGEST_S}")
    return seconds


def make_query(
    substituters: Sequence[Substituter],
    settings: Mapping[str, Any] | None,
    concurrency: int | None,
    *,
    deadline_s: float | None = None,
    verify_archives: bool = False,
    environ: Mapping[str, str],
    say: Callable[[str], None],
    clock: Callable[[], float],
) -> Query:
    """`settings` are Nix's, None if there is none. `say` takes progress lines.

    `deadline_s` is each substituter's, None for our own choice.
    """
    netrc = (settings or {}).get("netrc-file")
    said_s = clock()

    def tell(progress: QueryProgress) -> None:
        nonlocal said_s
        if clock() - said_s >= _PROGRESS_EVERY_S:
            said_s = clock()
            say(f"{progress.answered:,} of {progress.queried:,} answers")

    return partial(
        query,
        concurrency=concurrency,
        verify_archives=verify_archives,
        environ=environ,
        missing_queries=make_missing_queries(substituters, environ, say),
        netrc=Path(netrc) if isinstance(netrc, str) and netrc else None,
        log=say,
        on_progress=tell,
        policy=RetryPolicy() if deadline_s is None else RetryPolicy(deadline_s=deadline_s),
    )


def make_missing_queries(
    substituters: Sequence[Substituter], environ: Mapping[str, str], log: Callable[[str], None]
) -> dict[Substituter, MissingQuery]:
    """A query for each Cachix cache, as `bulk.query` takes it: hashes to those that the cache lacks."""
    token = environ.get(CACHIX_TOKEN_VARIABLE) or None
    return {one: partial(_ask, one.cachix, token, log) for one in substituters if one.cachix is not None}


def _ask(cache: CachixCache, token: str | None, log: Callable[[str], None], hashes: Sequence[str]) -> frozenset[str]:
    """One bulk query. If the service does not answer, the cache itself may: then no path counts as missing."""
    own = Token(CACHIX_TOKEN_VARIABLE, token) if token is not None and cache.takes_token else None
    try:
        with WebClient(log=log) as client:
            return query_missing(client, cache, own, hashes)
    except ServiceUnavailable as error:
        log(f"{cache.name} is not queried in bulk: {error.message}")
        return frozenset()
