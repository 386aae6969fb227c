"""A binary cache on loopback that misbehaves as a test wants, down to the bytes. A stand-in, not a real cache."""

from __future__ import annotations

import contextlib
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

CACHE_INFO = b"StoreDir: /nix/store\nWantMassQuery: 1\nPriority: 40\n"


@dataclass(frozen=True)
class SeenRequest:
    """A request: what it names, its headers in lower case, and the number of the connection it came over."""

    method: str
    target: str
    headers: dict[str, str]
    connection: int


class Client:
    """One connection: what an answer is written to. `stop` is set when the test is over."""

    def __init__(self, connected: socket.socket, number: int, stop: threading.Event) -> None:
        self.socket = connected
        self.number = number
        self.stop = stop
        self.received = b""

    def read_request(self) -> SeenRequest | None:
        while b"\r\n\r\n" not in self.received:
            data = self.socket.recv(65536)
            if not data:
                return None
            self.received += data
            if not self.received[:1].isalpha():  # TLS, although this is plain HTTP
                self.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                return None
        head, _, self.received = self.received.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        method, target, _ = first.split(" ")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        return SeenRequest(method, target, headers, self.number)

    def write(self, data: bytes) -> None:
        self.socket.sendall(data)

    def reset(self) -> None:
        """End the connection as a crash does."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
        self.socket.close()


Answer = Callable[[Client], bool]
"""Writes an answer; returns whether the connection goes on."""


def says(status: int, body: bytes = b"", **headers: str) -> Answer:
    """A proper answer; `retry_after="1"` is the header Retry-After."""
    fields = {"content-length": str(len(body)), **{name.replace("_", "-"): text for name, text in headers.items()}}
    lines = [f"HTTP/1.1 {status} Whatever", *(f"{name}: {text}" for name, text in fields.items()), "", ""]
    return raw("\r\n".join(lines).encode("latin-1") + body)


def raw(data: bytes, *, goes_on: bool = True) -> Answer:
    """These bytes, whatever they are."""

    def answer(client: Client) -> bool:
        client.write(data)
        return goes_on

    return answer


def hangs_up(client: Client) -> bool:
    """Nothing, and the end of the connection."""
    return False


def resets(client: Client) -> bool:
    """Nothing, and a reset."""
    client.reset()
    return False


def drips(client: Client) -> bool:
    """A byte now and then of an answer that has no end."""
    client.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    while not client.stop.wait(0.02):
        client.write(b"x")
    return False


def is_silent(client: Client) -> bool:
    """Nothing, and the connection stays."""
    client.stop.wait()
    return False


@dataclass
class CacheStandIn:
    """Serves `files` by target; `answers` to a target come first, in turn, the last one repeatedly.

    `always` is the answer to whatever has none of its own.
    """

    url: str
    files: dict[str, bytes] = field(default_factory=lambda: {"/nix-cache-info": CACHE_INFO})
    answers: dict[str, list[Answer]] = field(default_factory=dict)
    always: Answer | None = None
    requests: list[SeenRequest] = field(default_factory=list)
    connections: int = 0
    open_now: int = 0
    peak: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def targets(self) -> list[str]:
        """The requested targets, except nix-cache-info."""
        return [one.target for one in self.requests if not one.target.endswith("/nix-cache-info")]

    def answer_to(self, request: SeenRequest) -> Answer:
        with self._lock:
            self.requests.append(request)
            script = self.answers.get(request.target)
            if script:
                return script.pop(0) if len(script) > 1 else script[0]
        body = self.files.get(request.target)
        if body is not None:
            return says(200, body)
        return self.always or says(404, b"404\n")

    def count(self, change: int) -> int:
        """Note a connection that comes (1) or goes (-1)."""
        with self._lock:
            self.open_now += change
            self.peak = max(self.peak, self.open_now)
            self.connections += max(0, change)
            return self.connections


@contextlib.contextmanager
def serving(*, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None) -> Iterator[CacheStandIn]:
    """The stand-in, as long as the block lasts."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    cache = CacheStandIn("")
    with _listening(host, family, lambda client: _serve(client, cache), tls, cache.count) as port:
        cache.url = f"{'http' if tls is None else 'https'}://{f'[{host}]' if ':' in host else host}:{port}"
        yield cache


def _serve(client: Client, cache: CacheStandIn) -> None:
    while (request := client.read_request()) is not None:
        if not cache.answer_to(request)(client):
            return


@dataclass
class ProxyStandIn:
    """A proxy for http and CONNECT. `requests` are the requests to it; `refuses` is the status it gives instead."""

    url: str
    requests: list[SeenRequest] = field(default_factory=list)
    refuses: int | None = None


@contextlib.contextmanager
def proxying(upstream: CacheStandIn) -> Iterator[ProxyStandIn]:
    """A proxy that has all requests answered by `upstream`, whatever host they name."""
    port_beyond = int(upstream.url.rpartition(":")[2])
    proxy = ProxyStandIn("")

    def serve(client: Client) -> None:
        while (request := client.read_request()) is not None:
            proxy.requests.append(request)
            if proxy.refuses is not None:
                says(proxy.refuses)(client)
                return
            if request.method == "CONNECT":
                client.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
                with socket.create_connection(("127.0.0.1", port_beyond)) as beyond:
                    _pump(client, beyond)
                return
            path = "/" + request.target.split("/", 3)[3]
            upstream.answer_to(SeenRequest(request.method, path, request.headers, client.number))(client)

    with _listening("127.0.0.1", socket.AF_INET, serve, None, lambda _: 0) as port:
        proxy.url = f"http://127.0.0.1:{port}"
        yield proxy


def _pump(client: Client, beyond: socket.socket) -> None:
    def forward(source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
        with contextlib.suppress(OSError):
            target.shutdown(socket.SHUT_WR)

    back = threading.Thread(target=forward, args=(beyond, client.socket))
    back.start()
    forward(client.socket, beyond)
    back.join()


@contextlib.contextmanager
def _listening(
    host: str,
    family: socket.AddressFamily,
    serve: Callable[[Client], None],
    tls: ssl.SSLContext | None,
    count: Callable[[int], int],
) -> Iterator[int]:
    """Accept connections, a thread each, and end them all with the block."""
    stop, live, threads = threading.Event(), set[socket.socket](), list[threading.Thread]()

    def handle(connected: socket.socket) -> None:
        number = count(1)
        try:
            connected.settimeout(30)
            if tls is not None:
                live.discard(connected)
                connected = tls.wrap_socket(connected, server_side=True)
                live.add(connected)
            serve(Client(connected, number, stop))
        except OSError:
            pass  # the client went away, or does not trust us: that is what some tests are about
        finally:
            count(-1)
            live.discard(connected)
            connected.close()

    def accept() -> None:
        while not stop.is_set():
            try:
                connected, _ = listener.accept()
            except OSError:
                return
            live.add(connected)
            threads.append(threading.Thread(target=handle, args=(connected,)))
            threads[-1].start()

    listener = socket.socket(family)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((host, 0))
    listener.listen(256)
    accepting = threading.Thread(target=accept)
    accepting.start()
    try:
        yield listener.getsockname()[1]
    finally:
        stop.set()
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        accepting.join()
        for connected in list(live):
            with contextlib.suppress(OSError):
                connected.shutdown(socket.SHUT_RDWR)
        for thread in threads:
            thread.join()


def make_certificate(folder: Path, names: str = "DNS:localhost,IP:127.0.0.1") -> tuple[ssl.SSLContext, Path]:
    """A server's TLS context for `names`, and the file with the certificate authority that vouches for it."""
    authority, key, request, signed = (folder / name for name in ("ca.pem", "key.pem", "request.pem", "cert.pem"))
    extensions = folder / "extensions"
    extensions.write_text(f"subjectAltName={names}\nauthorityKeyIdentifier=keyid\nsubjectKeyIdentifier=hash\n")
    # of its own: where the system's configuration is missing, as in a sandbox, openssl makes no request
    configuration = folder / "openssl.cnf"
    configuration.write_text("[req]\ndistinguished_name = subject\n[subject]\n")
    make = [
        "openssl",
        "req",
        "-config",
        configuration,
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
        "-subj",
    ]
    sign = ["openssl", "x509", "-req", "-days", "2", "-in", request, "-extfile", extensions, "-out", signed]
    rights = ("basicConstraints=critical,CA:TRUE", "subjectKeyIdentifier=hash", "keyUsage=critical,keyCertSign")
    of_authority = ["-x509", "-days", "2", *(word for right in rights for word in ("-addext", right))]
    for argv in (
        [*make, "/CN=Test CA", *of_authority, "-keyout", folder / "ca.key", "-out", authority],
        [*make, "/CN=cache", "-keyout", key, "-out", request],
        [*sign, "-CA", authority, "-CAkey", folder / "ca.key", "-CAserial", folder / "serial", "-CAcreateserial"],
    ):
        subprocess.run([str(word) for word in argv], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(signed, key)
    return context, authority
