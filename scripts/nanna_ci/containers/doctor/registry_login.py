"""Which login a push would find: what publish-images is given, else what `docker login` or `podman login` left."""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from nanna_ci.containers.registry.reference import Repository
from nanna_ci.containers.registry.registry_credentials import (
    FILE_VARIABLE,
    HINT,
    USERNAME_VARIABLE,
    Credentials,
    find_credentials,
)
from nanna_ci.foundation.errors import ConfigError, MalformedData
from nanna_ci.foundation.json_data import JsonObject, as_object, load_json


@dataclass(frozen=True, slots=True)
class Login:
    """A login: `source` is the variable or the file that it is in.

    `basic` is user and password in base64; None if a helper has them, or a token that only a push can use.
    """

    source: str
    basic: str | None = field(repr=False)
    secrets: tuple[str, ...] = field(repr=False)


def find_login(environ: Mapping[str, str], repository: Repository) -> Login | None:
    """The login for a repository, or None.

    A login counts that skopeo reads, which pushes: an entry of `auths` with `auth`, or a helper of `credHelpers`. It
    never asks the `credsStore` of docker.

    Raises UsageError for half a login, ConfigError for a file that is invalid, or has no login for the registry though
    the environment names the file, or leaves it to `credsStore`.
    """
    given = find_credentials(environ, None, repository)
    if given is not None:
        source = USERNAME_VARIABLE if environ.get(USERNAME_VARIABLE) else environ[FILE_VARIABLE]
        login = _login(given, source, repository)
        if login is None:
            lacking = _store_problem(given, source) or f"has no login for {repository.registry}"
            raise ConfigError(f"{FILE_VARIABLE}={source}", lacking, hint=HINT)
        return login
    stored: ConfigError | None = None
    for path in _left(environ):
        if os.access(path, os.F_OK):
            found = find_credentials(environ, path, repository)
            login = None if found is None else _login(found, str(path), repository)
            if login is not None:
                return login
            problem = None if found is None else _store_problem(found, str(path))
            if problem is not None and stored is None:
                stored = ConfigError(str(path), problem, hint=HINT)
    if stored is not None:
        raise stored
    return None


def _store_problem(credentials: Credentials, source: str) -> str | None:
    """Why a login that docker would find does not count: it is in a helper that only docker queries."""
    store = as_object(load_json(credentials.document, source), source, "the file").get("credsStore")
    if not isinstance(store, str) or not store:
        return None
    return "leaves logins to credsStore, which skopeo does not use: it reads auths and credHelpers"


def _left(environ: Mapping[str, str]) -> Iterator[Path]:
    """Files that skopeo and cosign both look into by themselves."""
    if environ.get("XDG_RUNTIME_DIR"):
        yield Path(environ["XDG_RUNTIME_DIR"]) / "containers" / "auth.json"
    if environ.get("DOCKER_CONFIG"):
        yield Path(environ["DOCKER_CONFIG"]) / "config.json"
    elif environ.get("HOME"):
        yield Path(environ["HOME"]) / ".docker" / "config.json"


def _login(credentials: Credentials, source: str, repository: Repository) -> Login | None:
    """The registry's entry; `find_credentials` has put the one of the longest path there."""
    document = as_object(load_json(credentials.document, source), source, "the file")
    if repository.registry in _part(document, "credHelpers"):  # takes precedence
        return Login(source, None, credentials.secrets)
    entry = _part(document, "auths").get(repository.registry)
    auth = None if entry is None else as_object(entry, source, repository.registry).get("auth")
    if not isinstance(auth, str) or not auth:
        return None
    try:
        user, _, password = base64.b64decode(auth, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeError):
        user, password = "", ""
    has_token = bool(as_object(entry, source, repository.registry).get("identitytoken"))
    if not has_token and not (user and password):
        raise ConfigError(source, f"the login for {repository.registry} is not a user with a password")
    return Login(source, None if has_token else auth, credentials.secrets)


def _part(document: JsonObject, name: str) -> JsonObject:
    try:
        return as_object(document.get(name), "", name)
    except MalformedData:
        return {}
