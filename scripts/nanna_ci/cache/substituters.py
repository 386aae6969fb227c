"""Substituters: the caches to query, parsed and chosen from flags, Nix's settings and pipeline.toml."""

from __future__ import annotations

import enum
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import SplitResult, parse_qsl, quote, unquote, urlsplit

from nanna_ci.cache.cachix_api import CACHIX_API, CachixCache, parse_cache_name
from nanna_ci.foundation.errors import UsageError, shorten
from nanna_ci.store.trust import PublicKey, TrustedKeys, parse_public_key

DEFAULT_SUBSTITUTER: Final = "https://cache.nixos.org"
DEFAULT_KEY: Final = "cache.nixos.org-1:6NCHdD59X431o0gWypbMrAURkbJ16ZPMQFGspcDShjY="
_KINDS: Final = "supported caches: http://, https:// and file://"
_CACHIX_HOST: Final = ".cachix.org"
_API_PATH: Final = re.compile(r"(?P<api>.*/api/v1)/cache/(?P<name>[^/]+)")
_WORDS: Final = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


class Kind(enum.Enum):
    """How a substituter is queried."""

    HTTP = "http"
    FOLDER = "folder"


@dataclass(frozen=True, slots=True)
class Substituter:
    """A binary cache.

    `url` has no query, fragment or slash at its end. `is_trusted`: its paths need no signature (`?trusted=true`).
    `priority` is what the URL says (lower is queried first), None if the cache's own counts.
    """

    url: str
    kind: Kind
    is_trusted: bool
    priority: int | None

    @property
    def folder(self) -> Path | None:
        """The folder of a `file://` cache, None for others."""
        return Path(unquote(urlsplit(self.url).path)) if self.kind is Kind.FOLDER else None

    @property
    def cachix(self) -> CachixCache | None:
        """The Cachix cache behind it, which can be queried in bulk; None if it is not such a cache."""
        if self.kind is Kind.FOLDER:
            return None
        parts = urlsplit(self.url)
        host = parts.hostname or ""
        if host.endswith(_CACHIX_HOST) and parts.scheme == "https" and parts.path in {"", "/"}:
            return _cachix(CACHIX_API, host.removesuffix(_CACHIX_HOST))
        match = _API_PATH.fullmatch(self.url)
        return None if match is None else _cachix(match["api"], match["name"])


def _cachix(api: str, name: str) -> CachixCache | None:
    try:
        return CachixCache(api, parse_cache_name(name))
    except UsageError:
        return None


def parse_substituter(text: str) -> Substituter:
    """Read the URL of a store, or the path of a cache's folder, with Nix's parameters `trusted` and `priority`.

    Parameters that only matter to a download or an upload are ignored.

    Raises:
        UsageError: for anything that cannot be queried, before anything is.
    """
    if re.search(r"[\x00-\x20\x7f]", text) or not text or text.startswith("-"):
        raise UsageError(f"{shorten(text)} is not the URL of a binary cache", hint=_KINDS)
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port
    except ValueError:  # whose words may hold a part of the URL
        raise UsageError(f"{shorten(text)} is not a URL", hint=_KINDS) from None
    shown = shorten(text)
    is_trusted, priority = _parameters(parts.query, shown)
    if not parts.scheme and text.startswith("/"):
        return Substituter(_folder_url(parts.path, shown), Kind.FOLDER, is_trusted, priority)
    if parts.scheme == "file":
        if parts.netloc:
            raise UsageError(f"{shown} does not name an absolute folder", hint="three slashes: file:///folder")
        return Substituter(_folder_url(unquote(parts.path), shown), Kind.FOLDER, is_trusted, priority)
    if parts.scheme not in {"http", "https"}:
        raise UsageError(f"{shown} is not a cache that can be queried from here", hint=_KINDS)
    if not host:
        raise UsageError(f"{shown} names no host", hint=_KINDS)
    if parts.username is not None or parts.password is not None:
        raise UsageError(f"{shown} holds a user or password", hint="put them into the file that netrc-file names")
    return Substituter(_http_url(parts), Kind.HTTP, is_trusted, priority)


def _http_url(parts: SplitResult) -> str:
    return f"{parts.scheme}://{parts.netloc.lower()}{parts.path.rstrip('/')}"


def _folder_url(path: str, shown: str) -> str:
    if not path.startswith("/") or ".." in path.split("/") or "\x00" in path:
        raise UsageError(f"{shown} does not name an absolute folder", hint="such as file:///var/cache/nix")
    return f"file://{quote('/' + path.strip('/'))}"


def _parameters(query: str, shown: str) -> tuple[bool, int | None]:
    values = dict(parse_qsl(query, keep_blank_values=True))
    trusted = values.get("trusted", "false")
    if trusted not in _WORDS:
        raise UsageError(f"{shown}: trusted={shorten(trusted)} is neither true nor false")
    priority = values.get("priority")
    if priority is None:
        return _WORDS[trusted], None
    if re.fullmatch("-?[0-9]{1,9}", priority) is None:
        raise UsageError(f"{shown}: priority={shorten(priority)} is not a whole number")
    return _WORDS[trusted], int(priority)


def named_cache_url(name: str) -> str:
    """The substituter of a cache of cachix.org. Raises UsageError for an invalid name."""
    return f"https://{parse_cache_name(name)}{_CACHIX_HOST}"


def choose_substituters(
    flags: Sequence[str], settings: Mapping[str, Any] | None, cache_name: str | None, configured: Sequence[str]
) -> tuple[Substituter, ...]:
    """The caches to query, none twice: those of the flags, else Nix's own, the named cache and the configured ones.

    `settings` are Nix's (None: there is no nix, its own default counts), `configured` is [cache] substituters.

    Raises:
        UsageError: one of them cannot be queried.
    """
    if flags:
        return _distinct(map(parse_substituter, flags))
    own = [DEFAULT_SUBSTITUTER] if settings is None else setting_words(settings, "substituters")
    named = [] if cache_name is None else [named_cache_url(cache_name)]
    return _distinct(map(_parse_own, (*own, *named, *configured)))


def _parse_own(text: str) -> Substituter:
    try:
        return parse_substituter(text)
    except UsageError as error:
        hint = f"{error.hint}; name the caches to query with --substituter" if error.hint else error.hint
        raise UsageError(error.message, hint=hint) from error


def _distinct(substituters: Iterable[Substituter]) -> tuple[Substituter, ...]:
    by_url: dict[str, Substituter] = {}
    for substituter in substituters:
        by_url.setdefault(substituter.url, substituter)
    return tuple(by_url.values())


def choose_keys(flags: Sequence[str], settings: Mapping[str, Any] | None, public_keys: Sequence[str]) -> TrustedKeys:
    """The keys to trust: those of the flags, else Nix's own and those of pipeline.toml.

    Raises:
        ConfigError: one of them is not a public key.
    """
    if flags:
        return TrustedKeys(_parsed(flags, "--trusted-key"))
    own = [DEFAULT_KEY] if settings is None else setting_words(settings, "trusted-public-keys")
    return TrustedKeys([*_parsed(own, "trusted-public-keys"), *_parsed(public_keys, "cache.public_keys")])


def _parsed(texts: Iterable[str], source: str) -> list[PublicKey]:
    return [parse_public_key(text, source) for text in texts]


def setting_words(settings: Mapping[str, Any], name: str) -> list[str]:
    """A setting that is a list; of a shape that Nix does not have, nothing."""
    value = settings.get(name)
    return [word for word in value if isinstance(word, str)] if isinstance(value, list) else []
