"""One deadline for all queries at a substituter, however it spends the time; it fails alone, and is named."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from nanna_ci.cache.client.narinfo_query import parse_deadline
from nanna_ci.cache.client.retry_policy import RetryPolicy
from nanna_ci.foundation.errors import ServiceUnavailable, UsageError
from support.bulk_queries import BulkClient, put, target
from support.fake_store_paths import path
from support.stand_in_cache import CacheStandIn, Client, says, serving


@pytest.fixture
def cache() -> Iterator[CacheStandIn]:
    with serving() as one:
        yield one


@pytest.fixture
def other() -> Iterator[CacheStandIn]:
    with serving() as one:
        yield one


def floods_1xx(client: Client) -> bool:
    try:
        for _ in range(2000):
            client.write(b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n")
            time.sleep(0.005)
    except OSError:
        pass
    return False


def drips(client: Client) -> bool:
    try:
        client.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        for _ in range(500):
            client.write(b"x")
            time.sleep(0.02)
    except OSError:
        pass
    return False


WAYS = {
    "asks to wait forever": says(503, retry_after="999999"),
    "turns away forever": says(429, retry_after="1"),
    "floods of 1xx": floods_1xx,
    "a slow body": drips,
}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
@pytest.mark.parametrize("of", ["/nix-cache-info", "a path"])
def test_a_cache_is_given_up_at_its_deadline_and_the_others_are_not(
    cache: CacheStandIn, other: CacheStandIn, way: Callable[[Client], bool], of: str
) -> None:
    here = put(cache, "here")
    put(other, "here")
    cache.answers[of if of.startswith("/") else target(here)] = [way]
    started = time.monotonic()
    bulk_client = BulkClient(deadline_s=1.0, answer_s=30.0, attempts=100, sleep=asyncio.sleep)
    slow, good = bulk_client.query_all([cache.url, other.url], [here])
    assert time.monotonic() - started < 5.0
    assert isinstance(slow.error, ServiceUnavailable)
    assert cache.url in slow.error.message
    assert "deadline" in slow.error.message
    assert (good.error, set(good.found)) == (None, {here})


def test_a_folder_and_a_quick_cache_do_not_feel_the_deadline(cache: CacheStandIn, tmp_path: Path) -> None:
    paths = [put(cache, f"p{number}") for number in range(200)]
    result = BulkClient(deadline_s=30.0).query(cache.url, [*paths, path("absent")])
    assert (result.error, len(result.found)) == (None, 200)


def test_the_deadline_grows_with_the_paths_queried_and_walked_up_to_a_limit() -> None:
    policy = RetryPolicy()
    assert policy.limit_s(0, 0) == 60.0
    assert policy.limit_s(10_000, 0) == 260.0
    assert policy.limit_s(0, 1_000_000) == 660.0


@pytest.mark.parametrize("text", ["0", "-1", "nan", "inf", "soon", "", "86401"])
def test_an_invalid_deadline_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="--deadline"):
        parse_deadline(text)
