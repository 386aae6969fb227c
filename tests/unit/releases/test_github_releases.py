from __future__ import annotations

from typing import Any

import pytest

from nanna_ci.foundation.errors import MalformedData
from nanna_ci.releases.github_releases import checked_upload_url, parse_asset, parse_release

RELEASE: dict[str, Any] = {
    "id": 1,
    "tag_name": "v1.0.0",
    "target_commitish": "main",
    "draft": True,
    "prerelease": False,
    "body": None,
    "html_url": "https://github.com/a/b/releases/tag/v1.0.0",
    "upload_url": "https://uploads.github.com/repos/a/b/releases/1/assets{?name,label}",
}
ASSET: dict[str, Any] = {"id": 2, "name": "a", "state": "uploaded", "size": 3}


@pytest.mark.parametrize("key", [key for key in RELEASE if key != "body"])
def test_a_release_that_lacks_something_is_malformed(key: str):
    parse_release(RELEASE, "here")
    with pytest.raises(MalformedData, match=key):
        parse_release({**RELEASE, key: None}, "here")


@pytest.mark.parametrize(
    ("digest", "sha256"),
    [(f"sha256:{'a' * 64}", "a" * 64), (None, None), ("sha512:abc", None), (f"sha256:{'A' * 64}", None), (7, None)],
)
def test_only_a_sha256_is_a_digest(digest: Any, sha256: str | None):
    assert parse_asset({**ASSET, "digest": digest}, "here").sha256 == sha256


@pytest.mark.parametrize(
    ("template", "api"),
    [
        ("https://uploads.github.com/repos/a/b/releases/1/assets{?name,label}", "https://api.github.com"),
        ("https://ghe.example.net/api/uploads/repos/a/b/releases/1/assets{?name}", "https://ghe.example.net/api/v3"),
        ("http://127.0.0.1:99/repos/a/b/releases/1/assets", "http://127.0.0.1:99"),
    ],
)
def test_the_place_of_uploads_is_the_servers_own(template: str, api: str):
    assert checked_upload_url(template, api) == template.partition("{")[0]


@pytest.mark.parametrize(
    "template",
    [
        "https://uploads.github.com.example.net/x",
        "http://uploads.github.com/x",
        "https://user@uploads.github.com/x",
        "https://uploads.github.com:444/x",
        "https://uploads.github.com/x?y=z",
        "https://[/x",
        "",
    ],
)
def test_a_place_elsewhere_gets_no_upload(template: str):
    with pytest.raises(MalformedData, match="upload_url is elsewhere"):
        checked_upload_url(template, "https://api.github.com")
