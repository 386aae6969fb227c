"""Uploads to Codecov, against a server on loopback that takes the requests of its CLI."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from nanna_ci.foundation.errors import MalformedData, NannaError, RequestRefused, ServiceUnavailable, ToolMissing
from nanna_ci.foundation.redact import Redactor, forget
from nanna_ci.foundation.web import WebClient
from nanna_ci.measure.coverage.codecov import INGEST_URL, CodecovTarget, find_target, flag_of, upload_report
from nanna_ci.report.github import GithubChange
from support.stand_in_codecov import StandInCodecov, stand_in_codecov

COMMIT = "0123456789abcdef0123456789abcdef01234567"
LCOV = b"SF:src/lib.rs\nDA:1,1\nend_of_record\n"
CHANGE = GithubChange("github-7-1", "push", "me/it", COMMIT, "main", job="coverage")
FORK = GithubChange("github-7-1", "pull_request", "me/it", COMMIT, "them:fix", "main", 12, is_fork=True)
OIDC = {"ACTIONS_ID_TOKEN_REQUEST_TOKEN": "request-token", "ACTIONS_ID_TOKEN_REQUEST_URL": "http://x/oidc?v=1"}


@pytest.fixture
def codecov() -> Iterator[StandInCodecov]:
    with stand_in_codecov() as server:
        yield server
    forget()


def target_at(codecov: StandInCodecov, change: GithubChange | None = CHANGE, **environ: str) -> CodecovTarget:
    given = {"CODECOV_ENTERPRISE_URL": codecov.url, **environ}
    return find_target(given, change, COMMIT, "main", "https://github.com/me/it/actions/runs/7")


def send(target: CodecovTarget, flags: tuple[str, ...] = ("rust-1.97.1",)) -> str:
    with WebClient(sleep=lambda _: None, direct=True) as web:
        return upload_report(web, target, LCOV, ["src/lib.rs"], flags)


def test_a_report_is_sent_in_the_four_requests_of_codecovs_cli(codecov: StandInCodecov) -> None:
    codecov.tokens = {"secret-token-1"}
    page = send(target_at(codecov, CODECOV_TOKEN="secret-token-1"))
    assert page == "https://app.codecov.io/github/me/it/commit/0"
    base = "/upload/github/me::::it/commits"
    assert [(one.method, one.path.partition("?")[0]) for one in codecov.requests] == [
        ("POST", base),
        ("POST", f"{base}/{COMMIT}/reports"),
        ("POST", f"{base}/{COMMIT}/reports/default/uploads"),
        ("PUT", "/storage/report"),
    ]
    assert codecov.report() == {"paths": ["src/lib.rs"], "lcov": LCOV.decode()}
    bodies = codecov.bodies()
    assert (bodies["commits"]["commitid"], bodies["commits"]["branch"]) == (COMMIT, "main")
    assert bodies["uploads"]["flags"] == ["rust-1.97.1"]
    assert bodies["uploads"]["ci_url"].endswith("/runs/7")


def test_the_token_goes_to_codecov_alone_and_neither_it_nor_the_storage_is_shown(codecov: StandInCodecov) -> None:
    codecov.tokens = {"secret-token-1"}
    target = target_at(codecov, CODECOV_TOKEN="secret-token-1")
    send(target)
    assert [one.authorization for one in codecov.requests] == ["token secret-token-1"] * 3 + [None]
    assert "secret-token-1" not in repr(target)
    assert "S1gnatureOfStorage" not in Redactor().redact_text(f"PUT {codecov.location}")


def test_githubs_oidc_gives_a_token_where_there_is_no_other(codecov: StandInCodecov) -> None:
    codecov.tokens = {"oidc-token-of-this-job"}
    oidc = OIDC | {"ACTIONS_ID_TOKEN_REQUEST_URL": f"{codecov.url}/oidc?v=1"}
    target = target_at(codecov, CHANGE, **oidc)
    assert target.identity == "GitHub's OIDC"
    send(target)
    first, *_ = codecov.requests
    assert first.path.startswith("/oidc?v=1&audience=http%3A%2F%2F127.0.0.1")
    assert first.authorization == "Bearer request-token"
    assert "oidc-token-of-this-job" not in Redactor().redact_text("oidc-token-of-this-job")


def test_a_forks_pull_request_needs_no_token_and_gets_none_by_oidc(codecov: StandInCodecov) -> None:
    codecov.tokens = {None}
    target = target_at(codecov, FORK, **OIDC)
    assert (target.token, target.oidc, target.branch) == (None, None, "them:fix")
    send(target)
    commit = codecov.bodies()["commits"]
    assert (commit["branch"], commit["pullid"]) == ("them:fix", "12")


def test_without_token_oidc_or_fork_nothing_is_sent(codecov: StandInCodecov) -> None:
    with pytest.raises(ToolMissing, match="neither CODECOV_TOKEN nor GitHub's OIDC"):
        target_at(codecov)
    assert codecov.requests == []


@pytest.mark.parametrize(
    ("environ", "commit", "says"),
    [
        ({}, COMMIT, "no repository is named"),
        ({"CODECOV_SLUG": "../x y"}, COMMIT, "no repository is named"),
        ({"CODECOV_SLUG": "me/it"}, None, "the commit is unknown, or the work tree has changes"),
    ],
)
def test_outside_of_github_repository_and_commit_must_be_known(
    environ: dict[str, str], commit: str | None, says: str
) -> None:
    with pytest.raises(ToolMissing, match=says):
        find_target({"CODECOV_TOKEN": "t", **environ}, None, commit, "main", None)


def test_without_a_codecov_of_ones_own_it_is_codecovs() -> None:
    assert find_target({"CODECOV_TOKEN": "t"}, CHANGE, None, None, None).url == INGEST_URL


def test_a_subgroups_name_is_written_as_codecov_has_it(codecov: StandInCodecov) -> None:
    codecov.tokens = {"t"}
    send(target_at(codecov, None, CODECOV_TOKEN="t", CODECOV_SLUG="group/sub/it"))
    assert codecov.requests[0].path == "/upload/github/group:::sub::::it/commits"


@pytest.mark.parametrize(
    ("part", "status", "error", "requests"),
    [
        ("commits", 401, RequestRefused, 1),
        ("/uploads", 500, ServiceUnavailable, 3),
        ("/reports", 503, ServiceUnavailable, 6),
        ("/storage", 403, RequestRefused, 4),
    ],
)
def test_a_service_that_refuses_or_fails_is_an_error_and_an_upload_is_not_made_twice(
    codecov: StandInCodecov, part: str, status: int, error: type[NannaError], requests: int
) -> None:
    codecov.tokens = {"t"}
    codecov.broken = {part: status}
    with pytest.raises(error):
        send(target_at(codecov, CODECOV_TOKEN="t"))
    assert len(codecov.requests) == requests


@pytest.mark.parametrize("location", ["ftp://127.0.0.1/x", "file:///etc/passwd"])
def test_a_storage_that_is_no_web_address_is_refused(codecov: StandInCodecov, location: str) -> None:
    codecov.tokens = {"t"}
    codecov.location = location
    with pytest.raises(MalformedData, match="raw_upload_location"):
        send(target_at(codecov, CODECOV_TOKEN="t"))


@pytest.mark.parametrize(
    ("rust", "flag"),
    [
        ("1.97.1", "rust-1.97.1"),
        ("1.98.0-nightly", "rust-1.98.0-nightly"),
        (None, None),
        ("1 2", None),
        ("9" * 50, None),
    ],
)
def test_the_flag_is_the_version_of_rust(rust: str | None, flag: str | None) -> None:
    assert flag_of(rust) == flag
