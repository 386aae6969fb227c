"""BulkClient a registry whether it takes a push, against a stand-in with a token service."""

from __future__ import annotations

import base64
from collections.abc import Iterator

import pytest

from nanna_ci.containers.doctor.container_findings import PushAnswer
from nanna_ci.containers.doctor.registry_api import Challenge, parse_challenge, query_push
from nanna_ci.containers.registry.reference import Repository
from nanna_ci.foundation.errors import MalformedData, ServiceUnavailable
from nanna_ci.foundation.web import WebClient
from support import stand_in_token_registry as stand_in
from support.stand_in_token_registry import TokenRegistry

RIGHT = base64.b64encode(b"robot:hunter2hunter2").decode()
WRONG = base64.b64encode(b"robot:a-wrong-password").decode()


@pytest.fixture
def registry() -> Iterator[TokenRegistry]:
    with stand_in.serving(users={"robot": "hunter2hunter2"}, may_push={"owner/app"}) as server:
        yield server


def try_push(registry: TokenRegistry, basic: str | None, *names: str) -> list[PushAnswer]:
    base = Repository(registry.address, "owner", plain_http=True)
    with WebClient(timeout_s=5, deadline_s=5, attempts=1, direct=True) as client:
        return list(query_push(client, [base.child(name) for name in names or ("app",)], basic).values())


def test_a_login_that_may_push_is_taken_and_nothing_stays_open(registry: TokenRegistry) -> None:
    assert try_push(registry, RIGHT) == [PushAnswer.TAKEN]
    assert not registry.open_uploads
    assert [method for method, _, _ in registry.requests] == ["GET", "GET", "POST", "DELETE"]


def test_the_password_goes_to_the_token_service_alone(registry: TokenRegistry) -> None:
    try_push(registry, RIGHT)
    assert [path.partition("?")[0] for _, path, given in registry.requests if given == f"Basic {RIGHT}"] == ["/token"]


def test_each_repository_is_tried_and_the_registry_queried_once(registry: TokenRegistry) -> None:
    assert try_push(registry, RIGHT, "app", "other") == [PushAnswer.TAKEN, PushAnswer.DENIED]
    assert [path for _, path, _ in registry.requests].count("/v2/") == 1


@pytest.mark.parametrize(("status", "expected"), [(401, PushAnswer.REFUSED), (403, PushAnswer.DENIED)])
def test_a_token_service_that_gives_no_token_is_reported_by_status(registry, status, expected) -> None:
    registry.bad_login = status
    assert try_push(registry, WRONG) == [expected]


@pytest.mark.parametrize(
    ("status", "expected"), [(401, PushAnswer.DENIED), (403, PushAnswer.DENIED), (404, PushAnswer.ABSENT)]
)
def test_a_token_is_not_yet_the_right_to_push(registry, status, expected) -> None:
    registry.denial = status
    assert try_push(registry, RIGHT, "other") == [expected]


def test_without_a_login_a_registry_that_wants_one_gets_no_further_request(registry: TokenRegistry) -> None:
    assert try_push(registry, None) == [PushAnswer.LOGIN_NEEDED]
    assert len(registry.requests) == 1


@pytest.mark.parametrize("realm", ["http://elsewhere.example.org/token", "file:///etc/passwd", "", "ftp://127.0.0.1/x"])
def test_the_password_is_not_sent_without_tls_to_another_machine(registry: TokenRegistry, realm: str) -> None:
    registry.realm = realm
    with pytest.raises(MalformedData, match="without TLS"):
        try_push(registry, RIGHT)
    assert not [given for _, _, given in registry.requests if given is not None]


def test_a_refusal_that_repeats_the_login_does_not_bring_it_out(registry: TokenRegistry) -> None:
    registry.overrides["/token"] = (418, f'{{"message":"I know {RIGHT}"}}'.encode())
    with pytest.raises(MalformedData, match="HTTP 418") as refused:
        try_push(registry, RIGHT)
    assert RIGHT not in refused.value.message


def test_a_token_that_would_break_a_header_is_refused(registry: TokenRegistry) -> None:
    registry.overrides["/token"] = (200, b'{"token":"a\\r\\nb"}')
    with pytest.raises(MalformedData, match="no token"):
        try_push(registry, RIGHT)


def test_something_that_is_not_a_registry_is_reported(registry: TokenRegistry) -> None:
    registry.overrides["/v2/"] = (401, b"")
    with pytest.raises(MalformedData, match="in an unknown way"):
        try_push(registry, RIGHT)


def test_a_registry_that_fails_is_not_a_refusal(registry: TokenRegistry) -> None:
    registry.overrides["/v2/owner/app/blobs/uploads/"] = (500, b"")
    with pytest.raises(ServiceUnavailable, match="HTTP 500"):
        try_push(registry, RIGHT)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ('Bearer realm="https://a/t?x=1",service="s"', Challenge("bearer", "https://a/t?x=1", "s")),
        ('bearer service="s" , realm="https://a/t"', Challenge("bearer", "https://a/t", "s")),
        ('Basic realm="Registry, the old one"', Challenge("basic", "Registry, the old one", None)),
        ('Basic realm="r", Bearer realm="https://a/t"', Challenge("bearer", "https://a/t", None)),
        ('Digest realm="d", Basic realm=r', Challenge("basic", "r", None)),
    ],
)
def test_a_challenge_is_read_with_all_that_it_offers(header: str, expected: Challenge) -> None:
    assert parse_challenge(header, "the test") == expected


@pytest.mark.parametrize("header", ["", "Negotiate", 'Digest realm="x"', "realm=Basic"])
def test_a_challenge_without_a_known_way_is_refused(header: str) -> None:
    with pytest.raises(MalformedData):
        parse_challenge(header, "the test")
