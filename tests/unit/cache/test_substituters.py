"""Which caches are queried, and which keys count."""

from __future__ import annotations

from pathlib import Path

import pytest

from nanna_ci.cache.cachix_api import CACHIX_API, CachixCache
from nanna_ci.cache.substituters import Kind, Substituter, choose_keys, choose_substituters, parse_substituter
from nanna_ci.foundation.errors import ConfigError, UsageError
from support.ed25519_signer import Signer


def urls(substituters: tuple[Substituter, ...]) -> list[str]:
    return [substituter.url for substituter in substituters]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("https://cache.nixos.org", Substituter("https://cache.nixos.org", Kind.HTTP, False, None)),
        ("https://cache.nixos.org/", Substituter("https://cache.nixos.org", Kind.HTTP, False, None)),
        ("HTTPS://Cache.NixOS.org//", Substituter("https://cache.nixos.org", Kind.HTTP, False, None)),
        ("http://[::1]:8080/a/b?priority=10", Substituter("http://[::1]:8080/a/b", Kind.HTTP, False, 10)),
        ("https://c.example.org?trusted=1&priority=-5", Substituter("https://c.example.org", Kind.HTTP, True, -5)),
        ("https://c.example.org?trusted=true", Substituter("https://c.example.org", Kind.HTTP, True, None)),
        ("https://c.example.org?trusted=0", Substituter("https://c.example.org", Kind.HTTP, False, None)),
        ("https://c.example.org?compression=zstd", Substituter("https://c.example.org", Kind.HTTP, False, None)),
        ("file:///var/cache", Substituter("file:///var/cache", Kind.FOLDER, False, None)),
        ("file:///var/cache/?trusted=yes", Substituter("file:///var/cache", Kind.FOLDER, True, None)),
        ("/var/cache/", Substituter("file:///var/cache", Kind.FOLDER, False, None)),
    ],
)
def test_a_store_url_is_read_with_what_nix_reads_from_it(text: str, expected: Substituter) -> None:
    assert parse_substituter(text) == expected


@pytest.mark.parametrize("text", ["file:///a%20b/%C3%A9", "/a%20b", "/é"])
def test_a_folder_survives_being_written_as_a_url(text: str) -> None:
    substituter = parse_substituter(text)
    expected = {"file:///a%20b/%C3%A9": "/a b/é", "/a%20b": "/a%20b", "/é": "/é"}[text]
    assert substituter.folder == Path(expected)
    assert parse_substituter(substituter.url) == substituter


def test_only_a_folder_has_a_folder() -> None:
    assert parse_substituter("https://cache.example.org/a").folder is None


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "is not the URL"),
        ("-x", "is not the URL"),
        ("--option", "is not the URL"),
        ("../x", "not a cache that can be queried"),
        ("my-cache", "not a cache that can be queried"),
        ("/a/../../etc", "not name an absolute folder"),
        ("file:///a/%2e%2e/b", "not name an absolute folder"),
        ("file:///a%00b", "not name an absolute folder"),
        ("https://a\x00b", "is not the URL"),
        ("https://a b", "is not the URL"),
        ("https://a\r\nHost: b", "is not the URL"),
        ("https://", "no host"),
        ("https:///x", "no host"),
        ("https://[::1", "is not a URL"),
        ("https://a:99999", "is not a URL"),
        ("file://host/x", "not name an absolute folder"),
        ("file:x", "not name an absolute folder"),
        ("s3://bucket?region=eu", "not a cache that can be queried"),
        ("ssh://host", "not a cache that can be queried"),
        ("ssh-ng://host", "not a cache that can be queried"),
        ("daemon", "not a cache that can be queried"),
        ("https://a.example.org?trusted=maybe", "neither true nor false"),
        ("https://a.example.org?priority=first", "not a whole number"),
        ("https://a.example.org?priority=1e5", "not a whole number"),
    ],
)
def test_what_cannot_be_queried_is_refused(text: str, problem: str) -> None:
    with pytest.raises(UsageError, match=problem):
        parse_substituter(text)


def test_what_can_be_queried_is_named_if_something_else_was_given() -> None:
    with pytest.raises(UsageError) as caught:
        parse_substituter("s3://bucket")
    assert caught.value.hint == "supported caches: http://, https:// and file://"


def test_a_password_in_a_url_is_refused_and_not_repeated() -> None:
    for text in ("https://me:hunter2@a.example.org", "s3://me:hunter2@b?token=hunter2", "https://me:hunter2@[::1"):
        with pytest.raises(UsageError) as caught:
            parse_substituter(text)
        assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://my-cache.cachix.org", CachixCache(CACHIX_API, "my-cache")),
        ("https://my-cache.cachix.org/?priority=5", CachixCache(CACHIX_API, "my-cache")),
        ("http://127.0.0.1:80/api/v1/cache/mine", CachixCache("http://127.0.0.1:80/api/v1", "mine")),
        ("https://c.example.org/x/api/v1/cache/mine/", CachixCache("https://c.example.org/x/api/v1", "mine")),
        ("http://my-cache.cachix.org", None),
        ("https://cachix.org", None),
        ("https://a.b.cachix.org", None),
        ("https://my-cache.cachix.org.example.org", None),
        ("https://my-cache.cachix.org/elsewhere", None),
        ("https://c.example.org/api/v1/cache/-x", None),
        ("https://c.example.org/api/v1/cache/a/b", None),
        ("file:///x/api/v1/cache/mine", None),
        ("https://cache.nixos.org", None),
    ],
)
def test_a_cachix_cache_is_recognised_by_its_url(url: str, expected: CachixCache | None) -> None:
    assert parse_substituter(url).cachix == expected


SETTINGS = {"substituters": ["https://cache.nixos.org/", "https://a.example.org?priority=1"]}


def test_flags_win_over_everything_and_keep_their_order() -> None:
    flags = ["https://z.example.org", "/folder", "https://z.example.org/"]
    assert urls(choose_substituters(flags, SETTINGS, "mine", ["https://b.example.org"])) == [
        "https://z.example.org",
        "file:///folder",
    ]


def test_nixs_own_come_with_the_named_cache_and_the_configured_ones() -> None:
    assert urls(choose_substituters([], SETTINGS, "mine", ["https://b.example.org", "https://mine.cachix.org"])) == [
        "https://cache.nixos.org",
        "https://a.example.org",
        "https://mine.cachix.org",
        "https://b.example.org",
    ]


def test_without_nix_its_default_counts() -> None:
    assert urls(choose_substituters([], None, "mine", [])) == ["https://cache.nixos.org", "https://mine.cachix.org"]


def test_nix_may_have_no_substituter_at_all() -> None:
    assert choose_substituters([], {"substituters": []}, None, []) == ()


def test_of_nixs_own_one_that_cannot_be_queried_is_an_error_and_no_silent_gap() -> None:
    with pytest.raises(UsageError, match="not a cache that can be queried") as caught:
        choose_substituters([], {"substituters": ["s3://bucket"]}, None, [])
    assert "--substituter" in str(caught.value.hint)


def test_a_cache_name_that_is_a_path_is_refused() -> None:
    with pytest.raises(UsageError, match="not a name of a Cachix cache"):
        choose_substituters([], None, "../x", [])


ONE, TWO = Signer("one-1").public, Signer("two-1").public


def test_keys_of_flags_win() -> None:
    assert choose_keys([ONE], {"trusted-public-keys": [TWO]}, [TWO]).names == ("one-1",)


def test_keys_are_nixs_own_and_the_pipelines() -> None:
    assert choose_keys([], {"trusted-public-keys": [TWO]}, [ONE, TWO]).names == ("two-1", "one-1")
    assert choose_keys([], None, [ONE]).names == ("cache.nixos.org-1", "one-1")


def test_an_invalid_key_is_refused_with_its_place() -> None:
    with pytest.raises(ConfigError) as caught:
        choose_keys(["nonsense"], None, [])
    assert caught.value.where == "--trusted-key"
    with pytest.raises(ConfigError) as caught:
        choose_keys([], {"trusted-public-keys": ["nonsense"]}, [])
    assert caught.value.where == "trusted-public-keys"
