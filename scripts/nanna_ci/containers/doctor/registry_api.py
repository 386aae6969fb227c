"""A registry over HTTP: whether it would take a push, by opening one.

A token for pushing says little: ghcr.io gives one to anyone who logs in, and denies the upload. So an upload is opened,
nothing is sent, and it is cancelled.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode, urljoin, urlsplit, urlunsplit

from nanna_ci.containers.doctor.container_findings import PushAnswer
from nanna_ci.containers.registry.reference import Repository, is_loopback
from nanna_ci.foundation.errors import MalformedData, NannaError, RequestRefused, shorten
from nanna_ci.foundation.http_answer import Response
from nanna_ci.foundation.web import WebClient

_API_HOSTS: Final = {"docker.io": "registry-1.docker.io"}
_WORDS: Final = re.compile(r'([A-Za-z_]+)\s*=\s*(?:"([^"]*)"|([^\s,"]+))|([A-Za-z]+)')
_ANSWERS: Final = frozenset({200, 201, 202, 401, 403, 404})


@dataclass(frozen=True, slots=True)
class Challenge:
    """How a registry wants a login: `basic`, or with `bearer` a token from `realm` for `service`."""

    scheme: str
    realm: str
    service: str | None


def parse_challenge(header: str, source: str) -> Challenge:
    """Read WWW-Authenticate, which may offer several ways; tokens are preferred. Raises MalformedData."""
    offers: dict[str, dict[str, str]] = {}
    current: dict[str, str] = {}
    for name, quoted, plain, scheme in _WORDS.findall(header):
        if scheme:
            current = offers.setdefault(scheme.lower(), {})
        else:
            current.setdefault(name.lower(), quoted or plain)
    for scheme in ("bearer", "basic"):
        if scheme in offers:
            offer = offers[scheme]
            return Challenge(scheme, offer.get("realm", ""), offer.get("service"))
    raise MalformedData(source, f"asks for a login in an unknown way: {shorten(header)}")


def query_push(client: WebClient, repositories: Sequence[Repository], basic: str | None) -> dict[str, PushAnswer]:
    """What the registry of `repositories` says to a push to each. `basic` is user and password in base64, or None.

    Raises ServiceUnavailable, RequestRefused and MalformedData for a server that does not answer like a registry.
    """
    challenge = _query_challenge(client, repositories[0])
    return {str(repository): _query_one(client, repository, challenge, basic) for repository in repositories}


def _query_challenge(client: WebClient, repository: Repository) -> Challenge | None:
    """How the registry wants a login; None if it wants none."""
    url = f"{_base(repository)}/v2/"
    response = client.request("GET", url, accept=frozenset({200, 401}))
    return None if response.status == 200 else parse_challenge(response.headers.get("www-authenticate", ""), url)


def _query_one(client: WebClient, repository: Repository, challenge: Challenge | None, basic: str | None) -> PushAnswer:
    headers: dict[str, str] = {}
    if challenge is not None:
        if basic is None:
            return PushAnswer.LOGIN_NEEDED
        authorization = f"Basic {basic}"
        if challenge.scheme == "bearer":
            token = _query_token(client, repository, challenge, basic)
            if isinstance(token, PushAnswer):
                return token
            authorization = f"Bearer {token}"
        headers["authorization"] = authorization
    url = f"{_base(repository)}/v2/{repository.path}/blobs/uploads/"
    response = _request(client, "POST", url, headers, _ANSWERS)
    if response.status in {401, 403, 404}:
        return _refusal(response.status, challenge)
    _cancel(client, url, response, headers)
    return PushAnswer.TAKEN


def _refusal(status: int, challenge: Challenge | None) -> PushAnswer:
    if status == 404:
        return PushAnswer.ABSENT
    if status == 403:
        return PushAnswer.DENIED
    if challenge is None:
        return PushAnswer.LOGIN_NEEDED
    return PushAnswer.REFUSED if challenge.scheme == "basic" else PushAnswer.DENIED  # a token that is not for pushing


def _query_token(client: WebClient, repository: Repository, challenge: Challenge, basic: str) -> str | PushAnswer:
    """A token for pushing and pulling. The password goes where the registry says, and only over TLS."""
    parts = urlsplit(challenge.realm)
    here = repository.plain_http and parts.scheme == "http" and is_loopback(parts.hostname or "")
    if parts.scheme != "https" and not here:
        raise MalformedData(repository.registry, f"wants the login sent to {shorten(challenge.realm)}, without TLS")
    words = {} if challenge.service is None else {"service": challenge.service}
    query = urlencode({**words, "scope": f"repository:{repository.path}:push,pull"})
    url = urlunsplit((parts.scheme, parts.netloc, parts.path, f"{parts.query}&{query}".lstrip("&"), ""))
    response = _request(client, "GET", url, {"authorization": f"Basic {basic}"}, frozenset({200, 401, 403}))
    if response.status != 200:
        return PushAnswer.REFUSED if response.status == 401 else PushAnswer.DENIED
    answer = response.json_object()
    token = answer.get("token") or answer.get("access_token")
    if not isinstance(token, str) or re.fullmatch(r"[!-~]+", token) is None:
        raise MalformedData(response.url, "the answer has no token")
    return token


def _cancel(client: WebClient, url: str, opened: Response, headers: Mapping[str, str]) -> None:
    """Cancel the upload; one that cannot be cancelled expires."""
    place = urljoin(url, opened.headers.get("location", ""))
    if place != url and urlsplit(place)[:2] == urlsplit(url)[:2]:
        with contextlib.suppress(NannaError):
            client.request("DELETE", place, headers=headers)


def _request(client: WebClient, method: str, url: str, headers: Mapping[str, str], accept: frozenset[int]) -> Response:
    """A request with a login; what a refusal says may repeat that, so it is left out."""
    try:
        return client.request(method, url, headers=headers, accept=accept)
    except RequestRefused as error:
        shown = urlsplit(url)
        raise MalformedData(
            f"{shown.hostname}{shown.path}", f"HTTP {error.status}, which registries do not send"
        ) from None


def _base(repository: Repository) -> str:
    scheme = "http" if repository.plain_http else "https"
    return f"{scheme}://{_API_HOSTS.get(repository.registry, repository.registry)}"
