"""`cache-push` with the real nix, for tests: stores, derivations that are not built, a server."""

from __future__ import annotations

import http.server
import json
import os
import shutil
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import nanna_ci

EXPRESSION = """
let
  make = name: script: more: derivation ({
    inherit name;
    system = builtins.currentSystem;
    builder = "/bin/sh";
    args = [ "-c" script ];
    salt = "@salt@";
  } // more);
in rec {
  foo = make "a-foo" "echo foo > $out" { };
  source = make "b-source" "echo source > $out" { };
  bar = make "c-bar" "echo bar > $out" { };
  needs = make "d-needs" "echo $source > $out" { inherit source; };
  base = make "e-base" "echo base > $out" { };
  top = make "f-top" "read line < $base; echo $line, but no reference > $out" { inherit base; };
  fails = make "g-fails" "exit 3" { };
}
"""
PIPELINE = """\
[workspace]
name = "nanna-coder"
[cache]
push_filter = ["-source$"]
"""


class Sandbox:
    """A local store, a cache folder and a working folder, all fresh."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.cache = folder / "cache"
        self.bin = folder / "bin"
        self.bin.mkdir()
        (folder / "pipeline.toml").write_text(PIPELINE)
        (folder / "default.nix").write_text(EXPRESSION.replace("@salt@", uuid.uuid4().hex))
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("NANNA_CI_", "GITHUB_"))}
        self.environ = kept | {
            "PATH": f"{self.bin}:{kept['PATH']}",
            "HOME": str(folder),
            "XDG_CONFIG_HOME": str(folder / "config"),
            "XDG_CACHE_HOME": str(folder / "nix-cache"),
            "NIX_REMOTE": self.store("store"),
            "PYTHONPATH": os.pathsep.join([str(Path(nanna_ci.__file__).parent.parent)]),
            "NO_COLOR": "1",
        }

    def store(self, name: str) -> str:
        """The URL of a store of our own."""
        return f"local?root={self.folder / name}"

    def run(self, *argv: str, store: str | None = None, code: int = 0) -> str:
        """A program that must end with this code; what it printed."""
        environ = self.environ if store is None else self.environ | {"NIX_REMOTE": self.store(store)}
        done = subprocess.run(
            argv, cwd=self.folder, env=environ, capture_output=True, check=False, timeout=300, stdin=subprocess.DEVNULL
        )
        assert done.returncode == code, done.stderr.decode(errors="replace")
        return done.stdout.decode().strip()

    def build(self, *attributes: str) -> list[str]:
        """Build; the store paths, in the order of the attributes."""
        words = [word for attribute in attributes for word in ("-A", attribute)]
        return self.run("nix-build", "default.nix", "--no-out-link", *words).split()

    def start(self, *words: str) -> subprocess.Popen[bytes]:
        argv = [sys.executable, "-m", "nanna_ci", "cache-push", *words]
        return subprocess.Popen(
            argv,
            cwd=self.folder,
            env=self.environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            stdin=subprocess.PIPE,
        )

    def push(self, *words: str, stdin: str = "") -> tuple[int, dict[str, Any], str]:
        """cache-push: exit code, JSON, stderr."""
        with self.start("--format", "json", *words) as process:
            stdout, stderr = process.communicate(stdin.encode(), timeout=300)
        said = stderr.decode()
        assert stdout, said
        return process.returncode, json.loads(stdout), said

    def held(self) -> list[str]:
        """The names of the paths in the cache folder."""
        first = [file.read_text().split("\n")[0] for file in self.cache.glob("*.narinfo")]
        return sorted(line.split("-", 1)[1] for line in first)

    def wrap(self, program: str, *lines: str) -> None:
        """Put a script in the place of a program; `"$REAL"` in it is the real one."""
        real = shutil.which(program, path=os.environ["PATH"])
        path = self.bin / program
        path.write_text("\n".join(["#!/bin/sh", f"REAL={real}", *lines]) + "\n")
        path.chmod(0o755)


def make_sandbox(folder: Path) -> Iterator[Sandbox]:
    """For a fixture: a sandbox in a fresh folder, and its end."""
    assert shutil.which("nix"), "these tests need `nix` on PATH: run them with `./nixw run .#test`"
    yield Sandbox(folder)
    subprocess.run(["chmod", "-R", "u+w", str(folder)], check=False)  # stores are read-only


def names(paths: list[str]) -> list[str]:
    return [path.split("-", 1)[1] for path in paths]


class Handler(http.server.SimpleHTTPRequestHandler):
    """A folder below a prefix; PUT writes, and what is written shows only after `hides` more questions."""

    protocol_version = "HTTP/1.1"

    def __init__(self, *arguments: Any, prefix: str, hides: int, counts: dict[str, int], **options: Any) -> None:
        self.prefix, self.hides, self.counts = prefix, hides, counts
        super().__init__(*arguments, **options)

    def translate_path(self, path: str) -> str:
        return super().translate_path(path.removeprefix(self.prefix))

    def do_GET(self) -> None:
        if self.path in self.counts:
            self.counts[self.path] += 1
            if self.counts[self.path] <= self.hides:
                self.send_response(404)
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
        super().do_GET()

    def do_PUT(self) -> None:
        path = Path(self.translate_path(self.path))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path.endswith(".narinfo"):
            self.counts[self.path] = 0
        self.send_response(201)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def served(folder: Path, *, prefix: str = "", hides: int = 0) -> Iterator[str]:
    """The folder over HTTP on loopback; its URL."""
    handler = partial(Handler, directory=str(folder), prefix=prefix, hides=hides, counts={})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}{prefix}"
        finally:
            server.shutdown()
            thread.join()
