"""A stand-in for a registry with a token service, both on one loopback server, as ghcr.io answers a push's first steps.

No blob can be sent to it. Users, and what each may push to, are data; `requests` has every request with its login.
"""

from __future__ import annotations

import base64
import contextlib
import http.server
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

Handler = http.server.BaseHTTPRequestHandler


@dataclass
class TokenRegistry:
    """`users` maps a user to the password; `may_push` has the repositories that they may push to.

    `bad_login` is the status for a wrong password (ghcr.io: 403); `realm` where tokens are, `{url}` being the server.
    `open_uploads` are those that were not cancelled. `overrides` maps a path to a status and a body that is answered
    instead.
    """

    users: dict[str, str] = field(default_factory=dict)
    may_push: set[str] = field(default_factory=set)
    bad_login: int = 401
    denial: int = 403
    realm: str = "{url}/token"
    token: str = "opaque-token-of-the-stand-in"
    overrides: dict[str, tuple[int, bytes]] = field(default_factory=dict)
    requests: list[tuple[str, str, str | None]] = field(default_factory=list)
    open_uploads: set[str] = field(default_factory=set)
    address: str = ""

    def answer(self, handler: Handler) -> tuple[int, bytes, dict[str, str]]:
        parts = urlsplit(handler.path)
        given = handler.headers.get("authorization")
        self.requests.append((handler.command, handler.path, given))
        if parts.path in self.overrides:
            return (*self.overrides[parts.path], {})
        if parts.path == "/token":
            return self._give_token(given, parse_qs(parts.query))
        realm = self.realm.format(url=f"http://{self.address}")
        if parts.path == "/v2/" or given != f"Bearer {self.token}":
            challenge = f'Bearer realm="{realm}",service="stand-in",scope="repository:user/image:pull"'
            return 401, b"", {"www-authenticate": challenge}
        repository, _, upload = parts.path.removeprefix("/v2/").partition("/blobs/uploads/")
        if handler.command == "DELETE":
            self.open_uploads.discard(upload)
            return 204, b"", {}
        if repository not in self.may_push:
            return self.denial, b'{"errors":[{"code":"DENIED"}]}', {}
        self.open_uploads.add("1")
        return 202, b"", {"location": f"/v2/{repository}/blobs/uploads/1?state=x"}

    def _give_token(self, given: str | None, query: dict[str, list[str]]) -> tuple[int, bytes, dict[str, str]]:
        known = {"Basic " + base64.b64encode(f"{u}:{p}".encode()).decode() for u, p in self.users.items()}
        if given not in known:
            return self.bad_login, b'{"errors":[{"code":"DENIED","message":"denied"}]}', {}
        assert query["service"] == ["stand-in"]
        assert query["scope"][0].startswith("repository:")
        assert query["scope"][0].endswith(":push,pull")
        return 200, json.dumps({"token": self.token}).encode(), {}


def _handler(registry: TokenRegistry) -> type[Handler]:
    class Answers(Handler):
        protocol_version = "HTTP/1.1"

        def reply(self) -> None:
            status, body, headers = registry.answer(self)
            self.send_response(status)
            for name, value in {"content-length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_DELETE = reply  # noqa: N815 - names of http.server

        def log_message(self, *_: object) -> None:
            """Quiet."""

    return Answers


@contextlib.contextmanager
def serving(**what: object) -> Iterator[TokenRegistry]:
    """The server, for the length of the block."""
    registry = TokenRegistry(**what)  # type: ignore[arg-type]
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _handler(registry))
    server.daemon_threads = True
    registry.address = f"127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield registry
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
