"""Nothing outside of the folder is read or deleted."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from nanna_ci.cache.collection.guarded_folder import GuardedFolder
from nanna_ci.foundation.errors import MalformedData, NannaError


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "in/nar").mkdir(parents=True)
    (tmp_path / "out").mkdir()
    (tmp_path / "out/file").write_text("outside")
    return tmp_path / "in"


@pytest.fixture
def folder(place: Path) -> Iterator[GuardedFolder]:
    with GuardedFolder(place) as opened:
        yield opened


def test_files_are_listed_read_and_deleted(place: Path, folder: GuardedFolder) -> None:
    (place / "a").write_bytes(b"12345")
    (place / "nar/b").write_bytes(b"b")
    assert sorted(folder.names()) == ["a", "nar"]
    assert sorted(folder.names()) == ["a", "nar"], "a second look sees the same"
    assert [(name, status.st_size) for name, status in folder.entries("nar")] == [("b", 1)]
    assert folder.read("a", 5) == b"12345"
    assert folder.read("a", 3) == b"1234", "one more, so that who reads sees that there is more"
    assert folder.delete("nar/b") is True
    assert folder.delete("nar/b") is False
    assert folder.status("nar/b") is None
    assert list((place / "nar").iterdir()) == []


def test_a_subfolder_that_is_not_there_is_empty(folder: GuardedFolder) -> None:
    assert folder.names("log") == []
    assert list(folder.entries("log")) == []
    assert folder.status("log/x") is None
    assert folder.delete("log/x") is False
    with pytest.raises(FileNotFoundError):
        folder.read("log/x", 10)


def test_a_link_is_not_followed_and_only_itself_is_deleted(place: Path, folder: GuardedFolder) -> None:
    (place / "link").symlink_to("../out/file")
    with pytest.raises(OSError, match="symbolic links"):
        folder.read("link", 10)
    assert folder.delete("link")
    assert (place.parent / "out/file").read_text() == "outside"


def test_a_subfolder_that_is_a_link_is_refused(place: Path, folder: GuardedFolder) -> None:
    (place / "log").symlink_to("../out")
    for attempt in (folder.names, lambda name: list(folder.entries(name)), lambda name: folder.delete(f"{name}/file")):
        with pytest.raises(MalformedData, match="in/log: is a link"):
            attempt("log")
    assert (place.parent / "out/file").exists()


def test_a_subfolder_swapped_for_a_link_while_open_leads_nowhere_else(place: Path, folder: GuardedFolder) -> None:
    assert folder.names("nar") == []
    (place / "nar").rename(place / "moved")
    (place / "nar").symlink_to("../out")
    assert folder.delete("nar/file") is False
    assert (place.parent / "out/file").exists()


def test_a_pipe_does_not_make_us_wait(place: Path, folder: GuardedFolder) -> None:
    os.mkfifo(place / "pipe")
    with pytest.raises(OSError, match="not a regular file"):
        folder.read("pipe", 10)


def test_reading_does_not_count_as_use_of_a_file(place: Path, folder: GuardedFolder) -> None:
    (place / "a").write_bytes(b"a")
    os.utime(place / "a", (1000, 2000))  # read before it was written: any reading would be noted
    folder.read("a", 10)
    assert (place / "a").stat().st_atime == 1000


def test_a_file_of_another_user_is_read_anyway(
    place: Path, folder: GuardedFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    (place / "a").write_bytes(b"a")
    real = os.open

    def not_its_owner(path: str, flags: int, *rest: int, **options: int) -> int:
        if flags & os.O_NOATIME:
            raise PermissionError(1, "Operation not permitted", path)
        return real(path, flags, *rest, **options)

    monkeypatch.setattr(os, "open", not_its_owner)
    assert folder.read("a", 10) == b"a"


def test_what_cannot_be_deleted_is_named(place: Path, folder: GuardedFolder) -> None:
    with pytest.raises(NannaError, match="in/nar: cannot be deleted: "):
        folder.delete("nar")


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(NannaError, match="nowhere: cannot be opened: No such file"):
        GuardedFolder(tmp_path / "nowhere")


def test_names_that_lead_out_are_a_mistake_of_ours(folder: GuardedFolder) -> None:
    for name in ("../out/file", "nar/../../out/file", "/etc/passwd"):
        with pytest.raises(AssertionError):
            folder.delete(name)
