"""Cachix's API against a stand-in of the service: requests, and answers that are refused."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from nanna_ci.cache.cachix_api import (
    CACHIX_TOKEN_VARIABLE,
    HASHES_A_CALL,
    CacheDescription,
    CachixCache,
    parse_cache_name,
    query_cache,
    query_missing,
)
from nanna_ci.foundation.errors import MalformedData, RequestRefused, ServiceUnavailable, UsageError
from nanna_ci.foundation.web import Token, WebClient
from support.stand_in_cachix import StandInCache, StandInCachix, describe, reply, reply_text, stand_in_cachix

TOKEN = Token(CACHIX_TOKEN_VARIABLE, "hunter2hunter2")


@pytest.fixture
def service() -> Iterator[StandInCachix]:
    with stand_in_cachix() as server:
        yield server


@pytest.fixture
def client() -> Iterator[WebClient]:
    with WebClient(sleep=lambda _: None, uniform=lambda _low, high: high, attempts=3) as web:
        yield web


def at(service: StandInCachix, name: str = "mine") -> CachixCache:
    return CachixCache(service.api, name)


def hashes(count: int) -> list[str]:
    return [f"{number:032d}" for number in range(count)]


def test_a_cache_is_described(service: StandInCachix, client: WebClient) -> None:
    service.add(StandInCache("mine", keys=["mine.cachix.org-1:abc"]))
    assert query_cache(client, at(service), None) == CacheDescription(
        name="mine",
        uri="https://mine.cachix.org",
        is_public=True,
        public_signing_keys=("mine.cachix.org-1:abc",),
        permission="Write",
        preferred_compression="ZSTD",
    )
    (request,) = service.requests
    assert (request.method, request.path, request.authorization) == ("GET", "/api/v1/cache/mine", None)


def test_the_token_opens_a_private_cache(service: StandInCachix, client: WebClient) -> None:
    service.add(StandInCache("mine", is_public=False, token=TOKEN.value))
    assert query_cache(client, at(service), TOKEN).is_public is False
    assert query_missing(client, at(service), TOKEN, hashes(1)) == frozenset(hashes(1))
    assert {request.authorization for request in service.requests} == {f"Bearer {TOKEN.value}"}


def test_without_a_token_the_variable_is_named(service: StandInCachix, client: WebClient) -> None:
    service.add(StandInCache("mine", is_public=False, token=TOKEN.value))
    for ask in (
        lambda: query_cache(client, at(service), None),
        lambda: query_missing(client, at(service), None, ["x"]),
    ):
        with pytest.raises(RequestRefused, match="HTTP 401: not for you") as caught:
            ask()
        assert caught.value.hint == f"is there a cache mine, and is it public? If not, set {CACHIX_TOKEN_VARIABLE}"
    assert len(service.requests) == 2


def test_a_wrong_token_names_the_variable_and_never_the_value(service: StandInCachix, client: WebClient) -> None:
    service.add(StandInCache("mine", is_public=False, token="another"))
    service.answers = [lambda handler: reply(handler, 401, {"error": f"{TOKEN.value} is not for you"})]
    with pytest.raises(RequestRefused) as caught:
        query_cache(client, at(service), TOKEN)
    message = f"{caught.value} {caught.value.hint}"
    assert CACHIX_TOKEN_VARIABLE in message
    assert str(TOKEN.value) not in message


def test_a_cache_that_is_not_there_is_not_requested_again(service: StandInCachix, client: WebClient) -> None:
    with pytest.raises(RequestRefused, match="HTTP 404: no cache named mine") as caught:
        query_cache(client, at(service), TOKEN)
    assert caught.value.hint == f"is there a cache mine, and may the token in {CACHIX_TOKEN_VARIABLE} see it?"
    assert len(service.requests) == 1


@pytest.mark.parametrize("status", [400, 401, 403, 404])
def test_a_refusal_is_final(status: int, service: StandInCachix, client: WebClient) -> None:
    service.answers = [lambda handler: reply(handler, status, {"error": "no"})] * 2
    with pytest.raises(RequestRefused) as caught:
        query_missing(client, at(service), TOKEN, hashes(1))
    assert caught.value.status == status
    assert len(service.requests) == 1


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_what_passes_is_queried_again_though_it_is_a_post(
    status: int, service: StandInCachix, client: WebClient
) -> None:
    service.add(StandInCache("mine"))
    service.answers = [lambda handler: reply(handler, status, {"error": "later"}, retry_after="0")]
    assert query_missing(client, at(service), None, hashes(2)) == frozenset(hashes(2))
    assert len(service.requests) == 2
    assert service.requests[0] == service.requests[1]


def test_a_service_that_keeps_failing_is_unavailable(service: StandInCachix, client: WebClient) -> None:
    service.answers = [lambda handler: reply(handler, 503, {})] * 3
    with pytest.raises(ServiceUnavailable, match="HTTP 503"):
        query_missing(client, at(service), None, hashes(1))


@pytest.mark.parametrize(
    ("count", "calls"), [(0, []), (1, [1]), (HASHES_A_CALL, [32_768]), (HASHES_A_CALL + 1, [32_768, 1])]
)
def test_hashes_are_queried_in_calls_of_the_size_that_the_service_takes(
    count: int, calls: list[int], service: StandInCachix, client: WebClient
) -> None:
    cache = service.add(StandInCache("mine"))
    wanted = hashes(count)
    cache.narinfos = dict.fromkeys(wanted[::3], b"")
    missing = query_missing(client, at(service), None, wanted)
    assert missing == frozenset(wanted) - frozenset(wanted[::3])
    bodies = [json.loads(request.body) for request in service.requests]
    assert [len(body) for body in bodies] == calls
    assert [one for body in bodies for one in body] == wanted
    assert {(request.method, request.path) for request in service.requests} <= {("POST", "/api/v1/cache/mine/narinfo")}


def test_a_hash_that_comes_twice_is_queried_once(service: StandInCachix, client: WebClient) -> None:
    service.add(StandInCache("mine"))
    assert query_missing(client, at(service), None, ["a" * 32, "b" * 32, "a" * 32]) == {"a" * 32, "b" * 32}
    assert json.loads(service.requests[0].body) == ["a" * 32, "b" * 32]


def test_an_answer_that_names_what_was_not_requested_is_refused(service: StandInCachix, client: WebClient) -> None:
    service.answers = [lambda handler: reply(handler, 200, ["0" * 32, "f" * 32])]
    with pytest.raises(MalformedData, match=r"/cache/mine/narinfo: the answer names 'f{32}', which was not requested"):
        query_missing(client, at(service), None, ["0" * 32])


def test_a_hash_of_another_call_was_not_requested_in_this_one(service: StandInCachix, client: WebClient) -> None:
    wanted = hashes(HASHES_A_CALL + 1)
    service.answers = [lambda handler: reply(handler, 200, []), lambda handler: reply(handler, 200, wanted[:1])]
    with pytest.raises(MalformedData, match="was not requested"):
        query_missing(client, at(service), None, wanted)


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"<!DOCTYPE html><h1>Log in</h1>", "text/html"),
        (b"<!DOCTYPE html><h1>Log in</h1>", "application/json"),
        (b'{"missing": []}', "application/json"),
        (b"null", "application/json"),
        (b"[NaN]", "application/json"),
        (b"[1]", "application/json"),
        (b'["00000000000000000000000000000000"', "application/json"),
        (b"[" * 100_000, "application/json"),
        (b"", "application/json"),
        (b"\xff", "application/json"),
    ],
)
def test_an_answer_of_another_kind_is_refused_and_is_not_an_empty_list(
    body: bytes, content_type: str, service: StandInCachix, client: WebClient
) -> None:
    service.answers = [lambda handler: reply_text(handler, 200, body, content_type=content_type)]
    with pytest.raises(MalformedData):
        query_missing(client, at(service), None, ["0" * 32])


@pytest.mark.parametrize(
    ("key", "value", "problem"),
    [
        ("name", None, "name is 'null', not a string"),
        ("name", "other", "describes the cache 'other'"),
        ("uri", 1, "uri is '1'"),
        ("isPublic", "yes", "isPublic is 'yes', not true or false"),
        ("publicSigningKeys", None, "publicSigningKeys is 'null', not an array"),
        ("publicSigningKeys", [1], r"publicSigningKeys\[0\] is '1'"),
        ("permission", "Owner", "permission is 'Owner', not one of Read, Write, Admin"),
        ("permission", None, "permission is 'null'"),
        ("preferredCompressionMethod", [], "preferredCompressionMethod is an array"),
    ],
)
def test_a_description_with_something_else_in_it_is_refused(
    key: str, value: Any, problem: str, service: StandInCachix, client: WebClient
) -> None:
    answer = describe(StandInCache("mine")) | {key: value}
    service.answers = [lambda handler: reply(handler, 200, answer)]
    with pytest.raises(MalformedData, match=problem):
        query_cache(client, at(service), None)


def test_a_description_without_a_compression_is_accepted(service: StandInCachix, client: WebClient) -> None:
    answer = {
        key: value for key, value in describe(StandInCache("mine")).items() if key != "preferredCompressionMethod"
    }
    service.answers = [lambda handler: reply(handler, 200, answer)]
    assert query_cache(client, at(service), None).preferred_compression is None


@pytest.mark.parametrize("name", ["mine", "My_cache-1", "0", "a" * 63])
def test_a_name_is_a_name(name: str) -> None:
    assert parse_cache_name(name) == name


@pytest.mark.parametrize(
    "name", ["", "../x", "-x", "_x", "a/b", "a b", "a\x00", "a\n", "é", "a" * 64, "a.b", "x?y", "%2e"]
)
def test_a_name_that_would_be_a_path_an_option_or_worse_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="not a name of a Cachix cache"):
        parse_cache_name(name)


@pytest.mark.parametrize(
    ("api", "takes_token"),
    [
        ("https://cachix.org/api/v1", True),
        ("http://127.0.0.1:8080/api/v1", True),
        ("http://localhost/api/v1", True),
        ("http://cachix.org/api/v1", False),
        ("https://cachix.org.example.org/api/v1", False),
        ("https://evil.example.org/cachix.org/api/v1", False),
        ("https://user@127.0.0.1.example.org/api/v1", False),
    ],
)
def test_only_cachix_itself_and_this_machine_get_the_token_of_the_environment(api: str, takes_token: bool) -> None:
    assert CachixCache(api, "mine").takes_token is takes_token
