"""Artifacts of a run: names, overwriting, what a zip of GitHub's keeps and what not."""

from __future__ import annotations

import os
import threading

import pytest

from nanna_ci.rehearsal.steps.artifact_store import ArtifactRefused, ArtifactStore, extract


@pytest.fixture
def store(tmp_path):
    return ArtifactStore(tmp_path / "artifacts")


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "file"
    path.write_text("text")
    return path


def test_files_come_back_as_they_were_but_for_their_modes(store, file, tmp_path):
    file.chmod(0o755)
    (tmp_path / "link").symlink_to("file")
    stored = store.add("a", [(file, "x/y"), (tmp_path / "link", "z")], overwrite=False)
    assert (stored.id, stored.files, stored.size_bytes) == (1, ("x/y", "z"), 8)
    extract(stored, tmp_path / "out")
    assert (tmp_path / "out/x/y").read_text() == "text"
    assert (tmp_path / "out/x/y").stat().st_mode & 0o777 == 0o644
    assert not (tmp_path / "out/z").is_symlink()


def test_a_name_is_taken_once_unless_it_is_overwritten(store, file):
    first = store.add("a", [(file, "f")], overwrite=False)
    with pytest.raises(ArtifactRefused, match="409"):
        store.add("a", [(file, "f")], overwrite=False)
    file.write_text("other")
    second = store.add("a", [(file, "f")], overwrite=True)
    assert store.get("a") == second
    assert (second.id > first.id, second.digest != first.digest) == (True, True)
    assert store.all() == [second]


def test_the_newest_artifact_is_listed_first(store, file):
    names = ["b", "a", "c"]
    for name in names:
        store.add(name, [(file, "f")], overwrite=False)
    assert [stored.name for stored in store.all()] == ["c", "a", "b"]
    assert store.get("d") is None


@pytest.mark.parametrize("character", list('":<>|*?\r\n\\/'))
def test_a_name_with_a_forbidden_character_is_refused(store, file, character):
    with pytest.raises(ArtifactRefused, match="artifact name is not valid"):
        store.add(f"a{character}b", [(file, "f")], overwrite=False)
    assert store.all() == []


@pytest.mark.parametrize("name", ["", ".", ".."])
def test_a_name_that_is_no_folder_of_its_own_is_refused(store, file, name):
    with pytest.raises(ArtifactRefused):
        store.add(name, [(file, "f")], overwrite=False)


@pytest.mark.parametrize("character", list('":<>|*?\r\n'))
def test_a_path_with_a_forbidden_character_is_refused(store, file, character):
    with pytest.raises(ArtifactRefused, match="path for one of the files"):
        store.add("a", [(file, f"x{character}y")], overwrite=False)
    store.add("a", [(file, "x/y\\z")], overwrite=False)


def test_of_jobs_beside_each_other_one_gets_the_name(store, file):
    won, lost = [], []

    def add() -> None:
        try:
            won.append(store.add("a", [(file, "f")], overwrite=False))
        except ArtifactRefused as error:
            lost.append(error)

    threads = [threading.Thread(target=add) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(won), len(lost)) == (1, 7)


def test_a_name_is_taken_while_its_files_are_still_being_copied(store, file, tmp_path):
    os.mkfifo(tmp_path / "slow")
    thread = threading.Thread(target=store.add, args=("a", [(tmp_path / "slow", "f")]), kwargs={"overwrite": False})
    thread.start()
    with (tmp_path / "slow").open("wb") as slow:  # opens when the copy has begun
        with pytest.raises(ArtifactRefused):
            store.add("a", [(file, "f")], overwrite=False)
        assert store.get("a") is None
        slow.write(b"x")
    thread.join()
    assert store.get("a").size_bytes == 1
