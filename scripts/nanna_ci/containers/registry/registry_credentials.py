"""The login for a registry: from an auth file or the environment into a file that only we can read, never into argv.

Docker and podman share one format: `{"auths": {"ghcr.io": {"auth": "user:password in base64"}}}`.
skopeo takes the file by --authfile, cosign by the folder that it lies in as config.json.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from nanna_ci.containers.registry.reference import Repository
from nanna_ci.foundation.errors import ConfigError, MalformedData, UsageError
from nanna_ci.foundation.guarded_read import read_file
from nanna_ci.foundation.json_data import as_object, load_json
from nanna_ci.foundation.redact import learn
from nanna_ci.foundation.scratch import scratch_folder

USERNAME_VARIABLE: Final = "REGISTRY_USERNAME"
PASSWORD_VARIABLE: Final = "REGISTRY_PASSWORD"  # noqa: S105 - a variable's name
FILE_VARIABLE: Final = "REGISTRY_AUTH_FILE"
HINT: Final = (
    f"set {USERNAME_VARIABLE} and {PASSWORD_VARIABLE}, or name a file that `skopeo login` wrote with --auth-file"
)
HUB_KEY: Final = "https://index.docker.io/v1/"
_HUB: Final = "index.docker.io"
_HUB_NAMES: Final = frozenset({"docker.io", "registry-1.docker.io", _HUB})
_LIMIT_BYTES: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Credentials:
    """An auth file's content, and the secrets in it, which are taken out of every output."""

    document: bytes = field(repr=False)
    secrets: tuple[str, ...] = field(repr=False)


def find_credentials(environ: Mapping[str, str], auth_file: Path | None, repository: Repository) -> Credentials | None:
    """The login for a repository: `auth_file`, else user and password in the environment, else REGISTRY_AUTH_FILE.

    None if none of them is given: then each program looks where it always does (`~/.docker/config.json`).
    Raises ConfigError for a file that cannot be read, UsageError for half a login.
    """
    user, password = environ.get(USERNAME_VARIABLE, ""), environ.get(PASSWORD_VARIABLE, "")
    if auth_file is None and (user or password):
        if not (user and password):
            missing = PASSWORD_VARIABLE if user else USERNAME_VARIABLE
            raise UsageError(f"{missing} is not set, and a login needs both", hint=HINT)
        if ":" in user:
            raise UsageError(f"{USERNAME_VARIABLE} has a colon, which no user name can have")
        auth = base64.b64encode(f"{user}:{password}".encode()).decode()
        return Credentials(_rendered({"auths": {repository.registry: {"auth": auth}}}), (password, auth))
    if auth_file is None and not environ.get(FILE_VARIABLE):
        return None
    path = auth_file or Path(environ[FILE_VARIABLE])
    try:
        data = read_file(path, _LIMIT_BYTES, or_pipe=True)
    except OSError as error:
        raise ConfigError(str(path), f"cannot be read: {error.strerror}", hint=HINT) from error
    try:
        return _from_file(data, str(path), repository)
    except MalformedData as error:  # never the text around the mistake
        raise ConfigError(str(path), "is not an auth file in JSON", hint=HINT) from error


def _from_file(data: bytes, source: str, repository: Repository) -> Credentials:
    """The login for the longest path under the registry's own name too: cosign takes any one of a host, else.

    As skopeo does, keys that are URLs count by their host, and Docker Hub by any of its names.
    """
    document = dict(as_object(load_json(data, source), source, "the file"))
    logins = dict(as_object(document.get("auths") or {}, source, "auths"))
    secrets: list[str] = []
    for name, entry in logins.items():
        secrets += _secrets_of(as_object(entry, source, name))
    learn(secrets)
    parts = str(repository).split("/")
    longest_first = ("/".join(parts[:count]) for count in range(len(parts), 0, -1))
    found = next((name for name in longest_first if name in logins), None)
    if found is None:
        found = next((name for name in logins if same_registry(name, repository.registry)), None)
    if found is not None:
        logins[repository.registry] = logins[found]
        if _host(repository.registry) == _HUB:
            logins[HUB_KEY] = logins[found]  # where cosign looks, as docker does
    return Credentials(_rendered({**document, "auths": logins}), tuple(secrets))


def same_registry(key: str, registry: str) -> bool:
    """Whether a key of an auth file is for a registry: `docker login` writes https://index.docker.io/v1/ for docker.io.

    A key with a path and no scheme is for that path alone.
    """
    bare = key.removeprefix("http://").removeprefix("https://")
    if bare == key and "/" in key:
        return False
    return _host(bare.partition("/")[0]) == _host(registry)


def _host(registry: str) -> str:
    return _HUB if registry in _HUB_NAMES else registry


def _secrets_of(entry: Mapping[str, Any]) -> Iterator[str]:
    for name in ("auth", "password", "identitytoken", "registrytoken"):
        value = entry.get(name)
        if isinstance(value, str) and value:
            yield value
    with contextlib.suppress(binascii.Error, UnicodeError):
        password = base64.b64decode(str(entry.get("auth") or ""), validate=True).decode().partition(":")[2]
        if password:
            yield password


def _rendered(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document).encode()


@contextlib.contextmanager
def stored(credentials: Credentials | None) -> Iterator[Path | None]:
    """The folder with config.json, which nobody else can read, for the length of the block; None without a login."""
    if credentials is None:
        yield None
        return
    with scratch_folder("nanna-ci-login-") as folder:
        descriptor = os.open(folder / "config.json", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(credentials.document)
        yield folder
