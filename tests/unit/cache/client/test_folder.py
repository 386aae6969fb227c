"""A `file://` cache read where it is, and what it says of itself."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from nanna_ci.cache.client import folder as folder_module
from nanna_ci.cache.client.cache_info import CacheInfo, parse_cache_info
from nanna_ci.cache.client.folder import query_size_bytes, read_cache_info, read_narinfo
from nanna_ci.foundation.errors import MalformedData, ToolMissing
from nanna_ci.store.store_path import StorePath
from support.bulk_queries import BulkClient
from support.fake_store_paths import narinfo, path, put_into_folder
from support.stand_in_cache import CACHE_INFO


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "nix-cache-info").write_bytes(CACHE_INFO)
    return tmp_path


def put(folder: Path, name: str, *references: str) -> StorePath:
    of = path(name)
    put_into_folder(folder, narinfo(of, *map(path, references)))
    return of


def test_a_folder_is_queried_like_any_cache(folder: Path) -> None:
    here, bad, fifo, loop = put(folder, "here"), put(folder, "bad"), path("fifo"), path("loop")
    (folder / f"{bad.hash}.narinfo").write_bytes(b"StorePath: nonsense\n")
    os.mkfifo(folder / f"{fifo.hash}.narinfo")
    (folder / f"{loop.hash}.narinfo").symlink_to(f"{loop.hash}.narinfo")
    result = BulkClient().query(str(folder), [here, bad, fifo, loop, path("absent")])
    assert (set(result.found), result.missing) == ({here}, {path("absent")})
    assert "line 1: StorePath" in result.corrupt[bad]
    assert "is not a file" in result.corrupt[fifo]
    assert "symbolic links" in result.failed[loop]
    assert (result.priority, result.requests, result.peak_connections) == (40, 5, 0)
    assert result.bytes_received == sum((folder / f"{one.hash}.narinfo").stat().st_size for one in (here, bad))


def test_a_walk_through_a_folder_larger_than_a_round(folder: Path) -> None:
    names = [f"p{number}" for number in range(200)]
    root = put(folder, "root", *names)
    paths = [put(folder, name) for name in names]
    assert set(BulkClient().query(str(folder), [root], walk=True).found) == {root, *paths}


def test_a_folder_that_is_not_a_cache_is_an_error_with_a_hint(tmp_path: Path) -> None:
    for place in (tmp_path, tmp_path / "absent"):
        with pytest.raises(ToolMissing, match="no binary cache: nix-cache-info") as caught:
            read_cache_info(place)
        assert "nix copy --to" in str(caught.value.hint)


def test_a_narinfo_over_the_limit_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = put(folder, "here")
    size = (folder / f"{here.hash}.narinfo").stat().st_size
    monkeypatch.setattr(folder_module, "BODY_LIMIT_BYTES", size)
    assert read_narinfo(folder, here) is not None
    monkeypatch.setattr(folder_module, "BODY_LIMIT_BYTES", size - 1)
    with pytest.raises(MalformedData, match=f"is over {size - 1} bytes"):
        read_narinfo(folder, here)


def test_the_size_counts_every_file_once_and_no_links(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "large").write_bytes(bytes(100_000))
    (folder / "nar").mkdir()
    (folder / "nar/a").write_bytes(bytes(1000))
    os.link(folder / "nar/a", folder / "nar/b")
    (folder / "nar/c").symlink_to(elsewhere / "large")
    (folder / "more").symlink_to(elsewhere)
    assert query_size_bytes(folder) == 1000 + len(CACHE_INFO)
    assert query_size_bytes(folder / "absent") is None


def test_what_a_cache_says_of_itself() -> None:
    assert parse_cache_info(CACHE_INFO, "source") == CacheInfo(40)
    assert parse_cache_info(b"StoreDir:/nix/store\nNews: x", "source") == CacheInfo(0)
    assert parse_cache_info(b"Priority: -3\r\nStoreDir: /nix/store\r\n", "source") == CacheInfo(-3)


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "has no StoreDir"),
        (b"\xff\xfe", "has no StoreDir"),
        (b"WantMassQuery: 1\nStoreDir: /gnu/store\n", "line 2: the cache is for '/gnu/store'"),
        (b"StoreDir: /nix/store\nPriority: 1.5\n", "line 2: Priority is '1.5'"),
        (b"StoreDir: /nix/store\nPriority:\n", "line 2: Priority is ''"),
    ],
)
def test_what_is_not_a_cache_of_our_store_is_refused(data: bytes, problem: str) -> None:
    with pytest.raises(MalformedData, match=f"^source: {problem}"):
        parse_cache_info(data, "source")
