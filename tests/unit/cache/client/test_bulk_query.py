"""The bulk client when all goes well: what it finds, how it asks, and how it goes on in a walk."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from nanna_ci.cache.client import bulk, http_lookup
from nanna_ci.cache.client.query_result import QueryProgress, QueryResult
from nanna_ci.cache.substituters import parse_substituter
from nanna_ci.foundation.errors import MalformedData, NannaError, ServiceUnavailable, ToolMissing
from support.bulk_queries import BulkClient, put, target
from support.fake_store_paths import narinfo, path, put_into_folder, render_narinfo
from support.stand_in_cache import CACHE_INFO, CacheStandIn, Client, says, serving


@pytest.fixture
def cache() -> Iterator[CacheStandIn]:
    with serving() as cache:
        yield cache


@pytest.fixture
def other() -> Iterator[CacheStandIn]:
    with serving() as other:
        yield other


def test_what_is_there_is_found_and_the_rest_is_missing(cache: CacheStandIn) -> None:
    here, absent = put(cache, "here", "x", "y"), path("absent")
    result = BulkClient().query(cache.url, [here, absent])
    assert dict(result.found) == {here: narinfo(here, path("x"), path("y"))}
    assert result.missing == {absent}
    assert (dict(result.corrupt), dict(result.failed), result.error) == ({}, {}, None)


def test_each_path_is_requested_once_and_the_counts_say_so(cache: CacheStandIn) -> None:
    paths = [put(cache, f"p{number}") for number in range(50)]
    result = BulkClient().query(cache.url, [*paths, *paths])
    assert sorted(cache.targets()) == sorted(map(target, paths))
    assert [request.target for request in cache.requests].count("/nix-cache-info") == 1
    assert (result.requests, result.retries, len(result.found)) == (51, 0, 50)
    assert result.bytes_received > sum(map(len, cache.files.values()))
    assert 1 <= result.peak_connections == cache.peak
    assert result.seconds > 0


def test_connections_are_used_again_and_never_more_than_allowed(cache: CacheStandIn) -> None:
    paths = [put(cache, f"p{number}") for number in range(100)]
    result = BulkClient().query(cache.url, paths, concurrency=3)
    assert len(result.found) == 100
    assert (result.peak_connections, cache.peak, cache.connections) == (3, 3, 3)


def test_requests_are_under_way_at_the_same_time(cache: CacheStandIn) -> None:
    """No request is answered before four are there: one after the other would never end."""
    together = threading.Barrier(4, timeout=20)

    def waits_for_others(client: Client) -> bool:
        together.wait()
        return says(404)(client)

    cache.always = waits_for_others
    paths = [path(f"p{number}") for number in range(8)]
    assert BulkClient().query(cache.url, paths, concurrency=4).missing == set(paths)


def test_a_request_accepts_plain_bytes_and_leaks_no_secret(cache: CacheStandIn) -> None:
    bulk_client = BulkClient()
    bulk_client.environ["CACHIX_AUTH_TOKEN"] = "hunter2hunter2"
    bulk_client.query(cache.url, [path("a")])
    for request in cache.requests:
        assert request.headers["host"] == cache.url.removeprefix("http://")
        assert request.headers["accept-encoding"] == "identity"
        assert "authorization" not in request.headers


def test_a_cache_below_a_folder_of_the_server_is_queried_there(cache: CacheStandIn) -> None:
    here = path("here")
    cache.files = {"/a%20b/nix-cache-info": CACHE_INFO, f"/a%20b{target(here)}": render_narinfo(narinfo(here))}
    assert set(BulkClient().query(f"{cache.url}/a%20b/", [here]).found) == {here}


def test_several_substituters_are_all_queried_and_answer_in_the_order_given(
    cache: CacheStandIn, other: CacheStandIn, tmp_path: Path
) -> None:
    first, second = put(cache, "first"), put(other, "second")
    (tmp_path / "nix-cache-info").write_bytes(CACHE_INFO)
    third = path("third")
    put_into_folder(tmp_path, narinfo(third))
    urls = [other.url, cache.url, str(tmp_path)]
    results = BulkClient().query_all(urls, [first, second, third])
    assert [set(result.found) for result in results] == [{second}, {first}, {third}]
    assert [result.missing for result in results] == [{first, third}, {second, third}, {first, second}]
    assert [result.substituter.url for result in results] == [other.url, cache.url, f"file://{tmp_path}"]


def test_two_caches_of_one_server_share_its_connections(cache: CacheStandIn) -> None:
    here = path("here")
    for name in ("one", "two"):
        cache.files[f"/{name}/nix-cache-info"] = CACHE_INFO
    cache.files[f"/two{target(here)}"] = render_narinfo(narinfo(here))
    paths = [here, *(path(f"p{number}") for number in range(20))]
    one, two = BulkClient().query_all([f"{cache.url}/one", f"{cache.url}/two"], paths, concurrency=2)
    assert (set(one.found), set(two.found)) == (set(), {here})
    assert cache.peak == 2


def test_one_that_cannot_be_queried_leaves_the_others_alone(cache: CacheStandIn, tmp_path: Path) -> None:
    here = put(cache, "here")
    broken, fine = BulkClient().query_all([f"file://{tmp_path}/nothing", cache.url], [here])
    assert isinstance(broken.error, ToolMissing)
    assert (broken.found, broken.missing) == ({}, frozenset())
    assert set(fine.found) == {here}


def test_an_empty_query_still_shows_whether_the_cache_is_there(cache: CacheStandIn) -> None:
    assert BulkClient().query(cache.url, []).error is None
    assert BulkClient().query_all([], [path("a")]) == ()
    cache.answers["/nix-cache-info"] = [says(404)]
    assert BulkClient().query(cache.url, []).error is not None


@pytest.mark.parametrize(
    ("info", "parameter", "priority"),
    [(CACHE_INFO, "", 40), (CACHE_INFO, "?priority=7", 7), (b"StoreDir: /nix/store\n", "", 0)],
)
def test_the_priority_is_that_of_the_url_else_of_the_cache(
    cache: CacheStandIn, info: bytes, parameter: str, priority: int
) -> None:
    cache.files["/nix-cache-info"] = info
    assert BulkClient().query(cache.url + parameter, []).priority == priority


@pytest.mark.parametrize("info", [b"StoreDir: /gnu/store\n", b"<html>log in</html>", b""])
def test_what_is_not_a_cache_of_our_store_is_an_error(cache: CacheStandIn, info: bytes) -> None:
    here = put(cache, "here")
    cache.files["/nix-cache-info"] = info
    result = BulkClient().query(cache.url, [here])
    assert isinstance(result.error, MalformedData)
    assert f"{cache.url}/nix-cache-info" in result.error.message
    assert (dict(result.found), result.missing, cache.targets()) == ({}, frozenset(), [])


def test_a_walk_requests_all_that_the_roots_refer_to_once(cache: CacheStandIn) -> None:
    root = put(cache, "root", "left", "right", "root")
    left, right, below = put(cache, "left", "below"), put(cache, "right", "below", "root"), put(cache, "below", "gone")
    result = BulkClient().query(cache.url, [root], walk=True)
    assert set(result.found) == {root, left, right, below}
    assert result.missing == {path("gone")}
    assert len(cache.targets()) == len(set(cache.targets())) == 5


def test_without_a_walk_references_are_not_requested(cache: CacheStandIn) -> None:
    root = put(cache, "root", "left")
    put(cache, "left")
    assert set(BulkClient().query(cache.url, [root]).found) == {root}
    assert cache.targets() == [target(root)]


def test_in_a_walk_what_one_substituter_knows_leads_the_others(
    cache: CacheStandIn, other: CacheStandIn, tmp_path: Path
) -> None:
    """Each knows every third path of a chain."""
    (tmp_path / "nix-cache-info").write_bytes(CACHE_INFO)
    chain = [path(f"p{number}") for number in range(9)]
    for number, (here, beyond) in enumerate(zip(chain, [*chain[1:], None], strict=True)):
        data = render_narinfo(narinfo(here, *([] if beyond is None else [beyond])))
        if number % 3 == 2:
            put_into_folder(tmp_path, narinfo(here, *([] if beyond is None else [beyond])))
        else:
            (cache, other)[number % 3].files[target(here)] = data
    results = BulkClient().query_all([cache.url, other.url, str(tmp_path)], chain[:1], walk=True)
    assert [set(result.found) for result in results] == [set(chain[start::3]) for start in range(3)]
    assert all(len(result.found) + len(result.missing) == 9 for result in results)


def test_a_cache_whose_references_have_no_end_fails_alone(
    cache: CacheStandIn, other: CacheStandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "_MOST_WALKED", 20)
    numbers = iter(range(10_000))

    def leads_on(client: Client) -> bool:
        request = next(one for one in reversed(cache.requests) if one.connection == client.number)
        of = next((known for known in made if known.hash in request.target), None)
        if of is None:  # what the others lead to
            return says(404)(client)
        made.append(path(f"p{next(numbers)}"))
        return says(200, render_narinfo(narinfo(of, made[-1])))(client)

    made = [path("start")]
    cache.always = leads_on
    (tmp_path / "nix-cache-info").write_bytes(CACHE_INFO)
    for here, beyond in ((made[0], [path("beyond")]), (path("beyond"), [])):
        put_into_folder(tmp_path, narinfo(here, *beyond))
    put(other, "beyond")
    hostile, folder, good = BulkClient().query_all(
        [cache.url, str(tmp_path), other.url], made[:1], walk=True, concurrency=1
    )
    assert isinstance(hostile.error, MalformedData)
    assert cache.url in hostile.error.message
    assert "more than 20 paths" in hostile.error.message
    assert (folder.error, good.error) == (None, None)
    assert set(folder.found) == {made[0], path("beyond")}
    assert (set(good.found), good.missing) == ({path("beyond")}, {made[0]})
    assert not [*folder.missing, *folder.failed, *good.failed], "what only the hostile one led to is in no result"


MissingQuery = Callable[[Sequence[str]], frozenset[str]]


def query_with_missing_query(
    cache: CacheStandIn, names: Sequence[str], missing_query: MissingQuery, **options: bool
) -> QueryResult:
    substituter = parse_substituter(cache.url)
    return BulkClient().query(
        cache.url, [path(name) for name in names], missing_queries={substituter: missing_query}, **options
    )


def test_a_missing_query_comes_first_and_only_the_rest_is_queried_path_by_path(cache: CacheStandIn) -> None:
    here = put(cache, "here")
    batches: list[list[str]] = []

    def missing_query(hashes: Sequence[str]) -> frozenset[str]:
        batches.append(list(hashes))
        return frozenset({path("absent").hash})

    result = query_with_missing_query(cache, ["here", "absent", "surprise"], missing_query)
    assert set(result.found) == {here}
    assert result.missing == {path("absent"), path("surprise")}
    assert batches == [[path(name).hash for name in ("here", "absent", "surprise")]]
    assert path("absent").hash not in "".join(cache.targets())


def test_a_missing_query_is_sent_in_batches_of_what_one_call_takes(
    cache: CacheStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_lookup, "_MOST_HASHES", 3)
    sizes: list[int] = []

    def missing_query(hashes: Sequence[str]) -> frozenset[str]:
        sizes.append(len(hashes))
        return frozenset(hashes)

    result = query_with_missing_query(cache, [f"p{number}" for number in range(7)], missing_query)
    assert (sizes, len(result.missing), cache.targets()) == ([3, 3, 1], 7, [])
    query_with_missing_query(cache, [], missing_query)
    assert sizes == [3, 3, 1]


def test_in_a_walk_a_missing_query_gets_what_was_found_meanwhile(cache: CacheStandIn) -> None:
    put(cache, "root", "left", "right")
    put(cache, "left")
    result = query_with_missing_query(
        cache, ["root"], lambda hashes: frozenset({path("right").hash}) & set(hashes), walk=True
    )
    assert set(result.found) == {path("root"), path("left")}
    assert result.missing == {path("right")}


def test_a_missing_query_that_names_what_was_not_requested_is_refused(cache: CacheStandIn) -> None:
    put(cache, "here")
    result = query_with_missing_query(cache, ["here"], lambda _: frozenset({path("stranger").hash}))
    assert isinstance(result.error, MalformedData)
    assert path("stranger").hash in result.error.message
    assert (dict(result.found), result.missing) == ({}, frozenset())


def test_without_its_missing_query_a_cache_is_queried_path_by_path(cache: CacheStandIn) -> None:
    here = put(cache, "here")

    def missing_query(_: Sequence[str]) -> frozenset[str]:
        raise ServiceUnavailable("cachix.example.org", "HTTP 503", attempts=5)

    result = query_with_missing_query(cache, ["here", "absent"], missing_query)
    assert (set(result.found), result.missing, result.error) == ({here}, {path("absent")}, None)


def test_an_unexpected_error_of_a_missing_query_ends_the_query(cache: CacheStandIn) -> None:
    def missing_query(_: Sequence[str]) -> frozenset[str]:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        query_with_missing_query(cache, ["here"], missing_query)


def test_progress_is_reported_now_and_then(cache: CacheStandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk, "_PROGRESS_S", 0.01)
    reported: list[QueryProgress] = []
    enough = threading.Event()

    def waits(client: Client) -> bool:
        enough.wait(20)
        return says(404)(client)

    def on_progress(progress: QueryProgress) -> None:
        reported.append(progress)
        enough.set()

    cache.answers[target(path("slow"))] = [waits]
    BulkClient().query(cache.url, [path("slow"), put(cache, "quick")], on_progress=on_progress)
    assert reported
    assert all(0 <= progress.answered <= progress.queried == 2 for progress in reported)


class Stop(NannaError):
    """What a signal handler raises."""


@pytest.mark.parametrize("interruption", [Stop("now"), KeyboardInterrupt()])
def test_an_interruption_ends_it_at_once_and_closes_its_connections(
    cache: CacheStandIn, interruption: BaseException
) -> None:
    begun = time.monotonic()
    released = threading.Event()

    def interrupts(_: QueryProgress) -> None:
        raise interruption

    def waits(client: Client) -> bool:
        assert client.socket.recv(1) == b""  # the other side went away
        released.set()
        return False

    cache.always = waits
    with pytest.raises(type(interruption)):
        BulkClient().query(cache.url, [path("a")], on_progress=interrupts)
    assert released.wait(20)
    assert time.monotonic() - begun < 20
