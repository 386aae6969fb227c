"""Questions of the bulk client to stand-ins, without real waits."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from nanna_ci.cache.client.bulk import query
from nanna_ci.cache.client.query_result import QueryResult
from nanna_ci.cache.client.retry_policy import RetryPolicy
from nanna_ci.cache.substituters import parse_substituter
from nanna_ci.store.store_path import StorePath
from support.fake_store_paths import narinfo, path, render_narinfo
from support.stand_in_cache import CacheStandIn


class BulkClient:
    """Asks, and notes what was waited for and said. Backoff is the longest there is, and takes no time."""

    def __init__(self, **policy: Any) -> None:
        self.slept: list[float] = []
        self.log: list[str] = []
        self.environ: dict[str, str] = {}
        self._policy = {"answer_s": 20.0, "uniform": lambda low, high: high, "sleep": self._sleep, **policy}

    async def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        await asyncio.sleep(0)

    def query_all(self, urls: Sequence[str], paths: Sequence[StorePath], **options: Any) -> tuple[QueryResult, ...]:
        return query(
            [parse_substituter(url) for url in urls],
            paths,
            environ=self.environ,
            log=self.log.append,
            policy=RetryPolicy(**self._policy),
            **options,
        )

    def query(self, url: str, paths: Sequence[StorePath], **options: Any) -> QueryResult:
        (result,) = self.query_all([url], paths, **options)
        return result


def put(cache: CacheStandIn, name: str, *references: str, size: int = 120) -> StorePath:
    """Have the cache hold a path of that name."""
    found = path(name)
    info = narinfo(found, *map(path, references), size=size)
    cache.files[target(found)] = render_narinfo(info)
    return found


def target(of: StorePath) -> str:
    """What a request for its narinfo names."""
    return f"/{of.hash}.narinfo"
