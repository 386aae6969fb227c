"""The folder of a cache, read whole."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from nanna_ci.cache.collection.folder_index import check_cache_info, names_in, read_inventory
from nanna_ci.cache.collection.guarded_folder import GuardedFolder
from nanna_ci.cache.collection.inventory import FileFault, Inventory
from nanna_ci.foundation.errors import MalformedData, UsageError
from support.fake_cache_folder import DAY_S, NOW_S, GcFolder, path_of


@pytest.fixture
def cache(tmp_path: Path) -> GcFolder:
    return GcFolder(tmp_path / "cache")


def read(cache: GcFolder) -> Inventory:
    with GuardedFolder(cache.path) as folder:
        return read_inventory(folder)


def narinfo_of(cache: GcFolder, number: int) -> Path:
    return cache.path / f"{path_of(number).hash}.narinfo"


def faulty(cache: GcFolder) -> FileFault:
    inventory = read(cache)
    (fault,) = inventory.faults
    assert inventory.total_bytes == sum(size for name, size in cache.files().items() if not cache.is_link(name))
    return fault


def test_a_path_with_its_files_sizes_and_times(cache: GcFolder) -> None:
    path = cache.add(1, 2, 1, nar_bytes=300, age_s=DAY_S)
    cache.write(f"{path.hash}.ls", b"{}")
    os.utime(cache.path / f"nar/{1:052d}.nar.xz", (NOW_S - 5, NOW_S - DAY_S))
    found = read(cache).paths[path.hash]
    assert (found.store_path, found.references, found.deriver) == (path, (path_of(2).hash,), path_of(1, "path-1.drv"))
    assert found.listing is not None
    archive = read(cache).nars[found.nar]
    assert (archive.size_bytes, archive.added_s, archive.used_s) == (300, NOW_S - DAY_S, NOW_S - 5)
    assert found.narinfo.used_s == NOW_S - DAY_S


def test_every_byte_of_the_folder_is_somewhere(cache: GcFolder) -> None:
    path = cache.add(1, nar="nar/shared.nar.xz", nar_bytes=50)
    cache.add(2, nar="nar/shared.nar.xz", nar_bytes=50)
    cache.write("nar/orphan.nar.zst", b"1234567")
    cache.write("nar/README", b"12")
    cache.write(f"{path.hash}.ls", b"123")
    cache.write("log/x-1.drv", b"1234")
    cache.write("nar/deeper/file", b"12345")
    cache.write("index.html", b"123456")
    cache.write("realisations/sha256:00!out.doi", b"{")
    inventory = read(cache)
    assert inventory.total_bytes == sum(cache.files().values())
    assert set(inventory.nars) == {"nar/shared.nar.xz", "nar/orphan.nar.zst"}
    assert inventory.other_bytes == inventory.total_bytes - 50 - 7 - 3 - sum(
        found.narinfo.size_bytes for found in inventory.paths.values()
    )


@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        (lambda text: text[:-20], "does not end with a newline"),
        (lambda text: "", "StorePath is missing"),
        (lambda text: text.replace("NarSize: 200", "NarSize: 0"), "line 5: NarSize: is zero"),
        (lambda text: text + "URL: nar/other\n", "a second time"),
        (lambda text: text.replace(path_of(1).hash, path_of(7).hash), "is of /nix/store/0000"),
        (lambda text: text.replace("URL: nar/", "URL: "), "is not in nar/ of this cache"),
        (lambda text: text.replace("URL: nar/", "URL: ../../etc/passwd/"), "is not in nar/ of this cache"),
        (lambda text: text.replace("URL: nar/", "URL: nar/../../"), "is not in nar/ of this cache"),
        (lambda text: text.replace("URL: nar/", "URL: /etc/"), "is not in nar/ of this cache"),
        (lambda text: text.replace("URL: nar/", "URL: https://cache.example.org/nar/"), "is not in nar/ of this cache"),
        (lambda text: text.replace(f"{1:052d}.nar.xz", ".."), "is not in nar/ of this cache"),
    ],
)
def test_a_faulty_narinfo_is_reported_and_is_not_a_path(cache: GcFolder, damage, problem: str) -> None:
    cache.add(1, 2)
    narinfo = narinfo_of(cache, 1)
    cache.write(narinfo.name, damage(narinfo.read_text()).encode())
    fault = faulty(cache)
    assert fault.file == narinfo.name
    assert problem in fault.problem
    assert read(cache).paths == {}


def test_a_faulty_narinfo_still_names_what_it_needs(cache: GcFolder) -> None:
    cache.add(1, 2, 3)
    narinfo = narinfo_of(cache, 1)
    cache.write(narinfo.name, narinfo.read_bytes() + b"cut sho")
    named = read(cache).named
    assert named.hashes == {path_of(1).hash, path_of(2).hash, path_of(3).hash}
    assert named.nars == {f"nar/{1:052d}.nar.xz"}


def test_names_are_found_in_any_bytes() -> None:
    data = f"\xff\0\nReferences: {path_of(1).base_name} bad {path_of(2).base_name}\nURL:nar/x\nNar".encode("latin-1")
    assert names_in(data).hashes == {path_of(1).hash, path_of(2).hash}
    assert names_in(data).nars == {"nar/x"}
    assert names_in(f"Deriver: {path_of(3).base_name}".encode()).hashes == frozenset(), "nothing needs its deriver"


@pytest.mark.parametrize("target", ["/etc/passwd", "../outside", "nowhere"])
def test_links_are_faults_and_never_followed(cache: GcFolder, target: str) -> None:
    (cache.path.parent / "outside").write_text("x")
    (cache.path / f"{path_of(1).hash}.narinfo").symlink_to(target)
    assert "is a link" in faulty(cache).problem


def test_a_path_whose_archive_is_a_link_is_a_fault(cache: GcFolder) -> None:
    cache.add(1, nar="nar/x.nar", nar_bytes=None)
    (cache.path / "nar/x.nar").symlink_to("/etc/passwd")
    inventory = read(cache)
    assert [fault.file for fault in inventory.faults] == [f"{path_of(1).hash}.narinfo", "nar/x.nar"]
    assert (inventory.paths, inventory.nars) == ({}, {})


def test_a_nar_folder_that_is_a_link_is_refused(cache: GcFolder) -> None:
    (cache.path / "nar").rename(cache.path.parent / "elsewhere")
    (cache.path / "nar").symlink_to("../elsewhere")
    with pytest.raises(MalformedData, match="cache/nar: is a link"):
        read(cache)


def test_files_of_uploads_that_broke_off_are_strays(cache: GcFolder) -> None:
    names = ["nar/x.nar.xz.tmp.123.0", f"{path_of(1).hash}.narinfo.tmp.9.12", ".a.narinfo.ab12_xyz.tmp"]
    for name in names:
        cache.write(name, b"1")
    cache.write("notes.tmp", b"1")
    cache.write(f"{path_of(4).hash}.ls", b"1")
    assert sorted(file.name for file in read(cache).strays) == sorted([*names, f"{path_of(4).hash}.ls"])


def test_realisations_and_symbols_go_with_what_they_speak_of(cache: GcFolder) -> None:
    path = cache.add(1, nar="nar/x.nar")
    cache.write("realisations/a.doi", json.dumps({"outPath": path.base_name}).encode())
    cache.write("realisations/b.doi", json.dumps({"outPath": path_of(9).base_name}).encode())
    cache.write("debuginfo/aa", json.dumps({"archive": "../nar/x.nar", "member": "lib/debug"}).encode())
    cache.write("debuginfo/bb", json.dumps({"archive": "../nar/gone.nar"}).encode())
    cache.write("debuginfo/cc", b"[]")
    inventory = read(cache)
    companions = {key: [file.name for file in files] for key, files in inventory.companions.items()}
    assert companions == {path.hash: ["realisations/a.doi"], "nar/x.nar": ["debuginfo/aa"]}
    assert [file.name for file in inventory.strays] == ["debuginfo/bb"]
    assert [fault.file for fault in inventory.faults] == ["debuginfo/cc"]
    assert inventory.total_bytes == sum(cache.files().values())


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (None, "nix-cache-info: No such file"),
        ("Priority: 40\n", "has no StoreDir"),
        ("StoreDir: /gnu/store\n", "has StoreDir: '/gnu/store'"),
        ("StoreDir: /nix/store/x\n", "has StoreDir: '/nix/store/x'"),
    ],
)
def test_a_folder_that_is_not_a_cache_is_refused(cache: GcFolder, text: str | None, problem: str) -> None:
    if text is None:
        (cache.path / "nix-cache-info").unlink()
    else:
        cache.write("nix-cache-info", text.encode())
    with GuardedFolder(cache.path) as folder, pytest.raises(UsageError, match=problem):
        check_cache_info(folder)


def test_a_cache_is_one_by_its_info(cache: GcFolder) -> None:
    with GuardedFolder(cache.path) as folder:
        check_cache_info(folder)
