"""The bulk client against a cache that fails: what is tried again, what is refused, what is never called missing."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from nanna_ci.cache.client import retry_policy
from nanna_ci.foundation.errors import MalformedData, RequestRefused, ServiceUnavailable
from nanna_ci.store.store_path import StorePath
from support.bulk_queries import BulkClient, put, target
from support.fake_store_paths import narinfo, path, render_narinfo
from support.stand_in_cache import (
    Answer,
    CacheStandIn,
    Client,
    drips,
    hangs_up,
    is_silent,
    raw,
    resets,
    says,
    serving,
)


@pytest.fixture
def cache() -> Iterator[CacheStandIn]:
    with serving() as cache:
        yield cache


@pytest.fixture
def here(cache: CacheStandIn) -> StorePath:
    return put(cache, "here")


def free_port() -> int:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        return int(unused.getsockname()[1])


def test_nobody_listening_is_an_error_that_names_the_host_after_a_few_attempts() -> None:
    bulk_client = BulkClient()
    result = bulk_client.query(f"http://127.0.0.1:{free_port()}", [path(f"p{number}") for number in range(1000)])
    assert isinstance(result.error, ServiceUnavailable)
    assert (result.error.host, result.error.attempts, result.error.exit_code) == ("127.0.0.1", 5, 3)
    assert "cannot connect" in result.error.message
    assert bulk_client.slept == [0.5, 1.0, 2.0, 4.0]
    assert (dict(result.found), result.missing, dict(result.failed)) == ({}, frozenset(), {})


def test_a_name_that_does_not_resolve_is_an_error_that_names_the_host() -> None:
    bulk_client = BulkClient()
    result = bulk_client.query("http://no-such-host.invalid", [path("a")])
    assert isinstance(result.error, ServiceUnavailable)
    assert result.error.host == "no-such-host.invalid"
    assert bulk_client.slept == [0.5, 1.0, 2.0, 4.0]
    assert all("no-such-host.invalid" in line for line in bulk_client.log)


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_status_that_may_pass_is_tried_again_and_the_attempts_are_logged(
    cache: CacheStandIn, here: StorePath, status: int
) -> None:
    cache.answers[target(here)] = [says(status), says(status), says(200, cache.files[target(here)])]
    bulk_client = BulkClient()
    result = bulk_client.query(cache.url, [here])
    assert set(result.found) == {here}
    assert (result.retries, bulk_client.slept) == (2, [0.5, 1.0])
    assert [f"127.0.0.1: HTTP {status}; attempt" in line for line in bulk_client.log] == [True, True]


@pytest.mark.parametrize("status", [429, 500])
@pytest.mark.parametrize(
    ("headers", "body", "slept"),
    [
        ({"retry_after": "7"}, b"", 7.0),
        ({"retry_after": "Wed, 21 Oct 2015 07:28:09 GMT"}, b"", 9.0),
        ({}, b'{"retry_after": 3}', 3.0),
        ({"retry_after": "99999999"}, b"", 120.0),
        ({"retry_after": "-5"}, b"", 0.5),
        ({"retry_after": "soon"}, b"", 0.5),
    ],
)
def test_what_the_server_asks_to_wait_is_waited_within_reason(
    cache: CacheStandIn, here: StorePath, status: int, headers: dict[str, str], body: bytes, slept: float
) -> None:
    cache.answers[target(here)] = [says(status, body, **headers), says(200, cache.files[target(here)])]
    bulk_client = BulkClient(now=lambda: 1_445_412_480.0)  # 07:28:00 of that day
    assert set(bulk_client.query(cache.url, [here]).found) == {here}
    assert bulk_client.slept == [slept]


def test_while_the_server_has_too_many_requests_nothing_else_is_sent(cache: CacheStandIn) -> None:
    """With one connection, the request after the refused one is the same again, and no other."""
    paths = [put(cache, f"p{number}") for number in range(10)]
    for one in paths[:1]:
        cache.answers[target(one)] = [says(429, retry_after="5"), says(200, cache.files[target(one)])]
    bulk_client = BulkClient()
    result = bulk_client.query(cache.url, paths, concurrency=1)
    assert set(result.found) == set(paths)
    assert cache.targets() == [target(paths[0]), *map(target, paths)]
    assert bulk_client.slept == [5.0]


def test_a_path_that_keeps_failing_is_unknown_and_not_missing(cache: CacheStandIn, here: StorePath) -> None:
    cache.answers[target(path("bad"))] = [says(500)]
    result = BulkClient().query(cache.url, [here, path("bad")])
    assert (set(result.found), result.missing) == ({here}, frozenset())
    assert "HTTP 500" in result.failed[path("bad")]
    assert cache.targets().count(target(path("bad"))) == 5


def test_a_server_that_only_fails_is_given_up_soon(cache: CacheStandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry_policy, "_DOWN_AFTER", 3)
    cache.always = says(503)
    paths = [path(f"p{number}") for number in range(500)]
    result = BulkClient().query(cache.url, paths, concurrency=4)
    assert set(result.failed) == set(paths)
    assert all("HTTP 503" in problem for problem in result.failed.values())
    assert result.error is None
    assert len(cache.requests) < 100


def test_scattered_failures_are_not_a_reason_to_give_up(cache: CacheStandIn) -> None:
    paths = [put(cache, f"p{number}") for number in range(40)]
    for one in paths[::2]:
        cache.answers[target(one)] = [says(500)]
    result = BulkClient(attempts=1).query(cache.url, paths, concurrency=1)
    assert (set(result.found), set(result.failed)) == (set(paths[1::2]), set(paths[::2]))


def test_the_log_stays_short_however_much_fails(cache: CacheStandIn) -> None:
    paths = [put(cache, f"p{number}") for number in range(60)]
    for one in paths:
        cache.answers[target(one)] = [says(500), says(200, cache.files[target(one)])]
    bulk_client = BulkClient()
    result = bulk_client.query(cache.url, paths)
    assert (len(result.found), result.retries) == (60, 60)
    assert len(bulk_client.log) == 10


@pytest.mark.parametrize("status", [400, 405, 418, 501])
def test_another_status_is_not_tried_again_and_makes_the_path_unknown(
    cache: CacheStandIn, here: StorePath, status: int
) -> None:
    cache.answers[target(path("odd"))] = [says(status)]
    result = BulkClient().query(cache.url, [here, path("odd")])
    assert set(result.found) == {here}
    assert f"HTTP {status}" in result.failed[path("odd")]
    assert cache.targets().count(target(path("odd"))) == 1


@pytest.mark.parametrize("status", [401, 403])
def test_a_cache_that_lets_nobody_in_is_an_error_with_a_hint(cache: CacheStandIn, here: StorePath, status: int) -> None:
    cache.answers["/nix-cache-info"] = [says(status)]
    bulk_client = BulkClient()
    result = bulk_client.query(cache.url, [here])
    assert isinstance(result.error, RequestRefused)
    assert result.error.status == status
    assert result.error.hint is not None
    assert "netrc" in result.error.hint
    assert (dict(result.found), result.missing, bulk_client.slept) == ({}, frozenset(), [])


def test_a_cachix_cache_that_lets_nobody_in_names_the_variable_and_not_the_token(cache: CacheStandIn) -> None:
    cache.always = says(401, b"hunter2hunter2 is wrong")
    bulk_client = BulkClient()
    bulk_client.environ["CACHIX_AUTH_TOKEN"] = "hunter2hunter2"
    result = bulk_client.query(f"{cache.url}/api/v1/cache/mine", [path("a")])
    assert result.error is not None
    assert "CACHIX_AUTH_TOKEN" in str(result.error.hint)
    assert "hunter2" not in f"{result!r}{bulk_client.log}{result.error.message}"


def test_401_for_a_path_discards_what_was_said_before(cache: CacheStandIn, here: StorePath) -> None:
    cache.answers[target(path("private"))] = [says(401)]
    result = BulkClient().query(cache.url, [here, path("private")], concurrency=1)
    assert isinstance(result.error, RequestRefused)
    assert (dict(result.found), result.missing) == ({}, frozenset())


def test_after_401_nothing_more_is_sent_there(cache: CacheStandIn) -> None:
    paths = [path(f"p{number}") for number in range(200)]
    with serving() as other:
        cache.always = says(401)
        refused, fine = BulkClient().query_all([cache.url, other.url], paths, concurrency=1)
    assert refused.error is not None
    assert fine.missing == set(paths)
    assert len(cache.targets()) <= 2  # one more was under way


def test_403_is_missing_beside_other_answers_as_for_nix_and_an_error_alone(
    cache: CacheStandIn, here: StorePath
) -> None:
    cache.always = says(403)
    beside = BulkClient().query(cache.url, [here, path("absent")])
    assert (set(beside.found), beside.missing, beside.error) == ({here}, {path("absent")}, None)
    alone = BulkClient().query(cache.url, [path("absent"), path("other")])
    assert isinstance(alone.error, RequestRefused)
    assert (alone.missing, dict(alone.failed)) == (frozenset(), {})


def whole(cache: CacheStandIn, of: StorePath) -> Answer:
    return says(200, cache.files[target(of)])


@pytest.mark.parametrize(
    "failure",
    [
        hangs_up,
        resets,
        raw(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\nStorePath: /nix", goes_on=False),
        raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n10\r\nStorePath", goes_on=False),
        raw(b"HTTP/1.1 200 OK\r\nContent-Le", goes_on=False),
        raw(b"SSH-2.0-OpenSSH_9.2\r\n", goes_on=False),
    ],
)
def test_an_answer_that_breaks_off_is_requested_again(cache: CacheStandIn, here: StorePath, failure: Answer) -> None:
    # On a connection that served before, an end without a word is not a failure: each request here has a new one.
    info = cache.files["/nix-cache-info"]
    cache.answers["/nix-cache-info"] = [raw(b"HTTP/1.0 200 OK\r\n\r\n" + info, goes_on=False)]
    cache.answers[target(here)] = [failure, whole(cache, here)]
    bulk_client = BulkClient()
    result = bulk_client.query(cache.url, [here])
    assert set(result.found) == {here}
    assert (result.retries, bulk_client.slept) == (1, [0.5])


def test_an_answer_that_is_always_cut_short_makes_the_path_unknown(cache: CacheStandIn, here: StorePath) -> None:
    cache.answers[target(here)] = [raw(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\nStore", goes_on=False)]
    result = BulkClient().query(cache.url, [here])
    assert (set(result.found), result.missing) == (set(), frozenset())
    assert "ended before the answer was whole" in result.failed[here]


@pytest.mark.parametrize("failure", [drips, is_silent])
def test_an_answer_that_takes_longer_than_the_limit_is_given_up(
    cache: CacheStandIn, here: StorePath, failure: Answer
) -> None:
    cache.answers[target(path("slow"))] = [failure]
    result = BulkClient(answer_s=0.2, attempts=2).query(cache.url, [here, path("slow")])
    assert set(result.found) == {here}
    assert "no whole answer within 0.2 s" in result.failed[path("slow")]


def test_a_server_that_hangs_once_is_queried_again(cache: CacheStandIn, here: StorePath) -> None:
    cache.answers[target(here)] = [is_silent, whole(cache, here)]
    result = BulkClient(answer_s=0.5).query(cache.url, [here])
    assert (set(result.found), result.retries) == ({here}, 1)


def test_a_connection_closed_between_requests_is_not_a_failure(cache: CacheStandIn) -> None:
    """The server says nothing of it, and closes after every answer: the next request has a connection of its own."""
    paths = [put(cache, f"p{number}") for number in range(30)]
    for one in paths:
        cache.answers[target(one)] = [raw(render_answer(cache, one), goes_on=False)]
    bulk_client = BulkClient()
    result = bulk_client.query(cache.url, paths, concurrency=2)
    assert set(result.found) == set(paths)
    assert (result.retries, bulk_client.slept, bulk_client.log) == (0, [], [])
    assert cache.peak <= 3  # the server notes an end a moment later


def render_answer(cache: CacheStandIn, of: StorePath, head: str = "HTTP/1.1 200 OK\r\n") -> bytes:
    body = cache.files[target(of)]
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


def test_servers_of_http_1_0_and_those_that_close_are_queried_on_new_connections(cache: CacheStandIn) -> None:
    old, polite, endless, chunked = (put(cache, name) for name in ("old", "polite", "endless", "chunked"))
    body = cache.files[target(chunked)]
    cache.answers = {
        target(old): [raw(render_answer(cache, old, "HTTP/1.0 200 OK\r\n"), goes_on=False)],
        target(polite): [raw(render_answer(cache, polite, "HTTP/1.1 200 OK\r\nConnection: close\r\n"), goes_on=False)],
        target(endless): [raw(b"HTTP/1.0 200 OK\r\n\r\n" + cache.files[target(endless)], goes_on=False)],
        target(chunked): [
            raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n" % (len(body), body))
        ],
    }
    result = BulkClient().query(cache.url, [old, polite, endless, chunked], concurrency=1)
    assert set(result.found) == {old, polite, endless, chunked}
    assert result.retries == 0
    assert cache.peak <= 2


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (says(200, b"<html>log in</html>\n", content_type="text/html; charset=utf-8"), "is HTML, not a narinfo"),
        (says(200, b"StorePath: nonsense\n"), "line 1: StorePath"),
        (says(200, b""), "StorePath is missing"),
        (says(200, b"x" * 100, content_encoding="gzip"), "not encoded as gzip, as it says"),
        (says(200, b"", content_length="4194305"), "over 4194304 bytes"),
        (raw(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70_000), "head is over 65536 bytes"),
        (says(200, render_narinfo(narinfo(path("another")))), "is of another path, /nix/store/"),
    ],
)
def test_a_narinfo_of_another_kind_is_refused_with_the_reason_and_not_missing(
    cache: CacheStandIn, here: StorePath, answer: Answer, problem: str
) -> None:
    bad = path("bad")
    cache.answers[target(bad)] = [answer]
    result = BulkClient().query(cache.url, [bad, here])
    assert (set(result.found), result.missing, dict(result.failed)) == ({here}, frozenset(), {})
    assert problem in result.corrupt[bad]
    assert f"{cache.url}/{bad.hash}.narinfo" in result.corrupt[bad]
    assert cache.targets().count(target(bad)) == 1


@pytest.mark.parametrize("line", ["NarSize: 0", "NarSize: 120\nNarSize: 120", "References: x\nReferences: y"])
def test_a_corrupt_duplicate_or_empty_field_is_named_with_its_line(cache: CacheStandIn, line: str) -> None:
    bad = put(cache, "bad")
    key = line.partition(":")[0]
    lines = cache.files[target(bad)].decode().splitlines()
    cache.files[target(bad)] = "".join(f"{line if one.startswith(f'{key}:') else one}\n" for one in lines).encode()
    result = BulkClient().query(cache.url, [bad])
    assert ": line " in result.corrupt[bad]
    assert key in result.corrupt[bad]


def test_redirects_on_the_same_server_are_followed(cache: CacheStandIn, here: StorePath) -> None:
    body = cache.files.pop(target(here))
    cache.answers[target(here)] = [says(301, location="/a/b?signed=yes")]
    cache.answers["/a/b?signed=yes"] = [says(302, location="c")]
    cache.answers["/a/c"] = [says(307, location=f"{cache.url}/d")]
    cache.files["/d"] = body
    assert set(BulkClient().query(cache.url, [here]).found) == {here}


def test_redirects_in_a_circle_end(cache: CacheStandIn, here: StorePath) -> None:
    cache.answers[target(here)] = [says(302, location=target(here))]
    result = BulkClient().query(cache.url, [here])
    assert "redirects more than 5 times" in result.failed[here]
    assert len(cache.targets()) == 6


def test_a_redirect_to_another_server_is_not_followed(cache: CacheStandIn, here: StorePath) -> None:
    with serving() as stranger:
        cache.answers[target(here)] = [says(302, location=f"{stranger.url}/x")]
        result = BulkClient().query(cache.url, [here])
        assert stranger.requests == []
    assert f"redirects to another server, {stranger.url}" in result.failed[here]
    assert (result.missing, result.retries) == (frozenset(), 0)


@pytest.mark.parametrize("location", ["file:///etc/passwd", "http://[::1", "http://a:x/", "//elsewhere.invalid/x"])
def test_a_redirect_to_anything_else_is_a_failure(cache: CacheStandIn, here: StorePath, location: str) -> None:
    cache.answers[target(here)] = [says(302, location=location)]
    assert "redirects" in BulkClient().query(cache.url, [here]).failed[here]


def test_a_cache_info_elsewhere_is_an_error_that_names_the_place(cache: CacheStandIn) -> None:
    cache.answers["/nix-cache-info"] = [says(301, location="https://cache.example.org/nix-cache-info")]
    error = BulkClient().query(cache.url, []).error
    assert isinstance(error, ServiceUnavailable)
    assert "https://cache.example.org" in error.message


def test_unsolicited_bytes_end_the_connection_and_harm_nothing(cache: CacheStandIn) -> None:
    paths = [put(cache, f"p{number}") for number in range(10)]
    stray = render_answer(cache, paths[3])
    cache.answers[target(paths[0])] = [raw(render_answer(cache, paths[0]) + stray)]
    result = BulkClient().query(cache.url, paths, concurrency=1)
    assert dict(result.found) == {one: narinfo(one) for one in paths}


def test_too_much_at_once_halves_the_connections(cache: CacheStandIn) -> None:
    """A server that serves two connections and turns away who comes over a third."""
    paths = [put(cache, f"p{number}") for number in range(200)]

    def overload(client: Client) -> bool:
        if cache.open_now > 2:
            return says(503)(client)
        request = next(one for one in reversed(cache.requests) if one.connection == client.number)
        return says(200, cache.files[request.target])(client)

    for one in paths:
        cache.answers[target(one)] = [overload]
    result = BulkClient(attempts=50).query(cache.url, paths)
    assert set(result.found) == set(paths)
    assert result.retries > 0


def test_an_error_of_the_cache_is_reported_with_its_line(cache: CacheStandIn) -> None:
    cache.files["/nix-cache-info"] = b"StoreDir: /nix/store\nPriority: high\n"
    error = BulkClient().query(cache.url, []).error
    assert isinstance(error, MalformedData)
    assert "line 2: Priority is 'high'" in error.message
