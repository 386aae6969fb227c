"""The lines for nix.conf, and how they join a NIX_CONFIG that is there."""

from __future__ import annotations

import pytest

from nanna_ci.cache.settings import (
    NEGATIVE_TTL_S,
    Setting,
    find_ignored,
    merge_nix_config,
    plan_settings,
    render_nix_config,
)
from nanna_ci.foundation.errors import UsageError

KEY = "mine.cachix.org-1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
SETTINGS = plan_settings("mine", [KEY], ["https://a.example.org?priority=5"], 300)
LINES = f"""\
extra-substituters = https://mine.cachix.org https://a.example.org?priority=5
extra-trusted-public-keys = {KEY}
tarball-ttl = 300
narinfo-cache-negative-ttl = {NEGATIVE_TTL_S}
"""


def test_the_lines_are_those_of_nix_conf() -> None:
    assert render_nix_config(SETTINGS) == LINES


def test_without_a_cache_only_the_limits_are_left() -> None:
    assert [setting.name for setting in plan_settings(None, [], [], 0)] == ["tarball-ttl", "narinfo-cache-negative-ttl"]


def test_the_named_cache_comes_first_and_nothing_twice() -> None:
    substituters = ["https://a.example.org", "https://mine.cachix.org/", "https://a.example.org/?priority=1"]
    settings = plan_settings("mine", [KEY, KEY], substituters, 300)
    assert settings[:2] == (
        Setting("extra-substituters", ("https://mine.cachix.org", "https://a.example.org")),
        Setting("extra-trusted-public-keys", (KEY,)),
    )


@pytest.mark.parametrize(("name", "url"), [("../x", "https://a.example.org"), ("mine", "s3://bucket")])
def test_what_is_not_a_cache_is_refused(name: str, url: str) -> None:
    with pytest.raises(UsageError):
        plan_settings(name, [], [url], 300)


@pytest.mark.parametrize(
    "existing",
    [
        "",
        "access-tokens = github.com=secret",
        "access-tokens = github.com=secret\n",
        "# a comment, as it is  \n\n  cores =   4 # four\nsubstituters = https://cache.nixos.org\n",
        "extra-substituters = https://other.example.org\nextra-trusted-public-keys = other-1:abc\n",
    ],
)
def test_what_was_there_stays_to_the_letter_and_ours_comes_after_it(existing: str) -> None:
    merged = merge_nix_config(existing, SETTINGS)
    assert merged.text.startswith(existing)
    assert merged.text.removeprefix(existing).lstrip("\n") == LINES
    assert merged.kept == ()


def test_merged_once_more_it_is_the_same() -> None:
    once = merge_nix_config("cores = 4\n", SETTINGS)
    assert merge_nix_config(once.text, SETTINGS) == once


def test_a_list_gets_only_the_words_that_are_not_in_it() -> None:
    existing = "extra-substituters = https://x.example.org https://mine.cachix.org/\n"
    merged = merge_nix_config(existing, SETTINGS[:1])
    assert merged.text == existing + "extra-substituters = https://a.example.org?priority=5\n"


def test_a_later_line_that_replaces_the_list_counts() -> None:
    existing = "extra-substituters = https://mine.cachix.org\nsubstituters = https://only.example.org\n"
    assert merge_nix_config(existing, SETTINGS[:1]).text.endswith(LINES.splitlines(keepends=True)[0])


def test_the_old_names_of_the_lists_count() -> None:
    urls = "https://mine.cachix.org https://a.example.org?priority=5"
    existing = f"binary-caches = {urls}\nextra-binary-cache-public-keys = {KEY}\n"
    assert merge_nix_config(existing, SETTINGS[:2]).text == existing


def test_an_existing_single_value_stays_and_is_reported_if_it_differs() -> None:
    merged = merge_nix_config(f"tarball-ttl = 0\nnarinfo-cache-negative-ttl = {NEGATIVE_TTL_S}\n", SETTINGS)
    assert merged.kept == (Setting("tarball-ttl", ("0",)),)
    assert "tarball-ttl = 300" not in merged.text


def test_comments_and_lines_that_say_nothing_are_not_settings() -> None:
    existing = "# tarball-ttl = 0\ntarball-ttl=0\ntarball-ttl\n!include /x\n#"
    assert merge_nix_config(existing, SETTINGS).text == f"{existing}\n{LINES}"


def test_a_comment_after_a_value_is_not_part_of_it() -> None:
    merged = merge_nix_config("tarball-ttl = 300 # five minutes\n", SETTINGS)
    assert merged.kept == ()
    assert merged.text.count("tarball-ttl") == 1


OWN = {
    "substituters": ["https://cache.nixos.org/"],
    "trusted-substituters": [],
    "trusted-public-keys": ["cache.nixos.org-1:abc"],
    "narinfo-cache-negative-ttl": 3600,
    "tarball-ttl": 3600,
}


def test_a_daemon_that_does_not_trust_the_user_ignores_all_but_the_tarballs() -> None:
    assert [setting.name for setting in find_ignored(SETTINGS, OWN)] == [
        "extra-substituters",
        "extra-trusted-public-keys",
        "narinfo-cache-negative-ttl",
    ]


def test_what_its_own_nix_conf_says_it_does_not_ignore() -> None:
    own = {
        **OWN,
        "substituters": ["https://mine.cachix.org/"],
        "trusted-substituters": ["https://a.example.org?priority=5"],
        "trusted-public-keys": [KEY],
        "narinfo-cache-negative-ttl": NEGATIVE_TTL_S,
    }
    assert find_ignored(SETTINGS, own) == ()
    partly = find_ignored(SETTINGS, {**own, "trusted-substituters": []})
    assert partly == (Setting("extra-substituters", ("https://a.example.org?priority=5",)),)
