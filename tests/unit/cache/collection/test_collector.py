"""A collection, carried out."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from nanna_ci.cache.collection import collector
from nanna_ci.cache.collection.collector import Collected, collect
from nanna_ci.cache.collection.eviction_plan import plan_collection
from nanna_ci.cache.collection.folder_index import read_inventory
from nanna_ci.cache.collection.guarded_folder import GuardedFolder
from nanna_ci.cache.folder_lock import LOCK_FILE, collection_lock, push_lock
from nanna_ci.foundation.errors import NannaError
from nanna_ci.store.build_times import BuildTimes
from support.fake_cache_folder import NOW_S, GcFolder, Killed, KilledFolder, UploadingFolder, path_of


class RecordingFolder(GuardedFolder):
    """Notes what is deleted."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.deleted: list[str] = []

    def delete(self, name: str) -> bool:
        self.deleted.append(name)
        return super().delete(name)


@pytest.fixture
def cache(tmp_path: Path) -> GcFolder:
    return GcFolder(tmp_path / "cache")


def run(folder: GuardedFolder, limit_bytes: int = 0, meanwhile: Callable[[], object] = lambda: None) -> Collected:
    with folder:
        inventory = read_inventory(folder)
        plan = plan_collection(inventory, (), limit_bytes, BuildTimes(), NOW_S)
        meanwhile()
        return collect(folder, inventory, plan)


def narinfo(number: int) -> str:
    return f"{path_of(number).hash}.narinfo"


def archive(number: int) -> str:
    return f"nar/{number:052d}.nar.xz"


def test_what_refers_goes_first_and_narinfo_before_archives(cache: GcFolder) -> None:
    path = cache.add(1, 2)
    cache.add(2)
    cache.write(f"{path.hash}.ls", b"{}")
    cache.write("realisations/a.doi", f'{{"outPath": "{path.base_name}"}}'.encode())
    cache.write("debuginfo/aa", f'{{"archive": "../{archive(2)}"}}'.encode())
    cache.write("nar/old.nar", b"1")
    folder = RecordingFolder(cache.path)
    collected = run(folder)
    assert folder.deleted == [
        "nar/old.nar",
        "realisations/a.doi",
        narinfo(1),
        f"{path.hash}.ls",
        narinfo(2),
        archive(1),
        "debuginfo/aa",
        archive(2),
    ]
    assert set(cache.files()) == {"nix-cache-info"}
    assert (collected.deleted, collected.deleted_files) == (frozenset({path.hash, path_of(2).hash}), 8)


def test_it_says_how_many_bytes_came_free(cache: GcFolder) -> None:
    cache.add(1, nar="nar/shared.nar")
    cache.add(2, nar="nar/shared.nar")
    before = sum(cache.files().values())
    assert run(GuardedFolder(cache.path)).freed_bytes == before - cache.files()["nix-cache-info"]


@pytest.mark.parametrize("at", range(6))
@pytest.mark.parametrize("after", [False, True])
def test_an_end_at_any_deletion_is_made_good_by_the_next_run(cache: GcFolder, at: int, after: bool) -> None:
    for number, references in ((1, (2,)), (2, (3,)), (3, ())):
        cache.add(number, *references)
    with pytest.raises(Killed):
        run(KilledFolder(cache.path, at, after=after))
    assert cache.dangling() == set()
    run(GuardedFolder(cache.path))
    assert set(cache.files()) == {"nix-cache-info"}


def test_a_new_narinfo_keeps_what_it_needs(cache: GcFolder) -> None:
    for number, references in ((1, ()), (2, (3,)), (3, ()), (4, ())):
        cache.add(number, *references)

    def upload() -> None:
        cache.add(9, 2, nar=archive(4), nar_bytes=None, age_s=0)

    collected = run(GuardedFolder(cache.path), meanwhile=upload)
    assert cache.hashes() == {path_of(number).hash for number in (2, 3, 9)}
    assert cache.archives() == {archive(number) for number in (2, 3, 4)}
    assert collected.spared == {path_of(2).hash, path_of(3).hash}
    assert collected.broken == ()


def test_a_narinfo_written_anew_stays_with_what_it_needs(cache: GcFolder) -> None:
    cache.add(1, 2)
    cache.add(2)
    cache.add(3)
    collected = run(GuardedFolder(cache.path), meanwhile=lambda: cache.add(1, 2, age_s=5))
    assert cache.hashes() == {path_of(1).hash, path_of(2).hash}
    assert collected.deleted == {path_of(3).hash}
    assert cache.dangling() == set()


def test_a_narinfo_written_anew_stays_even_if_it_says_nothing_that_we_know(cache: GcFolder) -> None:
    cache.add(1, 2)
    cache.add(2)
    collected = run(GuardedFolder(cache.path), meanwhile=lambda: cache.write(narinfo(1), b"of the future", age_s=5))
    assert cache.hashes() == {path_of(1).hash, path_of(2).hash}
    assert collected.deleted == frozenset()


def test_an_orphan_that_came_into_use_stays(cache: GcFolder) -> None:
    cache.write("nar/orphan.nar", b"1")
    run(GuardedFolder(cache.path), meanwhile=lambda: cache.add(1, nar="nar/orphan.nar", nar_bytes=None, age_s=0))
    assert cache.dangling() == set()


def test_an_orphan_written_anew_stays(cache: GcFolder) -> None:
    cache.write("nar/orphan.nar", b"1")
    run(GuardedFolder(cache.path), meanwhile=lambda: cache.write("nar/orphan.nar", b"2", age_s=0))
    assert (cache.path / "nar/orphan.nar").exists()


def test_an_upload_that_relied_on_deleted_paths_is_reported(cache: GcFolder) -> None:
    cache.add(1)
    cache.add(2)

    def upload() -> None:
        cache.add(9, 1, 2, nar=archive(9), age_s=0)

    collected = run(UploadingFolder(cache.path, 1, upload))  # both narinfo files went in one batch
    (fault,) = collected.broken
    assert fault.file == narinfo(9)
    assert fault.problem == f"came meanwhile, and needs {path_of(1)}, {path_of(2)}, which was deleted"


def test_what_came_again_after_it_went_is_not_missed(cache: GcFolder) -> None:
    cache.add(1)

    def upload() -> None:
        cache.add(1, age_s=0)
        cache.add(9, 1, age_s=0)

    collected = run(UploadingFolder(cache.path, 0, upload))
    assert collected.broken == ()
    assert cache.dangling() == set()


def test_what_came_again_keeps_what_it_needs(cache: GcFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collector, "_BATCH", 1)
    cache.add(1, 2)
    cache.add(2)
    collected = run(UploadingFolder(cache.path, 0, lambda: cache.add(1, 2, age_s=0)))
    assert collected.deleted == {path_of(1).hash}
    assert cache.hashes() == {path_of(1).hash, path_of(2).hash}
    assert cache.dangling() == set()


def test_what_someone_else_deleted_is_not_an_error(cache: GcFolder) -> None:
    cache.add(1)
    collected = run(GuardedFolder(cache.path), meanwhile=(cache.path / narinfo(1)).unlink)
    assert set(cache.files()) == {"nix-cache-info"}
    assert collected.freed_bytes == 100


def test_it_stops_where_something_cannot_be_deleted_and_the_rest_is_whole(
    cache: GcFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache.add(1, 2)
    cache.add(2)
    real = os.unlink

    def refuse(name: str, **options: int) -> None:
        if name == narinfo(2):
            raise PermissionError(13, "Permission denied")
        real(name, **options)

    monkeypatch.setattr(os, "unlink", refuse)
    with pytest.raises(NannaError, match=f"{narinfo(2)}: cannot be deleted: Permission denied"):
        run(GuardedFolder(cache.path))
    assert cache.dangling() == set()


def test_a_second_collection_is_kept_out_and_learns_who_is_there(cache: GcFolder) -> None:
    with GuardedFolder(cache.path) as folder, GuardedFolder(cache.path) as other:
        held = f"the last collection was process {os.getpid()}"
        with collection_lock(folder), pytest.raises(NannaError, match=held), collection_lock(other):
            pass
        with collection_lock(other):
            pass


def test_pushes_hold_the_lock_together_and_a_collection_alone(cache: GcFolder) -> None:
    with GuardedFolder(cache.path) as folder:
        two_pushes = (push_lock(cache.path), push_lock(cache.path))
        refused = pytest.raises(NannaError, match="push is under way")
        with two_pushes[0], two_pushes[1], refused, collection_lock(folder):
            pass
        with collection_lock(folder), pytest.raises(NannaError, match="collection"), push_lock(cache.path):
            pass
        with push_lock(cache.path):
            pass


def test_a_folder_that_is_not_there_yet_needs_no_lock_to_push_to(tmp_path: Path) -> None:
    with push_lock(tmp_path / "absent"):
        assert not (tmp_path / "absent").exists()


def test_the_lock_is_not_a_way_out_of_the_folder(cache: GcFolder) -> None:
    (cache.path.parent / "victim").write_text("precious")
    (cache.path / LOCK_FILE).symlink_to("../victim")
    refused = pytest.raises(NannaError, match="cannot be opened")
    with GuardedFolder(cache.path) as folder, refused, collection_lock(folder):
        pass
    assert (cache.path.parent / "victim").read_text() == "precious"
