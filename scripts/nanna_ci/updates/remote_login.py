"""A token for git's remote, by git's own environment: in no argument, in no file, and for one server only."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from nanna_ci.foundation.errors import UsageError, hide_logins, shorten


@dataclass(slots=True)
class RemoteLogin:
    """`token` is for `repository`, OWNER/REPO on the server at the URL `server`, if the remote is there.

    A remote of another kind (ssh, a folder) logs in by its own means.
    """

    server: str
    repository: str
    token: str = field(repr=False)
    _url: str = ""

    @property
    def hint(self) -> str:
        """What a push needs."""
        return "the token needs `contents: write`" if self._url else "git needs a login of its own for this remote"

    def check(self, url: str) -> None:
        """Take the remote's URL. UsageError if it is another repository of the same server."""
        try:
            server, parts = urlsplit(self.server), urlsplit(url)
            host = parts.hostname
        except ValueError:
            raise UsageError(f"the remote's URL {shorten(url)} cannot be read") from None
        if "://" not in url and ":" in url:  # git@github.com:owner/repository
            host, _, path = url.rpartition("@")[2].partition(":")
        else:
            path = parts.path
        place = path.strip("/").removesuffix(".git")
        if host == server.hostname and place.lower() != self.repository.lower():
            raise UsageError(
                f"the remote is {shorten(hide_logins(url))}, not {self.repository}",
                hint="give --repository as the remote has it",
            )
        is_there = (parts.scheme, parts.netloc) == (server.scheme, server.netloc)
        self._url = f"{server.scheme}://{server.netloc}/" if is_there else ""

    def environ(self) -> Mapping[str, str]:
        """For git: nothing if the remote is elsewhere. What actions/checkout configured is taken back first."""
        if not self._url:
            return {}
        return {
            "GIT_CONFIG_COUNT": "2",
            "GIT_CONFIG_KEY_0": f"http.{self._url}.extraheader",
            "GIT_CONFIG_VALUE_0": "",
            "GIT_CONFIG_KEY_1": f"http.{self._url}.extraheader",
            "GIT_CONFIG_VALUE_1": f"AUTHORIZATION: basic {self._basic()}",
        }

    def secrets(self) -> tuple[str, ...]:
        """What must not be shown of a program's output."""
        return (self.token, self._basic())

    def _basic(self) -> str:
        return base64.b64encode(f"x-access-token:{self.token}".encode()).decode()
