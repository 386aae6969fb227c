"""A few requests for a cache's nix-cache-info: whether it answers, how fast, and its clock."""

from __future__ import annotations

import email.utils
from collections.abc import Callable
from typing import Final

from nanna_ci.cache.client.cache_info import FILE_NAME, parse_cache_info
from nanna_ci.cache.client.folder import read_cache_info
from nanna_ci.cache.health import Probe
from nanna_ci.cache.substituters import Substituter
from nanna_ci.foundation.errors import NannaError
from nanna_ci.foundation.http_answer import Response
from nanna_ci.foundation.web import Token, WebClient

_ROUNDS: Final = 4  # the first one opens the connection and is not counted


def query_probe(
    client: WebClient,
    substituter: Substituter,
    token: Token | None,
    *,
    clock: Callable[[], float],
    now: Callable[[], float],
) -> Probe:
    """Query one substituter. A failure is part of the result, not an exception."""
    try:
        if (folder := substituter.folder) is not None:
            read_cache_info(folder)
            return Probe(substituter.url, (), None, None)
        url = f"{substituter.url}/{FILE_NAME}"
        seconds: list[float] = []
        for _ in range(_ROUNDS):
            started = clock()
            response = client.request("GET", url, token=token)
            seconds.append(clock() - started)
        parse_cache_info(response.body, url)
        return Probe(substituter.url, tuple(seconds[1:]), _skew_s(response, now() - seconds[-1] / 2), None)
    except NannaError as error:
        return Probe(substituter.url, (), None, error.message)


def _skew_s(response: Response, sent_s: float) -> float | None:
    """The server's clock less ours; HTTP dates are whole seconds, so half a second is added. None: it does not say."""
    try:
        return email.utils.parsedate_to_datetime(response.headers["date"]).timestamp() + 0.5 - sent_s
    except (KeyError, ValueError, OverflowError):
        return None
