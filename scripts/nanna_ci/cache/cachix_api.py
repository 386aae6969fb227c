"""Cachix over HTTP: what a cache is, and which of many paths it lacks, queried in bulk."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from nanna_ci.foundation.errors import MalformedData, RequestRefused, UsageError, shorten
from nanna_ci.foundation.json_data import as_text, as_texts, describe

if TYPE_CHECKING:  # asyncio comes with it: not for those who only read names
    from nanna_ci.foundation.json_data import JsonObject
    from nanna_ci.foundation.web import Token, WebClient

CACHIX_API: Final = "https://cachix.org/api/v1"
CACHIX_TOKEN_VARIABLE: Final = "CACHIX_AUTH_TOKEN"  # noqa: S105 - a variable's name
HASHES_A_CALL: Final = 32_768
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}")
_THIS_MACHINE: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_PERMISSIONS: Final = ("Read", "Write", "Admin")


@dataclass(frozen=True, slots=True)
class CachixCache:
    """A cache of a Cachix service: `api` is the service's base URL without a slash at its end."""

    api: str
    name: str

    @property
    def url(self) -> str:
        """Where the service answers for this cache."""
        return f"{self.api}/cache/{self.name}"

    @property
    def takes_token(self) -> bool:
        """Whether the token of the environment is meant for it: Cachix itself, or a service on this machine.

        A pipeline.toml, which anyone can propose, must not choose who else gets it; other hosts are for netrc.
        """
        return self.api == CACHIX_API or urlsplit(self.api).hostname in _THIS_MACHINE


@dataclass(frozen=True, slots=True)
class CacheDescription:
    """What the service says of a cache.

    `uri` is what Nix takes from it by; `permission` is Read, Write or Admin; `preferred_compression` as written (XZ,
    ZSTD), None if the service does not say.
    """

    name: str
    uri: str
    is_public: bool
    public_signing_keys: tuple[str, ...]
    permission: str
    preferred_compression: str | None


def parse_cache_name(text: str) -> str:
    """The name of a Cachix cache, safe in a URL and as an argument of a program.

    Raises:
        UsageError: for anything but letters, digits, `_` and `-`, one of the first two in front.
    """
    if _NAME.fullmatch(text) is None:
        raise UsageError(f"{shorten(text)} is not a name of a Cachix cache: letters, digits, _ and -")
    return text


def query_cache(client: WebClient, cache: CachixCache, token: Token | None) -> CacheDescription:
    """Query what a cache is, and what the token's owner may do with it.

    Raises:
        RequestRefused: there is no such cache, or it is not for everyone and the token does not help.
        ServiceUnavailable, MalformedData: as every request.
    """
    try:
        answer = client.request("GET", cache.url, token=token).json_object()
    except RequestRefused as refusal:
        _explain(refusal, cache, token)
        raise
    return _parse_description(answer, cache)


def query_missing(client: WebClient, cache: CachixCache, token: Token | None, hashes: Sequence[str]) -> frozenset[str]:
    """Which of the hashes (32 characters each) the cache has no path for; 32,768 are queried in a call.

    Raises:
        MalformedData: the answer names a hash that was not requested, or is not a list of hashes.
        RequestRefused, ServiceUnavailable: as every request; what other calls answered is lost then.
    """
    url = f"{cache.url}/narinfo"
    missing: set[str] = set()
    try:
        for part in _parts(tuple(dict.fromkeys(hashes))):
            response = client.request(
                "POST",
                url,
                token=token,
                headers={"content-type": "application/json", "accept": "application/json"},
                content=json.dumps(part).encode(),
                repeatable=True,  # a query, although it is a POST
            )
            answered = as_texts(list(response.json_array()), url, "the answer")
            missing.update(_refuse_strangers(answered, frozenset(part), url))
    except RequestRefused as refusal:
        _explain(refusal, cache, token)
        raise
    return frozenset(missing)


def _parts(hashes: Sequence[str]) -> Iterator[Sequence[str]]:
    return (hashes[start : start + HASHES_A_CALL] for start in range(0, len(hashes), HASHES_A_CALL))


def _refuse_strangers(answered: Sequence[str], queried: frozenset[str], url: str) -> Sequence[str]:
    stranger = next((word for word in answered if word not in queried), None)
    if stranger is not None:
        raise MalformedData(url, f"the answer names {shorten(stranger)}, which was not requested")
    return answered


def _parse_description(answer: JsonObject, cache: CachixCache) -> CacheDescription:
    source = cache.url
    name = as_text(answer.get("name"), source, "name")
    if name != cache.name:
        raise MalformedData(source, f"the answer describes the cache {shorten(name)}")
    is_public, permission = answer.get("isPublic"), answer.get("permission")
    if not isinstance(is_public, bool):
        raise MalformedData(source, f"isPublic is {describe(is_public)}, not true or false")
    if permission not in _PERMISSIONS:
        raise MalformedData(source, f"permission is {describe(permission)}, not one of {', '.join(_PERMISSIONS)}")
    compression = answer.get("preferredCompressionMethod")
    return CacheDescription(
        name=name,
        uri=as_text(answer.get("uri"), source, "uri"),
        is_public=is_public,
        public_signing_keys=as_texts(answer.get("publicSigningKeys"), source, "publicSigningKeys"),
        permission=str(permission),
        preferred_compression=None
        if compression is None
        else as_text(compression, source, "preferredCompressionMethod"),
    )


def _explain(refusal: RequestRefused, cache: CachixCache, token: Token | None) -> None:
    """Add a hint to a refusal if the client has none."""
    if refusal.hint is None and refusal.status in {401, 403, 404}:
        if token is None or token.value is None:
            may = f"is it public? If not, set {CACHIX_TOKEN_VARIABLE}"
        else:
            may = f"may the token in {token.variable} see it?"
        refusal.hint = f"is there a cache {cache.name}, and {may}"
