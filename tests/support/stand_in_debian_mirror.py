"""A mirror of Debian on loopback, of tiny packages with real names, signed with a key made for the test.

The real apt reads it. A package's file is a few bytes of text, since nothing here is unpacked.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from recipe import Candidate, parse_recipe

REPO = Path(__file__).resolve().parents[2]
RECIPE = parse_recipe((REPO / "nix/toolkits/debian/packages.txt").read_text())
ARCHITECTURES = ("amd64", "arm64")
RUST_PACKAGES = frozenset(
    name.removesuffix(":arm64") for parts in RECIPE.rust.values() for names in parts.values() for name in names
)
RUST = {
    Candidate("rustc-web", "trixie"): "1.96.0+dfsg1-1~deb13u1",
    Candidate("rustc", "trixie-backports"): "1.97.1+dfsg1-1~bpo13+1",
    Candidate("rustc", "trixie"): "1.85.1+dfsg1-1",
}
MODEL_SERVER = ("base-files", "ca-certificates", "llama.cpp-tools")
# apt waits for the packages of a library on each architecture to have one version
TWINS = frozenset(name.removesuffix(":arm64") for name in RECIPE.names if name.endswith(":arm64"))


@dataclass(frozen=True)
class Package:
    """A package in a suite. `depends` is the field of the control file."""

    name: str
    version: str
    architecture: str
    suite: str = "trixie"
    depends: str = ""

    @property
    def file(self) -> str:
        return f"{self.name}_{self.version.replace(':', '%3a')}_{self.architecture}.deb"

    @property
    def content(self) -> bytes:
        return f"{self.name} {self.version} {self.architecture}\n".encode() * 10

    def stanza(self) -> str:
        twin = "Multi-Arch: same\n" if self.name in TWINS else ""
        essential = "Essential: yes\n" if self.name == "base-files" else ""
        breaks = f"Breaks: {self.name} (<< {self.version}), {self.name} (>> {self.version})\n" if twin else ""
        return (
            f"Package: {self.name}\nVersion: {self.version}\nArchitecture: {self.architecture}\n"
            f"Maintainer: a test <test@invalid>\nDescription: tiny\nPriority: optional\nInstalled-Size: 1\n"
            f"{twin}{essential}{breaks}{f'Depends: {self.depends}' + chr(10) if self.depends else ''}"
            f"Filename: pool/{self.file}\nSize: {len(self.content)}\n"
            f"SHA256: {hashlib.sha256(self.content).hexdigest()}\n\n"
        )


@dataclass
class Weather:
    """What the mirror holds and how it behaves. `stops` and `garbles` name files that end half way or differ."""

    packages: list[Package]
    suites: tuple[str, ...] = ("trixie", "trixie-updates", "trixie-backports", "forky")
    expired: frozenset[str] = frozenset()
    stops: frozenset[str] = frozenset()
    garbles: frozenset[str] = frozenset()
    requests: list[str] = field(default_factory=list)

    def without(self, name: str, architecture: str | None = None, suite: str | None = None) -> None:
        """Take a package away, from one architecture or suite or from all."""
        self.packages = [
            package
            for package in self.packages
            if package.name != name
            or architecture not in {None, package.architecture}
            or suite not in {None, package.suite}
        ]

    def with_version(self, name: str, version: str, architecture: str, suite: str = "trixie") -> None:
        """Another version for one architecture."""
        self.packages = [
            replace(package, version=version)
            if (package.name, package.architecture, package.suite) == (name, architecture, suite)
            else package
            for package in self.packages
        ]


def fair_weather() -> Weather:
    """Everything is there, in one version: Rust 1.96.0 and 1.85.1 in trixie, 1.97.1 in backports."""
    names = dict.fromkeys(["apt", "base-files", *(name.removesuffix(":arm64") for name in RECIPE.names)])
    packages = []
    for architecture in ARCHITECTURES:
        packages += [Package(name, "1.0-1", architecture) for name in names if name not in RUST_PACKAGES]
        for candidate, parts in RECIPE.rust.items():
            own = dict.fromkeys(name.removesuffix(":arm64") for names in parts.values() for name in names)
            packages += [Package(name, RUST[candidate], architecture, candidate.suite) for name in own]
        packages += [Package(name, "2.0-1", architecture, "forky") for name in MODEL_SERVER]
    return Weather(packages)


class _Handler(SimpleHTTPRequestHandler):
    weather: Weather

    def do_GET(self) -> None:
        name = self.path.rpartition("/")[2]
        self.weather.requests.append(self.path)
        path = Path(self.translate_path(self.path))
        if name in self.weather.stops and path.is_file():
            body = path.read_bytes()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body[: len(body) // 2])
            self.close_connection = True
            return
        if name in self.weather.garbles and path.is_file():
            body = bytes(reversed(path.read_bytes()))
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
            return
        super().do_GET()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Silent."""


class Key:
    """A signing key for one test run."""

    def __init__(self) -> None:
        # a short path: gpg's agent has a socket in there
        self.home = Path(tempfile.mkdtemp(prefix="gpg-"))
        self._gpg("--quick-generate-key", "mirror <mirror@invalid>", "ed25519", "sign", "never")
        self.public = self.home / "mirror.gpg"
        self.public.write_bytes(self._gpg("--export"))

    def _gpg(self, *words: str, data: bytes = b"") -> bytes:
        argv = ["gpg", "--homedir", str(self.home), "--batch", "--no-tty", "--quiet", "--passphrase", "", *words]
        return subprocess.run(argv, input=data, capture_output=True, check=True).stdout

    def sign(self, text: str) -> bytes:
        return self._gpg("--clearsign", data=text.encode())

    def close(self) -> None:
        """End the agent that gpg started."""
        subprocess.run(["gpgconf", "--homedir", str(self.home), "--kill", "all"], check=False, capture_output=True)
        shutil.rmtree(self.home, ignore_errors=True)


def write_mirror(folder: Path, weather: Weather, key: Key) -> None:
    """The files of a mirror: pool/, and dists/ with signed indices."""
    pool = folder / "pool"
    pool.mkdir(parents=True, exist_ok=True)
    for package in weather.packages:
        (pool / package.file).write_bytes(package.content)
    for suite in weather.suites:
        _write_suite(folder / "dists" / suite, suite, weather, key)


def _write_suite(folder: Path, suite: str, weather: Weather, key: Key) -> None:
    sums = []
    for architecture in ARCHITECTURES:
        index = folder / "main" / f"binary-{architecture}" / "Packages"
        index.parent.mkdir(parents=True, exist_ok=True)
        there = (
            package for package in weather.packages if (package.suite, package.architecture) == (suite, architecture)
        )
        index.write_text("".join(package.stanza() for package in there))
        data = index.read_bytes()
        sums.append(f" {hashlib.sha256(data).hexdigest()} {len(data)} main/binary-{architecture}/Packages")
    now = datetime.now(UTC)
    made = now - timedelta(days=30)
    until = now - timedelta(days=5) if suite in weather.expired else now + timedelta(days=30)
    stamp = "%a, %d %b %Y %H:%M:%S UTC"
    release = (
        f"Origin: Debian\nLabel: Debian\nSuite: {suite}\nCodename: {suite}\nDate: {made.strftime(stamp)}\n"
        f"Valid-Until: {until.strftime(stamp)}\nArchitectures: {' '.join(ARCHITECTURES)}\nComponents: main\nSHA256:\n"
    )
    (folder / "InRelease").write_bytes(key.sign(release + "\n".join(sums) + "\n"))


@contextmanager
def serving(handler: Callable[..., BaseHTTPRequestHandler]) -> Iterator[str]:
    """The address of a server on loopback while it answers."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def serve_mirror(folder: Path, weather: Weather) -> Iterator[str]:
    """The mirror's address while it answers."""
    handler = type("Handler", (_Handler,), {"weather": weather})
    with serving(partial(handler, directory=str(folder))) as address:
        yield address


def write_apt_of_machine(folder: Path, address: str, keys: Iterable[Path]) -> Path:
    """The configuration of a machine's own apt, which gets its packages from that mirror; for APT_CONFIG."""
    (folder / "trusted").mkdir(parents=True, exist_ok=True)
    for key in keys:
        (folder / "trusted" / key.name).write_bytes(key.read_bytes())
    for name in ("state/lists/partial", "cache/archives/partial"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / "sources.list").write_text(f"deb {address} trixie main\n")
    (folder / "status").write_text("")
    path = folder / "apt.conf"
    path.write_text(
        f'Dir::Etc::main "/dev/null";\nDir::Etc::parts "/dev/null";\n'
        f'Dir::Etc::sourcelist "{folder}/sources.list";\nDir::Etc::sourceparts "/dev/null";\n'
        f'Dir::Etc::trustedparts "{folder}/trusted";\nDir::State "{folder}/state";\n'
        f'Dir::State::status "{folder}/status";\nDir::Cache "{folder}/cache";\nAcquire::Retries "0";\n'
    )
    return path
