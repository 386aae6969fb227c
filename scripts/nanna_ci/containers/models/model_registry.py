"""A registry of models over its HTTP API: what a tag names now, with sizes and small blobs verified."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from nanna_ci.containers.image.blob import Blob, digest_of
from nanna_ci.containers.models.model_lock import MANIFEST_TYPE, LockedModel, parse_manifest, part_of, repository_of
from nanna_ci.foundation.errors import ConfigError, MalformedData, RequestRefused, shorten
from nanna_ci.foundation.web import Token, WebClient

TOKEN_VARIABLE: Final = "MODEL_REGISTRY_TOKEN"  # noqa: S105 - a variable's name
SMALL_BYTES: Final = 1024 * 1024  # up to here a blob is downloaded and its digest computed
_DIGEST_HEADERS: Final = ("docker-content-digest", "ollama-content-digest")


@dataclass(frozen=True, slots=True)
class Resolved:
    """What a tag names now. `hashed` are the digests of the blobs that were downloaded; of others only the
    size was checked.

    Whoever fetches those checks the digest.
    """

    model: LockedModel
    hashed: frozenset[str]


class ModelRegistry:
    """Asks one registry, through `client`. A redirect of a blob to another host is followed without the token."""

    def __init__(self, client: WebClient, url: str, token: Token) -> None:
        self._client = client
        self._url = url
        self._token = token

    def resolve(self, name: str) -> Resolved:
        """What `name` (such as qwen3:0.6b) names now, every blob verified.

        Raises ConfigError (no such model), MalformedData (a digest or size is wrong, or the manifest cannot be
        locked), RequestRefused and ServiceUnavailable.
        """
        repository, tag = repository_of(name)
        url = f"{self._url}/v2/{repository}/manifests/{tag}"
        try:
            answer = self._client.request("GET", url, token=self._token, headers={"accept": MANIFEST_TYPE})
        except RequestRefused as error:
            if error.status != 404:
                raise
            raise ConfigError(
                f"model {name}", f"{self._url} has no such model or tag", hint="fix its [[model]] in pipeline.toml"
            ) from error
        answer.json_object()  # gives the better message for a login page
        manifest = parse_manifest(answer.body, url)
        digest = digest_of(answer.body)
        for header in _DIGEST_HEADERS:
            stated = answer.headers.get(header, digest).removeprefix("sha256:")
            if stated != digest.removeprefix("sha256:"):
                raise MalformedData(url, f"{header} is {shorten(stated)}, but the manifest's digest is {digest}")
        hashed = {blob.digest for blob in manifest.blobs if self._verify(repository, blob)}
        return Resolved(LockedModel(self._url, repository, tag, manifest, digest), frozenset(hashed))

    def _verify(self, repository: str, blob: Blob) -> bool:
        """Download a small blob and compare it (True); of a large one check the size (False)."""
        url = f"{self._url}/v2/{repository}/blobs/{blob.digest}"
        if blob.size_bytes <= SMALL_BYTES:
            self._compare(self._client.request("GET", url, token=self._token).body, blob, url)
            return True
        answer = self._client.request("HEAD", url, token=self._token, headers={"accept-encoding": "identity"})
        length = answer.headers.get("content-length", "")
        if not (length.isascii() and length.isdigit()):
            raise MalformedData(url, "the registry does not say how large it is")
        if int(length) != blob.size_bytes:
            raise MalformedData(url, f"{int(length):,} bytes there, {blob.size_bytes:,} in the manifest")
        return False

    @staticmethod
    def _compare(data: bytes, blob: Blob, url: str) -> None:
        if len(data) != blob.size_bytes:
            raise MalformedData(url, f"the {part_of(blob)} is {len(data):,} bytes, {blob.size_bytes:,} in the manifest")
        if (digest := digest_of(data)) != blob.digest:
            raise MalformedData(url, f"the {part_of(blob)}'s digest is {digest}")
