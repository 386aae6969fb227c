"""A real docker-registry on loopback, with or without TLS and logins, and a proxy of our own that counts what is sent.

The registry's program must be on PATH. Everything lies in the folder that it is given, and ends with the block.
"""

from __future__ import annotations

import contextlib
import http.client
import http.server
import re
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

USER, PASSWORD = "robot", "a-password-for-tests"
# bcrypt of PASSWORD, as `htpasswd -B` writes it
_HTPASSWD = f"{USER}:$2y$04$naEEq.P/teTL//CZJB68qOjgys/B1dFbEXmA2FMvPKVZQYaKRcrIa\n"
_HOP_BY_HOP = {"connection", "transfer-encoding", "keep-alive", "te", "trailer", "upgrade"}


@dataclass(frozen=True)
class Certificates:
    """A CA made for the test, and what it signed for 127.0.0.1."""

    authority: Path
    certificate: Path
    key: Path


def make_certificates(folder: Path) -> Certificates:
    def openssl(*words: str) -> None:
        subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True, timeout=60)

    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout")
    usage = ("-addext", "keyUsage=critical,keyCertSign,cRLSign")  # Python refuses an authority that does not say it
    openssl("req", "-x509", *key, "ca.key", "-out", "ca.pem", "-subj", "/CN=test authority", "-days", "2", *usage)
    openssl("req", *key, "server.key", "-out", "server.csr", "-subj", "/CN=127.0.0.1")
    (folder / "names").write_text("subjectAltName=IP:127.0.0.1\nauthorityKeyIdentifier=keyid\n")
    signed = ("-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-extfile", "names", "-days", "2")
    openssl("x509", "-req", "-in", "server.csr", "-out", "server.pem", *signed)
    return Certificates(folder / "ca.pem", folder / "server.pem", folder / "server.key")


@dataclass(frozen=True)
class Registry:
    """A running registry: its address (host:port), the folder of its data, its certificates or None."""

    address: str
    data: Path
    certificates: Certificates | None


@contextlib.contextmanager
def running(folder: Path, *, certificates: Certificates | None = None, login: bool = False) -> Iterator[Registry]:
    folder.mkdir(parents=True, exist_ok=True)
    data = folder / "data"
    lines = ["version: 0.1", "log:", "  level: info", "storage:", "  filesystem:", f"    rootdirectory: {data}"]
    lines += ["http:", "  addr: 127.0.0.1:0", "  relativeurls: true"]
    if certificates is not None:
        lines += ["  tls:", f"    certificate: {certificates.certificate}", f"    key: {certificates.key}"]
    if login:
        (folder / "htpasswd").write_text(_HTPASSWD)
        lines += ["auth:", "  htpasswd:", "    realm: test", f"    path: {folder / 'htpasswd'}"]
    (folder / "config.yml").write_text("\n".join(lines) + "\n")
    log = folder / "log"
    with log.open("wb") as sink:
        child = subprocess.Popen(
            ["docker-registry", "serve", str(folder / "config.yml")],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        assert child.stderr is not None
        drain: threading.Thread | None = None
        try:
            port = None
            for line in child.stderr:
                sink.write(line)
                if match := re.search(rb"listening on 127\.0\.0\.1:(\d+)", line):
                    port = int(match[1])
                    break
            assert port is not None, log.read_text()
            drain = threading.Thread(target=_drain, args=(child.stderr, sink))
            drain.start()
            yield Registry(f"127.0.0.1:{port}", data, certificates)
        finally:
            child.terminate()
            child.wait(30)
            if drain is not None:
                drain.join()
            child.stderr.close()


def _drain(source: object, sink: object) -> None:
    for line in source:  # type: ignore[attr-defined]
        sink.write(line)  # type: ignore[attr-defined]


@dataclass(frozen=True)
class Seen:
    """One request: the path without query, and how many bytes its body had."""

    method: str
    path: str
    body_bytes: int
    status: int


@dataclass
class Counts:
    """What went through the proxy. `on_bytes` is called with all upload bytes so far while they come."""

    address: str = ""
    requests: list[Seen] = field(default_factory=list)
    uploaded_bytes: int = 0
    on_bytes: Callable[[int], None] | None = None

    def clear(self) -> None:
        self.requests.clear()
        self.uploaded_bytes = 0

    def of_blob(self, digest: str) -> list[Seen]:
        return [one for one in self.requests if one.path.endswith(f"/blobs/{digest}")]

    @property
    def blob_bytes(self) -> int:
        """Bytes of blobs that were sent, whether or not they arrived."""
        return sum(one.body_bytes for one in self.requests if "/blobs/uploads/" in one.path)


@contextlib.contextmanager
def counting(registry: Registry) -> Iterator[Counts]:
    """A proxy in front of a registry, itself without TLS."""
    counts = Counts()
    lock = threading.Lock()

    class Proxy(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _body(self) -> Iterator[bytes]:
            if "chunked" in self.headers.get("transfer-encoding", ""):
                while size := int(self.rfile.readline().split(b";")[0] or b"0", 16):
                    yield self.rfile.read(size)
                    self.rfile.readline()
                self.rfile.readline()
                return
            left = int(self.headers.get("content-length") or 0)
            while left and (piece := self.rfile.read(min(left, 65536))):
                left -= len(piece)
                yield piece

        def _counted(self, sizes: list[int]) -> Iterator[bytes]:
            for piece in self._body():
                sizes.append(len(piece))
                with lock:
                    counts.uploaded_bytes += len(piece)
                    so_far = counts.uploaded_bytes
                if counts.on_bytes is not None:
                    counts.on_bytes(so_far)
                yield piece

        def forward(self) -> None:
            sizes: list[int] = []
            upstream = _connect(registry)
            chunked = "chunked" in self.headers.get("transfer-encoding", "")
            try:
                upstream.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
                for name, value in self.headers.items():  # Accept comes several times
                    if name.lower() not in _HOP_BY_HOP:
                        upstream.putheader(name, value)
                if chunked:
                    upstream.putheader("Transfer-Encoding", "chunked")
                upstream.endheaders(self._counted(sizes), encode_chunked=chunked)
                answer = upstream.getresponse()
                data = answer.read()
                with lock:
                    counts.requests.append(Seen(self.command, self.path.partition("?")[0], sum(sizes), answer.status))
                self.send_response(answer.status)
                for name, value in answer.getheaders():
                    if name.lower() not in _HOP_BY_HOP:
                        self.send_header(name, value)
                self.end_headers()
                self.wfile.write(data)
            except (
                OSError,
                ValueError,
                http.client.HTTPException,
            ):  # one side is gone: that is what some tests are about
                self.close_connection = True
            finally:
                upstream.close()

        do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = forward  # noqa: N815 - names of http.server

        def log_message(self, *_: object) -> None:
            """Quiet."""

    class Server(http.server.ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            """A client that was killed is what some tests are about."""

    server = Server(("127.0.0.1", 0), Proxy)
    counts.address = f"127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield counts
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _connect(registry: Registry) -> http.client.HTTPConnection:
    if registry.certificates is None:
        return http.client.HTTPConnection(registry.address, timeout=60)
    context = ssl.create_default_context(cafile=str(registry.certificates.authority))
    return http.client.HTTPSConnection(registry.address, timeout=60, context=context)
