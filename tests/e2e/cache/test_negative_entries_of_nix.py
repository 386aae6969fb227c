"""The narinfo cache that a real nix writes: a path that it did not find is in there, one that it found is not.

Needs `nix` on PATH.
"""

from __future__ import annotations

import functools
import http.server
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from nanna_ci.cache.negative_entries import load_negative_entries
from nanna_ci.store.store_path import parse_store_path

ABSENT = "/nix/store/00000000000000000000000000000000-absent"


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Quiet."""


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """A folder over HTTP."""
    folder = tmp_path / "served"
    folder.mkdir()
    handler = functools.partial(Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}", folder
        finally:
            server.shutdown()
            thread.join()


def test_what_nix_did_not_find_is_known_with_its_age(served: tuple[str, Path], tmp_path: Path) -> None:
    assert shutil.which("nix"), "these tests need `nix` on PATH: run them with `./nixw run .#test`"
    url, folder = served
    environ = {**os.environ, "XDG_CACHE_HOME": str(tmp_path / "cache"), "NO_COLOR": "1"}
    environ.pop("NIX_CACHE_HOME", None)

    def nix(*words: str) -> subprocess.CompletedProcess[bytes]:
        argv = ["nix", "--extra-experimental-features", "nix-command", *words]
        return subprocess.run(argv, capture_output=True, check=False, timeout=120, env=environ)

    added = nix("eval", "--raw", "--expr", f'builtins.toFile "present" "{tmp_path}"')
    present = parse_store_path(added.stdout.decode())
    assert nix("copy", "--to", f"file://{folder}", str(present)).returncode == 0
    started = time.time()
    assert nix("path-info", "--store", url, str(present)).returncode == 0
    assert nix("path-info", "--store", f"{url}/?priority=7", ABSENT).returncode != 0

    absent = parse_store_path(ABSENT)
    entries = load_negative_entries(environ, None, now=time.time())
    assert entries.problem is None
    found = entries.for_(url, [absent.hash, present.hash])
    assert set(found) == {absent.hash}
    assert 0 <= found[absent.hash] <= time.time() - started + 1
    later = load_negative_entries(environ, {"narinfo-cache-negative-ttl": 60}, now=time.time() + 60)
    assert later.for_(url, [absent.hash]) == {}
