"""A stand-in for a registry of models: two real HTTP servers on loopback, one that redirects blobs to the other.

`requests` has what was requested; `faults` changes single answers. It is not a registry: nothing can be pushed to it.
"""

from __future__ import annotations

import contextlib
import hashlib
import http.server
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
CONFIG = "application/vnd.docker.container.image.v1+json"
Handler = http.server.BaseHTTPRequestHandler
LARGE = b"weights " * 200_000


def digest(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


def model(weights: bytes = LARGE, **parts: bytes) -> tuple[bytes, dict[str, bytes]]:
    """A model's manifest, as the real registry writes it, and its blobs by digest."""
    config = b'{"model_format":"gguf"}'
    layers = {"model": weights, "template": b"{{ .Prompt }}", "license": b"free", "params": b"{}", **parts}

    def entry(media_type: str, data: bytes) -> dict[str, Any]:
        return {"mediaType": media_type, "digest": digest(data), "size": len(data)}

    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": entry(CONFIG, config),
        "layers": [entry(f"application/vnd.ollama.image.{part}", data) for part, data in layers.items()],
    }
    blobs = {digest(data): data for data in (config, *layers.values())}
    return json.dumps(manifest, separators=(",", ":")).encode(), blobs


@dataclass
class SeenRequest:
    """One request: which of the two servers, method, path, and the Authorization header or None."""

    server: str
    method: str
    path: str
    authorization: str | None


@dataclass
class StandIn:
    """`manifests` by path, `blobs` by digest; `faults` maps the end of a path to an answer of one's own."""

    manifests: dict[str, bytes] = field(default_factory=dict)
    blobs: dict[str, bytes] = field(default_factory=dict)
    faults: dict[str, Callable[[Handler], None]] = field(default_factory=dict)
    requests: list[SeenRequest] = field(default_factory=list)
    url: str = ""
    store_url: str = ""

    def add(self, name: str, manifest: bytes, blobs: dict[str, bytes]) -> None:
        repository, _, tag = name.partition(":")
        self.manifests[f"/v2/library/{repository}/manifests/{tag}"] = manifest
        self.blobs |= blobs

    def fault(self, path_end: str, status: int, body: bytes = b"", **headers: str) -> None:
        self.faults[path_end] = lambda handler: reply(handler, status, body, **headers)


def reply(handler: Handler, status: int, body: bytes = b"", **headers: str) -> None:
    handler.send_response(status)
    for name, value in {"content_length": str(len(body)), **headers}.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    if handler.command != "HEAD":
        handler.wfile.write(body)


def _handler(stand_in: StandIn, server: str) -> type[Handler]:
    class Answers(Handler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            stand_in.requests.append(SeenRequest(server, self.command, self.path, self.headers.get("authorization")))
            for path_end, fault in list(stand_in.faults.items()):
                if self.path.endswith(path_end):
                    fault(self)
                    return
            last = self.path.rpartition("/")[2]
            if self.path in stand_in.manifests:
                reply(self, 200, stand_in.manifests[self.path], content_type=MANIFEST)
            elif last in stand_in.blobs and server == "registry":
                reply(self, 307, location=f"{stand_in.store_url}/{last}")
            elif last in stand_in.blobs:
                reply(self, 200, stand_in.blobs[last])
            else:
                reply(self, 404, b'{"errors":[{"code":"MANIFEST_UNKNOWN"}]}')

        do_GET = do_HEAD = answer  # noqa: N815 - names of http.server

        def log_message(self, *_: object) -> None:
            """Quiet."""

    return Answers


@contextlib.contextmanager
def serving() -> Iterator[StandIn]:
    """Both servers, for the length of the block."""
    stand_in = StandIn()
    servers = [
        http.server.ThreadingHTTPServer(("127.0.0.1", 0), _handler(stand_in, name)) for name in ("registry", "store")
    ]
    stand_in.url, stand_in.store_url = (f"http://127.0.0.1:{server.server_address[1]}" for server in servers)
    threads = [threading.Thread(target=server.serve_forever, args=(0.02,)) for server in servers]
    for server, thread in zip(servers, threads, strict=True):
        server.daemon_threads = True
        thread.start()
    try:
        yield stand_in
    finally:
        for server, thread in zip(servers, threads, strict=True):
            server.shutdown()
            server.server_close()
            thread.join()
