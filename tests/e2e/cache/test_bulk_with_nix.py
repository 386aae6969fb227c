"""The bulk client on a signed cache that a real nix made: it finds what `nix path-info -r` finds.

Needs `nix` on PATH, 2.26 or later. The cache is served by a stand-in that behaves well, from the files of nix.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from nanna_ci.store.path_info import parse_path_info
from nanna_ci.store.store_path import StorePath, parse_store_path
from support.bulk_queries import BulkClient
from support.fake_store_paths import path
from support.stand_in_cache import CacheStandIn, serving

CHAIN = """
let
  link = number: builtins.toFile "link-${toString number}-@salt@" (
    if number == 0 then "the last" else "${link (number - 1)} ${link (number - 2 + (if number == 1 then 1 else 0))}"
  );
in link 12
"""


def nix(*words: str, home: Path) -> str:
    argv = ["nix", "--extra-experimental-features", "nix-command", *words]
    environ = os.environ | {"XDG_CACHE_HOME": str(home / "cache"), "NO_COLOR": "1"}
    done = subprocess.run(argv, capture_output=True, check=False, timeout=120, env=environ, cwd=home)
    assert done.returncode == 0, done.stderr.decode(errors="replace")
    return done.stdout.decode().strip()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[StorePath, Path]:
    """A path, and the folder of a signed cache with all that it refers to."""
    assert shutil.which("nix"), "these tests need `nix` on PATH: run them with `./nixw run .#test`"
    home = tmp_path_factory.mktemp("nix")
    (home / "chain.nix").write_text(CHAIN.replace("@salt@", uuid.uuid4().hex))
    (home / "key").write_text(nix("key", "generate-secret", "--key-name", "test-1", home=home))
    top = nix("eval", "--raw", "--file", "chain.nix", home=home)
    nix("copy", "--to", f"file://{home}/store?secret-key={home}/key&compression=none", top, home=home)
    return parse_store_path(top), home / "store"


@pytest.fixture
def cache(made: tuple[StorePath, Path]) -> Iterator[CacheStandIn]:
    with serving() as cache:
        for file in made[1].iterdir():
            if file.is_file():
                cache.files[f"/{file.name}"] = file.read_bytes()
        yield cache


def test_a_walk_over_http_and_one_over_files_find_what_nix_finds(
    made: tuple[StorePath, Path], cache: CacheStandIn, tmp_path: Path
) -> None:
    top, folder = made
    said = nix("path-info", "--json", "-r", "--store", cache.url, str(top), home=tmp_path)
    infos = {one: info for one, info in parse_path_info(said.encode(), "nix").items() if info is not None}
    assert len(infos) == 13
    for result in BulkClient().query_all([cache.url, f"file://{folder}"], [top], walk=True):
        assert (result.missing, dict(result.corrupt), dict(result.failed), result.error) == (frozenset(), {}, {}, None)
        assert result.found.keys() == infos.keys()
        for one, info in infos.items():
            found = result.found[one]
            assert found.nar_hash == info.nar_hash
            assert found.nar_size_bytes == info.nar_size_bytes
            assert set(found.references) == set(info.references)
            assert {signature.key_name for signature in found.signatures} == {"test-1"}


def test_a_path_that_nix_does_not_find_is_missing(made: tuple[StorePath, Path], cache: CacheStandIn) -> None:
    result = BulkClient().query(cache.url, [made[0], path("absent")])
    assert (set(result.found), result.missing) == ({made[0]}, {path("absent")})


@pytest.mark.parametrize(("own", "others"), [("", "Priority: 1\n"), ("Priority: 5\n", "Priority: 6\n")])
def test_the_priority_is_the_one_that_nix_goes_by(
    made: tuple[StorePath, Path], tmp_path: Path, own: str, others: str
) -> None:
    """Nix takes a path from the cache whose priority is lower, wherever it stands in the list."""
    top, folder = made
    urls = []
    for name, line in (("others", others), ("own", own)):
        shutil.copytree(folder, tmp_path / name)
        (tmp_path / name / "nix-cache-info").write_text(f"StoreDir: /nix/store\n{line}")
        urls.append(f"file://{tmp_path}/{name}?trusted=true")
    results = BulkClient().query_all(urls, [top])
    argv = ["nix-store", "--realise", str(top), "--store", str(tmp_path / "store"), "--option", "substituters"]
    environ = os.environ | {"XDG_CACHE_HOME": str(tmp_path / "cache")}
    done = subprocess.run(
        [*argv, " ".join(urls)], capture_output=True, check=True, timeout=120, env=environ, cwd=tmp_path
    )
    assert f"{top}' from '{min(results, key=lambda one: one.priority).substituter.url}'" in done.stderr.decode()
    assert results[1].priority < results[0].priority
    for file in [*(tmp_path / "store").rglob("*"), tmp_path / "store"]:
        if not file.is_symlink():
            file.chmod(0o755)
