"""The file of --stand-ins: what a rehearsal may reach instead of services, all of it on this machine.

    [environment]   added to each step; GITHUB_API_URL also is github.api_url
    [vars], [secrets]   the repository's
    [repositories]  OWNER/NAME = folder: what actions/checkout finds of other repositories

A URL that does not lead to loopback is refused: a rehearsal writes nothing outside.
"""

from __future__ import annotations

import ipaddress
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from nanna_ci.foundation.errors import MalformedData, NannaError, shorten
from nanna_ci.foundation.guarded_read import MEBIBYTE, read_file

_TABLES: Final = ("environment", "vars", "secrets", "repositories")
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_REPOSITORY: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*/[A-Za-z0-9._-]+")
_URL: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^\s'\"]+")
_REFERENCE: Final = re.compile(r"([A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+|[A-Za-z0-9-]+(?=:\d))(?::\d+)?/\S+")  # an image's


@dataclass(frozen=True, slots=True)
class StandIns:
    """What was given; nothing without a file."""

    environment: Mapping[str, str] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)
    repositories: Mapping[str, Path] = field(default_factory=dict)


def read_stand_ins(path: Path) -> StandIns:
    """The file at `path`.

    Raises:
        NannaError: it cannot be read.
        MalformedData: it is no such TOML, or names a URL that is not on this machine.
    """
    try:
        table = tomllib.loads(read_file(path, MEBIBYTE).decode())
    except OSError as error:
        raise NannaError(f"{path}: cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise MalformedData(str(path), f"not TOML: {error}") from None
    for name in table:
        if name not in _TABLES:
            raise MalformedData(str(path), f"[{name}] is not known", hint=f"it has {', '.join(_TABLES)}")
    environment, variables, secrets, repositories = (_texts(table.get(name, {}), name, path) for name in _TABLES)
    return StandIns(
        environment, variables, secrets, {name: path.parent / folder for name, folder in repositories.items()}
    )


def _texts(table: object, name: str, path: Path) -> dict[str, str]:
    if not isinstance(table, dict):
        raise MalformedData(str(path), f"{name} is not a table")
    form = _REPOSITORY if name == "repositories" else _NAME
    texts: dict[str, str] = {}
    for key, value in table.items():
        if not form.fullmatch(key) or not isinstance(value, str):
            raise MalformedData(str(path), f"[{name}] {shorten(key)} is not a name with a text")
        named = _REFERENCE.fullmatch(value)
        for url in (*_URL.findall(value), *([f"oci://{value}"] if named else [])):
            if not _is_loopback(url):
                raise MalformedData(
                    str(path),
                    f"[{name}] {key}: {shorten(url)} is not on this machine",
                    hint="a rehearsal writes nothing outside: name a stand-in at 127.0.0.1, or a file",
                )
        texts[key] = value
    return texts


def _is_loopback(url: str) -> bool:
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        return False
    if parts.scheme in {"file", "path"}:
        return not host
    if host is None:
        return False
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
