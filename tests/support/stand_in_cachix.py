"""A stand-in for a Cachix service on loopback: the endpoints that this project uses, and nothing else of Cachix."""

from __future__ import annotations

import http.server
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from support.serving import serving

Handled = Callable[[http.server.BaseHTTPRequestHandler], None]


@dataclass
class StandInCache:
    """One cache. `narinfos` is what it has, by hash; `token` is required if it is not public."""

    name: str
    keys: list[str] = field(default_factory=list)
    is_public: bool = True
    token: str | None = None
    permission: str = "Write"
    narinfos: dict[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True)
class SeenRequest:
    """A request as it came."""

    method: str
    path: str
    authorization: str | None
    body: bytes


class StandInCachix(http.server.ThreadingHTTPServer):
    """`answers`, if there are any, are given first, each once, whatever the request."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.caches: dict[str, StandInCache] = {}
        self.requests: list[SeenRequest] = []
        self.answers: list[Handled] = []
        self.api = f"http://127.0.0.1:{self.server_address[1]}/api/v1"

    def add(self, cache: StandInCache) -> StandInCache:
        self.caches[cache.name] = cache
        return cache


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: StandInCachix

    def handle_one(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        self.server.requests.append(SeenRequest(self.command, self.path, self.headers.get("authorization"), body))
        if self.server.answers:
            self.server.answers.pop(0)(self)
            return
        name, _, rest = self.path.removeprefix("/api/v1/cache/").partition("/")
        cache = self.server.caches.get(name)
        if cache is None:
            reply(self, 404, {"error": f"no cache named {name}"})
        elif not cache.is_public and self.headers.get("authorization") != f"Bearer {cache.token}":
            reply(self, 401, {"error": "not for you"})
        else:
            self.of_cache(cache, rest, body)

    def of_cache(self, cache: StandInCache, rest: str, body: bytes) -> None:
        match (self.command, rest):
            case ("GET", ""):
                reply(self, 200, describe(cache))
            case ("POST", "narinfo"):
                hashes: list[str] = json.loads(body)
                if len(hashes) > 32_768:
                    reply(self, 413, {"error": "at most 32768"})
                else:
                    reply(self, 200, [one for one in hashes if one not in cache.narinfos])
            case ("GET" | "HEAD", "nix-cache-info"):
                reply_text(self, 200, b"StoreDir: /nix/store\nWantMassQuery: 1\nPriority: 41\n")
            case ("GET" | "HEAD", path) if (data := cache.narinfos.get(path.removesuffix(".narinfo"))) is not None:
                reply_text(self, 200, data)
            case _:
                reply_text(self, 404, b"404")

    do_GET = do_HEAD = do_POST = handle_one  # noqa: N815 - names of http.server

    def log_message(self, *_: object) -> None:
        """Quiet."""


def describe(cache: StandInCache) -> dict[str, Any]:
    """What `GET /cache/NAME` answers."""
    return {
        "githubUsername": "someone",
        "isPublic": cache.is_public,
        "name": cache.name,
        "permission": cache.permission,
        "preferredCompressionMethod": "ZSTD",
        "publicSigningKeys": cache.keys,
        "uri": f"https://{cache.name}.cachix.org",
    }


def reply(handler: http.server.BaseHTTPRequestHandler, status: int, value: Any, **headers: str) -> None:
    """Answer with JSON."""
    reply_text(handler, status, json.dumps(value).encode(), content_type="application/json", **headers)


def reply_text(handler: http.server.BaseHTTPRequestHandler, status: int, body: bytes, **headers: str) -> None:
    """Answer with some bytes; `headers` with _ for -."""
    handler.send_response(status)
    for name, value in {"content-length": str(len(body)), **headers}.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    if handler.command != "HEAD":
        handler.wfile.write(body)


@contextmanager
def stand_in_cachix() -> Iterator[StandInCachix]:
    """The service, running."""
    with serving(StandInCachix()) as server:
        yield server
