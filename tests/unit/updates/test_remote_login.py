"""Which remotes get the token: the repository on its own server, and nothing else."""

from __future__ import annotations

import pytest

from nanna_ci.foundation.errors import UsageError
from nanna_ci.updates.remote_login import RemoteLogin


def login(url: str) -> RemoteLogin:
    made = RemoteLogin("https://github.com", "Nanna/Coder", "hunter2hunter2")
    made.check(url)
    return made


@pytest.mark.parametrize(
    "url", ["https://github.com/nanna/coder", "https://github.com/Nanna/Coder.git", "https://github.com/nanna/coder/"]
)
def test_the_repository_on_its_server_gets_the_token(url):
    made = login(url)
    assert made.environ()["GIT_CONFIG_KEY_1"] == "http.https://github.com/.extraheader"
    assert "hunter2hunter2" not in repr(made)


@pytest.mark.parametrize(
    "url",
    [
        "http://github.com/nanna/coder",
        "https://github.com:8443/nanna/coder",
        "https://github.com.evil.invalid/nanna/coder",
        "https://me@github.com/nanna/coder",
        "https://evil.invalid/github.com/nanna/coder",
        "git@github.com:nanna/coder.git",
        "ssh://git@github.com/nanna/coder",
        "/srv/coder.git",
        "file:///srv/coder.git",
        "C:/coder.git",
    ],
)
def test_no_other_place_gets_the_token(url):
    assert login(url).environ() == {}


@pytest.mark.parametrize(
    "url", ["https://github.com/other/coder", "git@github.com:other/coder.git", "ssh://git@github.com/nanna/coder2"]
)
def test_another_repository_of_the_server_is_refused(url):
    with pytest.raises(UsageError, match="not Nanna/Coder"):
        login(url)


def test_a_url_that_is_none_is_refused():
    with pytest.raises(UsageError, match="cannot be read"):
        login("https://[github.com/nanna/coder")
