"""How caches are queried: connections, progress, netrc, and Cachix caches in bulk where the service answers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nanna_ci.cache.client import narinfo_query
from nanna_ci.cache.client.narinfo_query import make_missing_queries, make_query, parse_concurrency
from nanna_ci.cache.client.query_result import QueryProgress
from nanna_ci.cache.substituters import parse_substituter
from nanna_ci.foundation.errors import MalformedData, ServiceUnavailable, UsageError

CACHIX = parse_substituter("https://mine.cachix.org")
PLAIN = parse_substituter("https://cache.example.org")


@pytest.mark.parametrize(("text", "number"), [("1", 1), ("200", 200), ("4096", 4096)])
def test_connections_are_a_whole_number(text: str, number: int) -> None:
    assert parse_concurrency(text) == number


@pytest.mark.parametrize("text", ["0", "-1", "4097", "99999999999999999999", "1.5", "x", "", " 1", "²"])
def test_any_other_number_of_connections_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="--concurrency"):
        parse_concurrency(text)


def test_progress_is_reported_every_few_seconds() -> None:
    said: list[str] = []
    now = [100.0]
    query: Any = make_query([PLAIN], None, None, environ={}, say=said.append, clock=lambda: now[0])
    tell: Callable[[QueryProgress], None] = query.keywords["on_progress"]
    for second in range(12):
        now[0] = 100.0 + second
        tell(QueryProgress(second * 1000, 20_000))
    assert said == ["5,000 of 20,000 answers", "10,000 of 20,000 answers"]


@pytest.mark.parametrize(
    ("settings", "netrc"),
    [(None, None), ({}, None), ({"netrc-file": ""}, None), ({"netrc-file": "/etc/netrc"}, Path("/etc/netrc"))],
)
def test_the_netrc_file_is_that_of_nix(settings: dict[str, Any] | None, netrc: Path | None) -> None:
    query: Any = make_query([PLAIN], settings, 7, environ={"A": "b"}, say=print, clock=lambda: 0.0)
    assert query.keywords["netrc"] == netrc
    assert (query.keywords["concurrency"], query.keywords["environ"]) == (7, {"A": "b"})


def test_only_cachix_caches_are_sieved() -> None:
    assert set(make_missing_queries([CACHIX, PLAIN], {}, print)) == {CACHIX}


def test_if_the_service_does_not_answer_nothing_is_called_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    def unavailable(*_: object) -> frozenset[str]:
        raise ServiceUnavailable("cachix.org", "timed out", attempts=5)

    said: list[str] = []
    monkeypatch.setattr(narinfo_query, "query_missing", unavailable)
    assert make_missing_queries([CACHIX], {}, said.append)[CACHIX](["0" * 32]) == frozenset()
    assert "mine is not queried in bulk" in said[0]


def test_a_refused_answer_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    def strange(*_: object) -> frozenset[str]:
        raise MalformedData("cachix.org", "the answer names x, which was not requested")

    monkeypatch.setattr(narinfo_query, "query_missing", strange)
    with pytest.raises(MalformedData):
        make_missing_queries([CACHIX], {}, print)[CACHIX](["0" * 32])


@pytest.mark.parametrize(
    ("environ", "value"), [({}, None), ({"CACHIX_AUTH_TOKEN": ""}, None), ({"CACHIX_AUTH_TOKEN": "t"}, "t")]
)
def test_the_token_is_that_of_the_environment(
    environ: dict[str, str], value: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokens: list[Any] = []
    monkeypatch.setattr(
        narinfo_query, "query_missing", lambda _client, _cache, token, _: tokens.append(token) or frozenset()
    )
    make_missing_queries([CACHIX], environ, print)[CACHIX](["0" * 32])
    assert [token and token.value for token in tokens] == [value]
