"""A signed cache that a real nix made, collected; what was kept is then substituted into another store.

Needs `nix` on PATH, 2.26 or later, that may build.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from nanna_ci.cache.gc_roots import RootKind, RootRecord, write_root_record
from nanna_ci.cli import main
from nanna_ci.store.store_path import StorePath, parse_store_path
from support.fake_cache_folder import dangling_in, run_killed
from support.fake_ports import FakePorts

EXPRESSION = """
let
  make = name: needs: derivation {
    name = "${name}-@salt@";
    system = builtins.currentSystem;
    builder = "/bin/sh";
    args = [ "-c" "echo ${name} ${toString needs} > $out" ];
  };
in rec {
  base = make "base" [ ];
  old-lib = make "old-lib" [ base ];
  old = make "old" [ old-lib base ];
  new-lib = make "new-lib" [ base ];
  new = make "new" [ new-lib ];
  twin = make "old-lib" [ base "" ];
  other = make "other" [ ];
}
"""
NAMES = ("base", "old-lib", "old", "new-lib", "new", "twin", "other")
LATER_S = 7200.0

Nix = Callable[..., str]


@pytest.fixture(name="nix")
def _nix(tmp_path: Path) -> Nix:
    assert shutil.which("nix"), "these tests need `nix` on PATH: run them with `./nixw run .#test`"

    def run(*words: str, stdin: str = "") -> str:
        # each call asks the caches anew: nix remembers what they had
        environ = os.environ | {"XDG_CACHE_HOME": str(tmp_path / uuid.uuid4().hex), "NO_COLOR": "1"}
        argv = ["nix", "--extra-experimental-features", "nix-command", *words]
        done = subprocess.run(argv, input=stdin.encode(), capture_output=True, check=False, timeout=120, env=environ)
        if done.returncode != 0:
            raise AssertionError(done.stderr.decode(errors="replace"))
        return done.stdout.decode().strip()

    return run


class Cache:
    """The cache in a folder, and stores that fetch from it."""

    def __init__(self, place: Path, nix: Nix) -> None:
        self.place, self.nix = place, nix
        self.folder = place / "cache"
        expression = place / "made.nix"
        expression.write_text(EXPRESSION.replace("@salt@", uuid.uuid4().hex[:12]))
        self.paths: dict[str, StorePath] = {
            name: parse_store_path(nix("build", "--no-link", "--print-out-paths", "--file", str(expression), name))
            for name in NAMES
        }
        derivations = nix("path-info", "--derivation", "--file", str(expression), *NAMES).split()
        self.made = [*map(str, self.paths.values()), *derivations]
        secret = place / "secret"
        secret.write_text(nix("key", "generate-secret", "--key-name", "cache-1"))
        self.key = nix("key", "convert-secret-to-public", stdin=secret.read_text())
        url = f"file://{self.folder}?secret-key={secret}&compression=none"
        nix("copy", "--to", url, *map(str, self.paths.values()))
        record = RootRecord(RootKind.COMMIT, "0123abc", 1_700_000_000, (self.paths["new"],))
        write_root_record(self.folder, record)
        self.ports = FakePorts(place, seconds=time.time() + LATER_S - 1_700_000_000)

    def words(self, limit_bytes: int) -> list[str]:
        return ["--store", f"file://{self.folder}", "--max-size", str(limit_bytes), "--execute"]

    def collect(self, limit_bytes: int) -> int:
        return main(["cache-gc", *self.words(limit_bytes)], self.ports.ports)

    def names(self) -> set[str]:
        return {name for name, path in self.paths.items() if (self.folder / f"{path.hash}.narinfo").exists()}

    def size_bytes(self) -> int:
        return sum(place.lstat().st_size for place in self.folder.rglob("*") if place.is_file())

    def fetch(self, name: str) -> set[StorePath]:
        """Substitute into a new store, signatures checked; the paths that are then in it, each verified."""
        store = f"local?root={self.place / uuid.uuid4().hex}"
        options = ["--option", "substituters", f"file://{self.folder}", "--option", "trusted-public-keys", self.key]
        self.nix("build", "--no-link", "--store", store, *options, "--max-jobs", "0", str(self.paths[name]))
        listed = self.nix("path-info", "--store", store, "--all").split()
        self.nix("store", "verify", "--store", store, "--option", "trusted-public-keys", self.key, *listed)
        return set(map(parse_store_path, listed))

    def of(self, *names: str) -> set[StorePath]:
        return {self.paths[name] for name in names}


@pytest.fixture
def cache(tmp_path: Path, nix: Nix) -> Iterator[Cache]:
    made = Cache(tmp_path, nix)
    yield made
    nix("store", "delete", *made.made)
    subprocess.run(["chmod", "-R", "u+w", str(tmp_path)], check=True)  # stores are read-only, pytest cleans up later


def test_what_is_kept_can_be_fetched_and_the_rest_is_gone(cache: Cache) -> None:
    assert cache.fetch("old") == cache.of("old", "old-lib", "base")
    assert cache.collect(1) == 1, "the root alone is over the limit"
    assert cache.names() == {"new", "new-lib", "base"}
    assert cache.fetch("new") == cache.of("new", "new-lib", "base")
    with pytest.raises(AssertionError, match="required"):
        cache.fetch("old")
    assert len(list((cache.folder / "nar").iterdir())) == 3


def test_under_a_limit_whole_closures_stay(cache: Cache) -> None:
    before = cache.size_bytes()
    assert cache.collect(before - 1) == 0
    assert cache.size_bytes() - 16 < before, "and the lock"
    left = cache.names()
    assert {"new", "new-lib", "base"} <= left < set(NAMES)
    needs = {"old": {"old-lib", "base"}, "new": {"new-lib", "base"}, "old-lib": {"base"}, "twin": {"base"}}
    for name in left & needs.keys():
        assert needs[name] <= left
        cache.fetch(name)


def test_a_cache_is_not_collected_within_the_hour_of_an_upload(cache: Cache) -> None:
    cache.ports.seconds -= LATER_S
    assert cache.collect(1) == 1
    assert cache.names() == set(NAMES)


@pytest.mark.parametrize("at", [1, 4])
def test_killed_in_the_middle_the_cache_still_serves_and_the_next_run_ends_it(cache: Cache, at: int) -> None:
    run_killed(cache.words(1), at=at, now_s=time.time() + LATER_S)
    assert dangling_in(cache.folder) == set()
    for name in cache.names():
        cache.fetch(name)
    assert cache.collect(1) == 1
    assert cache.names() == {"new", "new-lib", "base"}
    assert len(list((cache.folder / "nar").iterdir())) == 3
