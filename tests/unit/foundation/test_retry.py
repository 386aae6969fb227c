"""How long to wait: what the service asks for within reason, else backing off with full jitter."""

from __future__ import annotations

import random

import pytest

from nanna_ci.foundation.retry import backoff_s, requested_wait_s

NOW = 1_700_000_000.0  # Tue, 14 Nov 2023 22:13:20 GMT


@pytest.mark.parametrize(
    ("header", "body", "wait_s"),
    [
        ("7", b"", 7.0),
        (" 7 ", b"", 7.0),
        ("0", b"", 0.0),
        ("120", b"", 120.0),
        ("99999999", b"", 120.0),
        ("9" * 500, b"", 120.0),
        ("Tue, 14 Nov 2023 22:13:50 GMT", b"", 30.0),
        ("Tue, 14 Nov 2099 22:13:50 GMT", b"", 120.0),
        ("Tue, 14 Nov 2023 22:13:00 GMT", b"", None),
        ("-5", b"", None),
        ("soon", b"", None),
        ("NaN", b"", None),
        ("\u0663", b"", None),
        ("", b"", None),
        (None, b"", None),
        (None, b'{"retry_after": 2.5}', 2.5),
        (None, b'{"retryAfter": 3}', 3.0),
        (None, b'{"retry_after": 1e9}', 120.0),
        (None, b'{"retry_after": ' + b"9" * 400 + b"}", 120.0),
        (None, b'{"retry_after": -1}', None),
        (None, b'{"retry_after": NaN}', None),
        (None, b'{"retry_after": "7"}', None),
        (None, b'{"retry_after": true}', None),
        (None, b"[1]", None),
        (None, b"<html>", None),
        (None, b"[" * 50_000, None),
        (None, b"\xff", None),
    ],
)
def test_what_a_service_requests(header, body, wait_s):
    assert requested_wait_s(header, body, NOW) == wait_s


@pytest.mark.parametrize(("attempt", "bound"), [(1, 0.5), (2, 1.0), (3, 2.0), (7, 30.0), (1000, 30.0)])
def test_backoff_is_anything_up_to_a_bound_that_doubles(attempt, bound):
    ranges: list[tuple[float, float]] = []

    def uniform(low: float, high: float) -> float:
        ranges.append((low, high))
        return random.uniform(low, high)

    assert 0 <= backoff_s(attempt, uniform) <= bound
    assert ranges == [(0.0, bound)]
