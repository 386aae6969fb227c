"""Where a push goes."""

from __future__ import annotations

from pathlib import Path

import pytest

from nanna_ci.cache.cachix_api import CACHIX_API, CachixCache
from nanna_ci.cache.push.destination import Destination, PushRoute, parse_destination
from nanna_ci.foundation.errors import ConfigError, UsageError


def read(to: str | None, name: str | None = None) -> Destination:
    return parse_destination(to, name)


@pytest.mark.parametrize(
    ("to", "name"),
    [(None, "nanna-coder"), ("nanna-coder", None), ("nanna-coder", "other"), ("https://nanna-coder.cachix.org", None)],
)
def test_a_cachix_cache_by_its_name_or_its_url(to: str | None, name: str | None) -> None:
    destination = read(to, name)
    assert destination.route is PushRoute.CACHIX
    assert destination.cachix == CachixCache(CACHIX_API, "nanna-coder")
    assert destination.url == "https://nanna-coder.cachix.org"


def test_a_cachix_service_of_ones_own_is_pushed_to_through_cachix_as_well() -> None:
    destination = read("https://cachix.example.org/api/v1/cache/mine")
    assert destination.cachix == CachixCache("https://cachix.example.org/api/v1", "mine")


def test_a_folder_keeps_its_parameters_for_nix_and_shows_none() -> None:
    url = "file:///var/cache/nix?secret-key=/key.sec&compression=zstd"
    destination = read(url, "nanna-coder")
    assert (destination.route, destination.url, destination.shown) == (PushRoute.NIX_COPY, url, "file:///var/cache/nix")
    assert destination.substituter is not None
    assert destination.substituter.folder == Path("/var/cache/nix")


@pytest.mark.parametrize("url", ["s3://bucket?region=eu-west-1", "ssh://builder", "ssh-ng://root@builder:22"])
def test_other_stores_are_queried_through_nix(url: str) -> None:
    destination = read(url)
    assert (destination.route, destination.substituter) == (PushRoute.NIX_COPY, None)


@pytest.mark.parametrize(
    "to",
    [
        "../x",
        "-x",
        "x\x00y",
        "",
        " ",
        "a b",
        "a/b",
        "x" * 64,
        "/var/cache",
        "file://relative",
        "file:///a/../b",
        "s3:bucket",
        "https://",
        "https://user:word@cache.example.org",
        "ssh://user:word@host",
        "FILE:/x",
        "://x",
        "file:///a\nb",
    ],
)
def test_whatever_is_neither_is_refused(to: str) -> None:
    with pytest.raises(UsageError):
        read(to)


def test_a_password_is_not_repeated() -> None:
    with pytest.raises(UsageError) as caught:
        read("ssh://user:hunter2222@host")
    assert "hunter2222" not in caught.value.message


def test_a_plain_folder_is_refused_with_its_url() -> None:
    with pytest.raises(UsageError) as caught:
        read("/var/cache/nix")
    assert caught.value.hint == "a cache in a folder is file:///var/cache/nix"


def test_no_cache_at_all_is_a_matter_of_the_configuration() -> None:
    with pytest.raises(ConfigError, match=r"cache\.name: there is none"):
        read(None)
