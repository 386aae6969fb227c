"""Where an image goes: registry, repository, tag or digest; refused before anything runs if it cannot be one."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import Final

from nanna_ci.foundation.errors import UsageError, shorten

_HOST: Final = re.compile(r"(localhost|[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)+|\[[0-9a-f:]+\])")
_PORT: Final = re.compile(r"[0-9]{1,5}")
_COMPONENT: Final = re.compile(r"[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*")
_TAG: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
_DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}")
_LONGEST_PATH: Final = 255
_EXAMPLE: Final = "such as ghcr.io/OWNER"


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository of images, or what several of them begin with. `plain_http` only on this machine."""

    registry: str
    path: str
    plain_http: bool = False

    def __str__(self) -> str:
        return f"{self.registry}/{self.path}"

    @property
    def is_local(self) -> bool:
        """Whether the registry is on this machine."""
        return is_loopback(re.sub(r":[0-9]+$", "", self.registry))

    def child(self, name: str) -> Repository:
        """The repository of one image below this one. Raises UsageError if the name cannot be in one."""
        path = f"{self.path}/{name}"
        if _COMPONENT.fullmatch(name) is None:
            raise UsageError(
                f"{shorten(name)} cannot name a repository", hint="lower-case letters, digits, single . _ -"
            )
        if len(path) > _LONGEST_PATH:
            raise UsageError(
                f"{shorten(path)} is longer than the {_LONGEST_PATH} characters that a repository may have"
            )
        return Repository(self.registry, path, self.plain_http)

    def tagged(self, tag: str) -> str:
        """`REGISTRY/PATH:TAG`."""
        if not is_tag(tag):
            raise UsageError(f"{shorten(tag)} is not a tag")
        return f"{self}:{tag}"

    def pinned(self, digest: str) -> str:
        """`REGISTRY/PATH@sha256:…`. Raises UsageError for a tag: what is signed and verified must not move."""
        if _DIGEST.fullmatch(digest) is None:
            raise UsageError(
                f"{shorten(digest)} is not a digest",
                hint="sign and verify by digest: a tag can name another image a moment later",
            )
        return f"{self}@{digest}"


def parse_repository(text: str) -> Repository:
    """Read `ghcr.io/OWNER` or a longer path; upper case is lowered, as registries want it.

    `http://127.0.0.1:5000/…` is a registry without TLS on this machine. Raises UsageError for anything else.
    """
    if "@" in text:  # not shown: it may be a password
        raise UsageError("a registry with an owner has no @ in it: neither a login nor a digest", hint=_EXAMPLE)
    rest, plain_http = text, False
    if text.lower().startswith("http://"):
        rest, plain_http = text[len("http://") :], True
    elif text.lower().startswith("https://"):
        rest = text[len("https://") :]
    if not rest.isascii():  # some letters beyond ASCII become ASCII when they are lowered
        raise UsageError(f"{shorten(text)} is not a registry with an owner", hint=_EXAMPLE)
    registry, _, path = rest.lower().rstrip("/").partition("/")
    host, has_port, port = registry.rpartition(":") if re.search(r":[^\]]*$", registry) else (registry, "", "")
    if _HOST.fullmatch(host) is None or (has_port and not _is_port(port)):
        raise UsageError(f"{shorten(text)} does not begin with a registry's host", hint=_EXAMPLE)
    if not path or any(_COMPONENT.fullmatch(part) is None for part in path.split("/")) or len(path) > _LONGEST_PATH:
        raise UsageError(f"{shorten(text)} has no owner that a registry would take", hint=_EXAMPLE)
    if plain_http and not is_loopback(host):
        raise UsageError(f"{shorten(text)}: images are pushed over TLS", hint="http:// is for this machine (127.0.0.1)")
    return Repository(registry, path, plain_http)


def is_tag(text: str) -> bool:
    """Whether a registry takes the text as a tag."""
    return _TAG.fullmatch(text) is not None


def choose_repository(to: str | None, owner: str | None) -> Repository | None:
    """Where images go: `to`, else the run's owner on GitHub's registry; None if nothing says so. Raises UsageError."""
    if to is not None:
        return parse_repository(to)
    return None if owner is None else parse_repository(f"ghcr.io/{owner}")


def _is_port(text: str) -> bool:
    return _PORT.fullmatch(text) is not None and 0 < int(text) < 65536


def is_loopback(host: str) -> bool:
    """Whether a host's name can only be this machine."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"
