"""How long to wait before trying again: what the service asks for, within reason, else exponential with full jitter."""

from __future__ import annotations

import email.utils
import json
import math
from collections.abc import Callable
from typing import Final

LONGEST_WAIT_S: Final = 120.0
# HTTP: too many requests, or server errors that may be transient
TRANSIENT_STATUSES: Final = frozenset({429, 500, 502, 503, 504})
_FIRST_S: Final = 0.5
_LONGEST_BACKOFF_S: Final = 30.0
_JSON_LIMIT_BYTES: Final = 64 * 1024


def backoff_s(attempt: int, uniform: Callable[[float, float], float]) -> float:
    """Seconds to wait after failed attempt 1, 2, …: anything from 0 to a bound that doubles, at most 30 s."""
    return uniform(0.0, min(_LONGEST_BACKOFF_S, _FIRST_S * 2.0 ** (attempt - 1)))


def requested_wait_s(header: str | None, body: bytes, now: float) -> float | None:
    """The wait that an answer requests, at most 120 s; None if it requests none that makes sense.

    `header` is Retry-After, in seconds or as an HTTP date (`now` is Unix time); else the body may be a JSON object with
    `retry_after` or `retryAfter` in seconds.
    """
    wait_s = _from_header(header, now) if header is not None else _from_json(body)
    if wait_s is None or not math.isfinite(wait_s) or wait_s < 0:
        return None
    return min(wait_s, LONGEST_WAIT_S)


def _from_header(header: str, now: float) -> float | None:
    text = header.strip()
    if text.isascii() and text.isdigit():
        return float(text[:20])

    try:
        return email.utils.parsedate_to_datetime(text).timestamp() - now
    except (ValueError, OverflowError):
        return None


def _from_json(body: bytes) -> float | None:
    if len(body) > _JSON_LIMIT_BYTES:
        return None
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(answer, dict):
        return None
    value = answer.get("retry_after", answer.get("retryAfter"))
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(min(value, LONGEST_WAIT_S))  # an integer may be too large for a float
