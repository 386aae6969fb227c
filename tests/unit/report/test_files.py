"""Files written whole or not at all."""

from __future__ import annotations

import errno
import os
import stat
import threading

import pytest

from nanna_ci.foundation.errors import NannaError
from nanna_ci.report.files import write_atomic, write_together
from support.planted_secrets import SHAPED


def test_a_file_is_written_with_its_mode_whatever_the_umask(tmp_path):
    old = os.umask(0o077)
    try:
        write_atomic(tmp_path / "a", b"data")
        write_atomic(tmp_path / "b", b"data", mode=0o755)
    finally:
        os.umask(old)
    assert (tmp_path / "a").read_bytes() == b"data"
    assert [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in "ab"] == [0o644, 0o755]


def test_an_old_file_is_replaced(tmp_path):
    (tmp_path / "a").write_bytes(b"old and longer")
    write_atomic(tmp_path / "a", b"new")
    assert (tmp_path / "a").read_bytes() == b"new"


def test_a_symlink_is_replaced_and_not_followed(tmp_path):
    (tmp_path / "target").write_bytes(b"target")
    (tmp_path / "link").symlink_to("target")
    write_atomic(tmp_path / "link", b"new")
    assert (tmp_path / "target").read_bytes() == b"target"
    assert not (tmp_path / "link").is_symlink()


@pytest.mark.parametrize("step", ["fsync", "replace", "fchmod"])
def test_on_a_full_disk_the_old_file_is_intact_and_nothing_is_left(tmp_path, monkeypatch, step):
    (tmp_path / "a").write_bytes(b"old")

    def full(*_args, **_options):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, step, full)
    with pytest.raises(NannaError, match="a: cannot be written: No space left on device"):
        write_atomic(tmp_path / "a", b"new")
    monkeypatch.undo()
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"a": b"old"}


def test_an_interruption_leaves_nothing_either(tmp_path, monkeypatch):
    def interrupt(*_args):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_atomic(tmp_path / "a", b"new")
    assert list(tmp_path.iterdir()) == []


def test_a_missing_folder_is_an_error_that_names_the_path(tmp_path):
    with pytest.raises(NannaError, match="none/a: cannot be written: No such file or directory"):
        write_atomic(tmp_path / "none" / "a", b"new")


def test_a_long_name_is_not_an_obstacle(tmp_path):
    write_atomic(tmp_path / ("n" * 250), b"data")
    assert (tmp_path / ("n" * 250)).read_bytes() == b"data"


def test_writers_at_once_leave_one_whole_file(tmp_path):
    contents = [bytes([65 + number]) * 200_000 for number in range(8)]
    threads = [threading.Thread(target=write_atomic, args=(tmp_path / "a", content)) for content in contents]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (tmp_path / "a").read_bytes() in contents
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("name", SHAPED)
def test_no_secret_is_written(tmp_path, name):
    write_atomic(tmp_path / "a", f"before {SHAPED[name]} after".encode())
    data = (tmp_path / "a").read_bytes()
    assert data.startswith(b"before ")
    assert data.endswith(b"[redacted] after")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_device_or_a_pipe_is_refused_and_still_there(tmp_path):
    pipe, link = tmp_path / "pipe", tmp_path / "link"
    os.mkfifo(pipe)
    link.symlink_to(pipe)
    for path in (pipe, link):
        with pytest.raises(NannaError, match="it is a device or a pipe"):
            write_atomic(path, b"new")
    assert pipe.is_fifo()
    assert link.is_symlink()
    assert {*tmp_path.iterdir()} == {pipe, link}


def test_files_are_written_together_with_folders_and_modes_kept(tmp_path):
    (tmp_path / "old").write_bytes(b"old")
    (tmp_path / "old").chmod(0o600)
    write_together({tmp_path / "old": b"1", tmp_path / "a" / "b" / "new": b"2"})
    assert ((tmp_path / "old").read_bytes(), (tmp_path / "a/b/new").read_bytes()) == (b"1", b"2")
    assert stat.S_IMODE((tmp_path / "old").stat().st_mode) == 0o600
    assert len(list(tmp_path.rglob("*"))) == 4


@pytest.mark.parametrize("failing", [1, 2, 3])
@pytest.mark.parametrize("step", ["fsync", "replace"])
@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()])
def test_of_files_written_together_all_are_as_before_after_a_failure(tmp_path, monkeypatch, step, failing, error):
    (tmp_path / "old").write_bytes(b"old")
    real, calls = getattr(os, step), []

    def fail(*arguments):
        calls.append(arguments)
        if len(calls) == failing:
            raise error
        return real(*arguments)

    monkeypatch.setattr(os, step, fail)
    expected = KeyboardInterrupt if isinstance(error, KeyboardInterrupt) else NannaError
    with pytest.raises(expected):
        write_together({tmp_path / "old": b"1", tmp_path / "a" / "new": b"2", tmp_path / "last": b"3"})
    assert {path.relative_to(tmp_path).as_posix(): path.read_bytes() for path in tmp_path.rglob("*")} == {"old": b"old"}


def test_files_are_not_written_together_over_what_is_no_file(tmp_path):
    (tmp_path / "folder").mkdir()
    with pytest.raises(NannaError, match="folder: cannot be written: it is not a regular file"):
        write_together({tmp_path / "new": b"1", tmp_path / "folder": b"2"})
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(NannaError, match="file/new: cannot be written: Not a directory"):
        write_together({tmp_path / "file" / "new": b"1"})
