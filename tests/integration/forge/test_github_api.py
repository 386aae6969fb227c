from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nanna_ci.forge.github_api import GithubApi, RateLimited, check_api_url
from nanna_ci.foundation.errors import MalformedData, NannaError, RequestRefused, ServiceUnavailable, UsageError
from nanna_ci.foundation.web import Token, WebClient
from nanna_ci.measure.metrics.github_runs import ACTIONS_HINTS, parse_runs, query_run, runs_url
from nanna_ci.measure.metrics.list_etags import ListEtags
from support.stand_in_github_api import OWNER_REPO, Handled, StandInGithub, answer, raw_json, stand_in_github

NOW = 1_800_000_000.0


class Reader:
    """The API client under test, and the waits that it made."""

    def __init__(self, server: StandInGithub, client: WebClient, token: str | None = None) -> None:
        self.waits: list[float] = []
        self.api = GithubApi(
            client, Token("GITHUB_TOKEN", token), now=lambda: NOW, sleep=self.waits.append, log=lambda _: None
        )
        self.server = server

    def runs(self, etag: str | None = None) -> list[str]:
        url = runs_url(self.server.api, OWNER_REPO, "ci.yml", 100)
        pages = self.api.pages(url, etag=etag, hints=ACTIONS_HINTS)
        return [head.origin.run for page in pages for head in parse_runs(page)]

    def jobs(self) -> int:
        (page,) = self.api.pages(runs_url(self.server.api, OWNER_REPO, "ci.yml", 100))
        (head,) = parse_runs(page)
        return len(query_run(self.api, self.server.api, OWNER_REPO, head).jobs)


@pytest.fixture
def server() -> Iterator[StandInGithub]:
    with stand_in_github() as server:
        yield server


@pytest.fixture
def client() -> Iterator[WebClient]:
    with WebClient(direct=True, sleep=lambda _: None, attempts=3, timeout_s=1.0, body_limit_bytes=100_000) as client:
        yield client


@pytest.fixture
def reader(server: StandInGithub, client: WebClient) -> Reader:
    server.add_run(1)
    return Reader(server, client)


def test_pages_are_followed_to_the_last_one(reader: Reader, server: StandInGithub):
    server.largest_page = 2
    for number in range(2, 6):
        server.add_run(number)
    assert reader.runs() == [f"github-{number}-1" for number in (5, 4, 3, 2, 1)]
    assert len(server.calls) == 3


def test_jobs_are_read_over_several_pages(reader: Reader, server: StandInGithub):
    server.runs[:] = []
    server.add_run(1, jobs=5)
    server.largest_page = 2
    assert reader.jobs() == 5


def test_a_list_with_the_etag_that_it_had_has_no_pages(reader: Reader, server: StandInGithub):
    (page,) = reader.api.pages(runs_url(server.api, OWNER_REPO, "ci.yml", 100))
    assert page.etag is not None
    assert reader.runs(page.etag) == []
    server.add_run(2)
    assert reader.runs(page.etag) == ["github-2-1", "github-1-1"]


@pytest.mark.parametrize("status", [500, 502, 503])
def test_a_server_error_is_tried_again(reader: Reader, server: StandInGithub, status: int):
    server.fail("/runs", answer(status, b"<html>Unicorn!</html>"))
    assert reader.runs() == ["github-1-1"]


def test_a_server_that_keeps_failing_is_named(reader: Reader, server: StandInGithub):
    for _ in range(3):
        server.fail("/runs", answer(502, b"<html>Unicorn!</html>"))
    with pytest.raises(ServiceUnavailable, match="HTTP 502"):
        reader.runs()


@pytest.mark.parametrize(
    ("status", "headers", "wait_s"),
    [
        (429, {"retry_after": "7"}, 7.0),
        (403, {"retry_after": "7"}, 7.0),
        (403, {"x_ratelimit_remaining": "0", "x_ratelimit_reset": f"{NOW + 30:.0f}"}, 30.0),
        (403, {"x_ratelimit_remaining": "0", "x_ratelimit_reset": f"{NOW - 30:.0f}"}, 1.0),
        (429, {"x_ratelimit_remaining": "0", "x_ratelimit_reset": "soon"}, 60.0),
        (429, {"retry_after": "soon"}, 60.0),
        (429, {}, 60.0),
        (403, {"x_ratelimit_remaining": "12"}, 60.0),
    ],
)
def test_a_rate_limit_is_waited_for_as_long_as_it_says(
    reader: Reader, server: StandInGithub, status: int, headers: dict[str, str], wait_s: float
):
    server.fail("/runs", answer(status, {"message": "You have exceeded a secondary rate limit"}, **headers))
    assert reader.runs() == ["github-1-1"]
    assert reader.waits == [wait_s]


@pytest.mark.parametrize(
    "headers",
    [
        {"x_ratelimit_remaining": "0", "x_ratelimit_reset": f"{NOW + 3600:.0f}"},
        {"x_ratelimit_remaining": "0", "x_ratelimit_reset": "9" * 40},
        {"retry_after": "3600"},
    ],
)
def test_a_rate_limit_of_an_hour_is_not_waited_for(reader: Reader, server: StandInGithub, headers: dict[str, str]):
    server.fail("/runs", answer(403, {"message": "API rate limit exceeded"}, **headers))
    with pytest.raises(RateLimited, match=r"used up until \d\d:\d\d UTC") as caught:
        reader.runs()
    assert "GITHUB_TOKEN raises the limit" in str(caught.value.hint)
    assert reader.waits == []


def test_a_rate_limit_that_never_ends_is_waited_for_three_times(reader: Reader, server: StandInGithub):
    for _ in range(5):
        server.fail("/runs", answer(429, {}, retry_after="9"))
    with pytest.raises(RateLimited):
        reader.runs()
    assert reader.waits == [9.0, 9.0, 9.0]


@pytest.mark.parametrize("status", [403, 404])
def test_a_refusal_is_no_rate_limit_and_says_what_github_says(reader: Reader, server: StandInGithub, status: int):
    server.fail("/runs", answer(status, {"message": "Resource not accessible"}))
    with pytest.raises(RequestRefused, match=f"HTTP {status}: Resource not accessible") as caught:
        reader.runs()
    assert "GITHUB_TOKEN" in str(caught.value.hint)


def slow(handler: Any) -> None:
    time.sleep(1.3)
    answer(200, {})(handler)


BAD: dict[str, Handled] = {
    "cut off": raw_json(b'{"total_count": 1, "workflow_runs": [{"id": 1'),
    "not an object": raw_json(b"[]"),
    "NaN": raw_json(b'{"total_count": NaN, "workflow_runs": []}'),
    "a login page": answer(200, b"<html>Sign in</html>"),
    "no list": raw_json(b'{"total_count": 0}'),
    "huge": raw_json(b'{"a": "' + b"x" * 200_000 + b'"}'),
    "no keys": raw_json(b'{"workflow_runs": [{"status": "completed"}]}'),
    "elsewhere": answer(200, {"workflow_runs": []}, link='<https://evil.example/2>; rel="next"'),
    "nowhere": answer(200, {"workflow_runs": []}, link='<http://[/2>; rel="next"'),
}


@pytest.mark.parametrize("fault", BAD)
def test_an_answer_that_is_no_page_is_refused(reader: Reader, server: StandInGithub, fault: str):
    server.fail("/runs", BAD[fault])
    with pytest.raises(MalformedData):
        reader.runs()


def test_a_page_that_leads_back_is_refused(reader: Reader, server: StandInGithub):
    url = runs_url(server.api, OWNER_REPO, "ci.yml", 100)
    server.fail("/runs", answer(200, {"workflow_runs": []}, link=f'<{url}>; rel="next"'))
    with pytest.raises(MalformedData, match="circle"):
        reader.runs()


def test_a_list_of_fewer_jobs_than_are_counted_is_refused(reader: Reader, server: StandInGithub):
    server.fail("/jobs", answer(200, {"total_count": 2, "jobs": server.runs[0].jobs}))
    with pytest.raises(MalformedData, match="1 jobs listed of 2"):
        reader.jobs()


def test_a_server_that_is_silent_is_given_up(reader: Reader, server: StandInGithub):
    for _ in range(3):
        server.fail("/runs", slow)
    with pytest.raises(ServiceUnavailable, match="silent for 1 s"):
        reader.runs()


def test_the_token_is_sent_as_a_bearer(server: StandInGithub, client: WebClient):
    Reader(server, client, "ghs_secret").runs()
    assert server.calls[0].headers["authorization"] == "Bearer ghs_secret"


@pytest.mark.parametrize(
    ("url", "here"),
    [
        ("https://api.github.com", False),
        ("https://github.example/api/v3", False),
        ("http://127.0.0.1:80", True),
        ("http://[::1]:80", True),
    ],
)
def test_the_api_is_https_or_on_this_machine(url: str, here: bool):
    assert check_api_url(url) is here


@pytest.mark.parametrize("url", ["http://api.github.com", "ftp://localhost", "api.github.com", "https://", "http://[x"])
def test_an_api_that_would_get_the_token_in_the_clear_is_refused(url: str):
    with pytest.raises(UsageError, match="GITHUB_API_URL"):
        check_api_url(url)


def test_an_etag_is_given_only_if_the_history_has_the_newest_run(tmp_path: Path):
    path = tmp_path / "lists.json"
    ListEtags(path).keep("list", 'W/"1"', "github-9-1")
    assert ListEtags(path).etag("list", {"github-9-1": None}) == 'W/"1"'
    assert ListEtags(path).etag("list", {}) is None
    assert ListEtags(path).etag("another list", {"github-9-1": None}) is None


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b'{"lists": {"list": {"etag": 1, "newest": ""}}}'])
def test_etags_that_cannot_be_read_count_as_none(tmp_path: Path, data: bytes):
    path = tmp_path / "lists.json"
    path.write_bytes(data)
    etags = ListEtags(path)
    assert etags.etag("list", {}) is None
    etags.keep("list", '"2"', "")
    assert ListEtags(path).etag("list", {}) == '"2"'


def test_etags_are_kept_where_they_can_be_or_not_at_all(tmp_path: Path):
    with pytest.raises(NannaError, match="cannot be written"):
        ListEtags(tmp_path / "none" / "lists.json").keep("list", '"2"', "")
