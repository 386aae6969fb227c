"""Where images may go: what is lowered, what is refused before anything runs, and that tags are never signed."""

from __future__ import annotations

import pytest

from nanna_ci.containers.registry.reference import Repository, parse_repository
from nanna_ci.foundation.errors import UsageError


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ghcr.io/OWNER", Repository("ghcr.io", "owner")),
        ("ghcr.io/DominicBurkart/", Repository("ghcr.io", "dominicburkart")),
        ("GHCR.io/Some-Owner/Sub_Path", Repository("ghcr.io", "some-owner/sub_path")),
        ("https://registry.example.org:5000/a/b.c", Repository("registry.example.org:5000", "a/b.c")),
        ("http://127.0.0.1:5000/a", Repository("127.0.0.1:5000", "a", plain_http=True)),
        ("HTTP://localhost/a", Repository("localhost", "a", plain_http=True)),
        ("http://[::1]:5000/a", Repository("[::1]:5000", "a", plain_http=True)),
    ],
)
def test_a_registry_and_an_owner(text: str, expected: Repository) -> None:
    assert parse_repository(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "owner",
        "owner/name",
        "ghcr.io",
        "ghcr.io/",
        "ghcr.io//owner",
        "ghcr.io/owner//name",
        "ghcr.io/../owner",
        "ghcr.io/owner:latest",
        "ghcr.io/owner@sha256:" + "0" * 64,
        "ghcr.io/-owner",
        "ghcr.io/own er",
        "ghcr.io/owner\n",
        "ghcr.io/owner\0",
        "ghcr.io/ow\u212aner",
        "ghcr.io/a__b___c",
        "ghcr.io:0/owner",
        "ghcr.io:99999/owner",
        "ghcr.io:/owner",
        "user:password@ghcr.io/owner",
        "docker://ghcr.io/owner",
        "ftp://ghcr.io/owner",
        "-ghcr.io/owner",
        "ghcr.io/" + "a" * 256,
        "http://registry.example.org/owner",
        "http://127.0.0.1.example.org/owner",
    ],
)
def test_what_is_not_a_registry_with_an_owner_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        parse_repository(text)


@pytest.mark.parametrize("name", ["a-", "-a", "A", "a/b", "..", "", "a:b", "a" * 250])
def test_a_name_that_cannot_be_a_repository_is_refused(name: str) -> None:
    with pytest.raises(UsageError):
        Repository("ghcr.io", "owner").child(name)


def test_references_by_tag_and_by_digest() -> None:
    repository = Repository("ghcr.io", "owner").child("app")
    assert repository.tagged("latest") == "ghcr.io/owner/app:latest"
    assert repository.pinned("sha256:" + "a" * 64) == "ghcr.io/owner/app@sha256:" + "a" * 64


@pytest.mark.parametrize("tag", ["", "-x", ".x", "a b", "a" * 129, "a/b", "a\n"])
def test_an_invalid_tag_is_refused(tag: str) -> None:
    with pytest.raises(UsageError):
        Repository("ghcr.io", "owner").tagged(tag)


@pytest.mark.parametrize(
    "digest", ["latest", "1" * 40, "sha256:" + "A" * 64, "sha256:" + "a" * 63, "sha512:" + "a" * 128]
)
def test_what_is_not_a_digest_cannot_be_pinned(digest: str) -> None:
    with pytest.raises(UsageError) as caught:
        Repository("ghcr.io", "owner").pinned(digest)
    assert "by digest" in str(caught.value.hint)
