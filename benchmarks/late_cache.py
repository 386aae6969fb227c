"""A binary cache over HTTP/1.1 that answers late, to measure narinfo queries. Loopback only; SIGTERM ends it.

    python3 benchmarks/late_cache.py --paths 10000 --fan-out 10 --delay-ms 20 --hit-rate 1.0 --port 8091 [--list FILE]
    python3 benchmarks/late_cache.py --narinfos FILE --delay-ms 20 --port 8091

The closure is a tree: path i refers to the paths i*F+1 … i*F+F. The root is always there, the others with the
probability of the hit rate, decided by their hash, so that two runs agree. `--list` writes the store paths, one a line.
With `--narinfos`, the cache has what the file says instead: JSON lines {"hash": "32 characters", "narinfo": "StorePath:
/nix/store/…\\nURL: …\\n"}, the text as it is served. `/stats` answers requests, connections now, connections at most.
No NAR is served: who only asks what would be downloaded never gets that far.

Other benchmarks start it, or a program with the same flags, by `serving`.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import hashlib
import json
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path

ALPHABET = "0123456789abcdfghijklmnpqrsvwxyz"
CACHE_INFO = b"StoreDir: /nix/store\nWantMassQuery: 1\nPriority: 40\n"
START_LIMIT_S = 60.0


def store_hash(index: int) -> str:
    """The hash part of path `index`."""
    return "".join(ALPHABET[byte % 32] for byte in hashlib.sha256(b"p%d" % index).digest())


def store_paths(count: int) -> list[str]:
    """The paths of a tree of that size, the root first."""
    return [f"/nix/store/{store_hash(index)}-path-{index}" for index in range(count)]


def is_present(index: int, hit_rate: float) -> bool:
    """Whether the cache has it."""
    draw = int.from_bytes(hashlib.sha256(b"hit%d" % index).digest()[:4], "big") / 2**32
    return index == 0 or draw < hit_rate


def narinfo(index: int, total: int, fan_out: int) -> str:
    """What the cache says of it."""
    children = range(index * fan_out + 1, min(total, index * fan_out + fan_out + 1))
    references = " ".join(f"{store_hash(child)}-path-{child}" for child in children)
    name = store_hash(index)
    return (
        f"StorePath: /nix/store/{name}-path-{index}\nURL: nar/{name}.nar.xz\nCompression: xz\n"
        f"FileHash: sha256:{'0' * 52}\nFileSize: {1000 + index}\nNarHash: sha256:{'0' * 52}\nNarSize: {5000 + index}\n"
        f"References: {references}\n"
    )


def make_files(options: argparse.Namespace) -> dict[str, bytes]:
    """The files of the cache by their names."""
    files = {"nix-cache-info": CACHE_INFO}
    if options.narinfos is not None:
        for line in options.narinfos.read_text().splitlines():
            entry = json.loads(line)
            files[f"{entry['hash']}.narinfo"] = entry["narinfo"].encode()
    else:
        for index in range(options.paths):
            if is_present(index, options.hit_rate):
                files[f"{store_hash(index)}.narinfo"] = narinfo(index, options.paths, options.fan_out).encode()
    return files


class Cache:
    """What is served, and the counts."""

    def __init__(self, files: dict[str, bytes], delay_s: float) -> None:
        self.answers = {f"/{name}".encode(): answer("200 OK", body) for name, body in files.items()}
        self.absent = answer("404 Not Found", b"404\n")
        self.delay_s = delay_s
        self.requests = self.connections = self.peak = 0


def answer(status: str, body: bytes) -> tuple[bytes, bytes]:
    """Head and body."""
    head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nContent-Type: text/x-nix-narinfo\r\n\r\n"
    return head.encode(), body


class Connection(asyncio.Protocol):
    """One client: its requests are answered in turn, each `delay_s` after it came or after the one before."""

    def __init__(self, cache: Cache) -> None:
        self.cache = cache
        self.loop = asyncio.get_running_loop()
        self.transport: asyncio.Transport | None = None
        self.received = b""
        self.is_busy = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client connects."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.cache.connections += 1
        self.cache.peak = max(self.cache.peak, self.cache.connections)

    def connection_lost(self, _: Exception | None) -> None:
        """A client leaves."""
        self.transport = None
        self.cache.connections -= 1

    def data_received(self, data: bytes) -> None:
        """Some of a request."""
        self.received += data
        if not self.is_busy:
            self.take()

    def take(self) -> None:
        """Begin with the next request, if it is whole."""
        head, separator, rest = self.received.partition(b"\r\n\r\n")
        self.is_busy = bool(separator)
        if not self.is_busy:
            return
        self.received = rest
        method, path, _ = head.split(b" ", 2)
        if path == b"/stats":
            cache = self.cache
            self.give(method, answer("200 OK", f"{cache.requests} {cache.connections} {cache.peak}\n".encode()))
            return
        self.cache.requests += 1
        found = self.cache.answers.get(path, self.cache.absent)
        if self.cache.delay_s:
            self.loop.call_later(self.cache.delay_s, self.give, method, found)
        else:
            self.give(method, found)

    def give(self, method: bytes, found: tuple[bytes, bytes]) -> None:
        """Answer, and go on."""
        if self.transport is None:
            return
        head, body = found
        self.transport.write(head if method == b"HEAD" else head + body)
        self.take()


async def serve(options: argparse.Namespace) -> None:
    """Serve until SIGTERM."""
    loop = asyncio.get_running_loop()
    cache = Cache(make_files(options), options.delay_ms / 1000)
    server = await loop.create_server(lambda: Connection(cache), "127.0.0.1", options.port, backlog=1024)
    async with server:
        task = asyncio.create_task(server.serve_forever())
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, task.cancel)
        with contextlib.suppress(asyncio.CancelledError):
            await task


@contextlib.contextmanager
def serving(program: Sequence[str], *flags: str) -> Iterator[str]:
    """A cache that runs as long as the block, on a free port: its URL. `program` takes the flags of this one."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    process = subprocess.Popen([*program, "--port", str(port), *flags])
    try:
        end_s = time.monotonic() + START_LIMIT_S
        while peak_connections(url) is None:
            if process.poll() is not None or time.monotonic() > end_s:
                sys.exit(f"{' '.join(program)} does not serve")
            time.sleep(0.05)
        yield url
    finally:
        process.terminate()
        process.wait()


def peak_connections(url: str) -> int | None:
    """How many connections a cache had at once; None if it does not answer."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"{url}/stats", timeout=5) as response:
            return int(response.read().split()[2])
    except OSError:
        return None


OURS: tuple[str, ...] = (sys.executable, str(Path(__file__).resolve()))
"""This program, for `serving`."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--paths", type=int, default=10_000)
    parser.add_argument("--fan-out", type=int, default=10)
    parser.add_argument("--delay-ms", type=float, default=20.0)
    parser.add_argument("--hit-rate", type=float, default=1.0)
    parser.add_argument("--port", type=int, default=8091)
    parser.add_argument("--list", type=Path, help="write the store paths, one a line, and go on")
    parser.add_argument("--narinfos", type=Path, help="serve these narinfo files instead of the tree")
    options = parser.parse_args()
    if options.list is not None:
        options.list.write_text("".join(f"{path}\n" for path in store_paths(options.paths)))
    asyncio.run(serve(options))


if __name__ == "__main__":
    main()
