"""A stand-in for Codecov on loopback: the four requests of an upload, and GitHub's OIDC; nothing else of either."""

from __future__ import annotations

import base64
import json
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from support.stand_in_cachix import SeenRequest, reply, reply_text


class StandInCodecov(ThreadingHTTPServer):
    """`tokens` are those that it takes; None among them: an unprotected branch needs none.

    `broken` maps a part of a path to the status that it is answered with.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.tokens: set[str | None] = set()
        self.requests: list[SeenRequest] = []
        self.broken: dict[str, int] = {}
        self.location = f"{self.url}/storage/report?signature=S1gnatureOfStorage"

    def report(self) -> dict[str, Any]:
        """What the storage was given: its paths, and the report unpacked."""
        stored = json.loads(next(one.body for one in self.requests if one.method == "PUT"))
        (file,) = stored["coverage_files"]
        return {"paths": stored["network_files"], "lcov": zlib.decompress(base64.b64decode(file["data"])).decode()}

    def bodies(self) -> dict[str, Any]:
        """The JSON of each POST, by the last part of its path."""
        return {one.path.rpartition("/")[2]: json.loads(one.body) for one in self.requests if one.method == "POST"}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: StandInCodecov

    def handle_one(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        authorization = self.headers.get("authorization")
        self.server.requests.append(SeenRequest(self.command, self.path, authorization, body))
        status = next((code for part, code in self.server.broken.items() if part in self.path), None)
        token = None if authorization is None else authorization.removeprefix("token ")
        if status is not None:
            reply(self, status, {"message": "out of order"})
        elif self.path.startswith("/oidc?"):
            reply(self, 200, {"value": "oidc-token-of-this-job"})
        elif self.command == "PUT":
            reply_text(self, 200, b"")
        elif token not in self.server.tokens:
            reply(self, 401, {"message": "Not valid tokenless upload"})
        elif self.path.endswith("/uploads"):
            page = "https://app.codecov.io/github/me/it/commit/0"
            reply(self, 201, {"raw_upload_location": self.server.location, "url": page})
        else:
            reply(self, 201, {"external_id": "1"})

    do_GET = do_POST = do_PUT = handle_one  # noqa: N815 - names of http.server

    def log_message(self, *_: object) -> None:
        """Quiet."""


@contextmanager
def stand_in_codecov() -> Iterator[StandInCodecov]:
    """A running server."""
    server = StandInCodecov()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
