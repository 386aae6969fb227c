"""A folder that appears whole or not at all."""

from __future__ import annotations

import errno
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from nanna_ci.binaries.output_folder import check_replaceable, staging
from nanna_ci.foundation.errors import Interrupted, NannaError, UsageError


def write(output: Path, **files: str) -> bool:
    with staging(output) as stage:
        for name, text in files.items():
            stage.write(name, text.encode())
        return stage.publish()


def read(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in folder.iterdir()}


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_new_folder_has_its_files_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    assert write(tmp_path / "deep/er/dist", a="1", b="2")
    assert read(tmp_path / "deep/er/dist") == {"a": "1", "b": "2"}
    assert names(tmp_path / "deep/er") == ["dist"]


def test_the_same_files_again_change_nothing(tmp_path: Path) -> None:
    write(tmp_path / "dist", a="1")
    before = (tmp_path / "dist").stat()
    assert not write(tmp_path / "dist", a="1")
    assert (tmp_path / "dist").stat().st_ino == before.st_ino
    assert names(tmp_path) == ["dist"]


def test_other_files_of_the_same_names_are_replaced(tmp_path: Path) -> None:
    write(tmp_path / "dist", a="1", b="2")
    assert write(tmp_path / "dist", a="1", b="3")
    assert read(tmp_path / "dist") == {"a": "1", "b": "3"}
    assert names(tmp_path) == ["dist"]


def test_a_missing_file_or_another_mode_is_put_right(tmp_path: Path) -> None:
    write(tmp_path / "dist", a="1", b="2")
    (tmp_path / "dist/b").unlink()
    assert write(tmp_path / "dist", a="1", b="2")
    (tmp_path / "dist/b").chmod(0o600)
    assert write(tmp_path / "dist", a="1", b="2")
    assert stat.S_IMODE((tmp_path / "dist/b").stat().st_mode) == 0o644


def test_an_empty_folder_is_filled(tmp_path: Path) -> None:
    (tmp_path / "dist").mkdir()
    assert write(tmp_path / "dist", a="1")
    assert read(tmp_path / "dist") == {"a": "1"}


@pytest.mark.parametrize("stranger", ["thesis.txt", ".git"])
def test_a_folder_with_anything_else_in_it_is_never_touched(tmp_path: Path, stranger: str) -> None:
    write(tmp_path / "dist", a="1")
    (tmp_path / "dist" / stranger).write_text("years of work")
    with pytest.raises(UsageError, match=stranger):
        write(tmp_path / "dist", a="2")
    assert read(tmp_path / "dist") == {"a": "1", stranger: "years of work"}
    assert names(tmp_path) == ["dist"]


def test_a_link_or_folder_under_one_of_our_names_is_a_stranger(tmp_path: Path) -> None:
    (tmp_path / "dist").mkdir()
    (tmp_path / "dist/a").symlink_to("/etc/passwd")
    with pytest.raises(UsageError):
        check_replaceable(tmp_path / "dist", {"a"})
    (tmp_path / "dist/a").unlink()
    (tmp_path / "dist/a").mkdir()
    with pytest.raises(UsageError):
        check_replaceable(tmp_path / "dist", {"a"})


def test_a_file_in_place_of_the_folder_is_a_usage_error(tmp_path: Path) -> None:
    (tmp_path / "dist").write_text("x")
    with pytest.raises(UsageError, match="is not a folder"):
        write(tmp_path / "dist", a="1")
    assert (tmp_path / "dist").read_text() == "x"


def test_a_link_to_the_folder_is_followed(tmp_path: Path) -> None:
    (tmp_path / "big").mkdir()
    (tmp_path / "dist").symlink_to("big")
    assert write(tmp_path / "dist", a="1")
    assert (tmp_path / "dist").is_symlink()
    assert read(tmp_path / "big") == {"a": "1"}


@pytest.mark.parametrize("error", [Interrupted(15), KeyboardInterrupt(), RuntimeError("bug")])
def test_an_interruption_leaves_the_old_files_and_nothing_else(tmp_path: Path, error: BaseException) -> None:
    def interrupted() -> None:
        with staging(tmp_path / "dist") as stage:
            stage.write("a", b"2")
            raise error

    write(tmp_path / "dist", a="1")
    with pytest.raises(type(error)):
        interrupted()
    assert read(tmp_path / "dist") == {"a": "1"}
    assert names(tmp_path) == ["dist"]


@pytest.mark.parametrize("failing", [1, 2])
@pytest.mark.parametrize("error", [Interrupted(2), OSError(errno.EIO, "broken disk")])
def test_an_interruption_between_the_renames_puts_the_old_files_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: int, error: Exception
) -> None:
    write(tmp_path / "dist", a="1")
    real, calls = Path.rename, []

    def rename(self: Path, target: Path) -> Path:
        calls.append(self)
        if len(calls) == failing:
            raise error
        return real(self, target)

    monkeypatch.setattr(Path, "rename", rename)
    with pytest.raises(NannaError):
        write(tmp_path / "dist", a="2")
    assert read(tmp_path / "dist") == {"a": "1"}
    assert names(tmp_path) == ["dist"]


def test_a_full_disk_is_an_error_that_names_the_folder_and_leaves_the_old_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "dist", a="1")

    def full(*_: object, **__: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fchmod", full)
    with pytest.raises(NannaError, match="dist: cannot be written: No space left") as caught:
        write(tmp_path / "dist", a="2")
    assert caught.value.exit_code == 3
    assert read(tmp_path / "dist") == {"a": "1"}
    assert names(tmp_path) == ["dist"]


def test_another_run_that_publishes_first_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = Path.rename

    def overtaken(self: Path, target: Path) -> Path:
        monkeypatch.setattr(Path, "rename", real)
        write(tmp_path / "dist", a="theirs")
        return real(self, target)

    monkeypatch.setattr(Path, "rename", overtaken)
    assert write(tmp_path / "dist", a="ours")
    assert read(tmp_path / "dist") == {"a": "ours"}
    assert names(tmp_path) == ["dist"]


def test_another_run_that_publishes_the_same_first_is_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = Path.rename

    def overtaken(self: Path, target: Path) -> Path:
        monkeypatch.setattr(Path, "rename", real)
        write(tmp_path / "dist", a="1")
        return real(self, target)

    monkeypatch.setattr(Path, "rename", overtaken)
    assert not write(tmp_path / "dist", a="1")
    assert names(tmp_path) == ["dist"]


def test_the_umask_does_not_matter(tmp_path: Path) -> None:
    old = os.umask(0o077)
    try:
        with staging(tmp_path / "dist") as stage:
            stage.create("program", mode=0o755).close()
            stage.write("text", b"x")
            stage.publish()
    finally:
        os.umask(old)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "dist").iterdir()}
    assert modes == {"program": 0o755, "text": 0o644}
    assert stat.S_IMODE((tmp_path / "dist").stat().st_mode) == 0o755


def killed_while_writing(output: Path, *, at: str) -> None:
    """Another process that writes, and is killed: with its hidden folder full, or between the two renames."""
    code = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from nanna_ci.binaries.output_folder import staging\n"
        "kill = lambda *_: os.kill(os.getpid(), signal.SIGKILL)\n"
        "with staging(Path(sys.argv[1])) as stage:\n"
        "    stage.write('a', b'new')\n"
        "    if sys.argv[2] == 'renames':\n"
        "        rename, calls = Path.rename, []\n"
        "        Path.rename = lambda *a: kill() if calls else (calls.append(1), rename(*a))[1]\n"
        "        stage.publish()\n"
        "    kill()\n"
    )
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    ended = subprocess.run([sys.executable, "-c", code, str(output), at], env=environ, check=False)
    assert ended.returncode == -signal.SIGKILL


def test_what_a_killed_run_left_is_swept_by_the_next_one(tmp_path: Path) -> None:
    write(tmp_path / "dist", a="old")
    killed_while_writing(tmp_path / "dist", at="writing")
    assert len(names(tmp_path)) == 2
    write(tmp_path / "dist", a="2")
    assert (names(tmp_path), read(tmp_path / "dist")) == (["dist"], {"a": "2"})


def test_old_files_come_back_that_a_kill_left_between_two_renames(tmp_path: Path) -> None:
    write(tmp_path / "dist", a="old")
    killed_while_writing(tmp_path / "dist", at="renames")
    assert "dist" not in names(tmp_path)
    with pytest.raises(RuntimeError), staging(tmp_path / "dist"):
        raise RuntimeError
    assert (names(tmp_path), read(tmp_path / "dist")) == (["dist"], {"a": "old"})


def test_a_run_that_goes_on_is_not_swept_nor_what_only_looks_like_one(tmp_path: Path) -> None:
    for name in (".dist.new-mine", ".dist.old-12345678x", ".other.new-abcdefgh", "dist.new-abcdefgh"):
        (tmp_path / name).mkdir()
    (tmp_path / "target").mkdir()
    (tmp_path / "target/precious").touch()
    (tmp_path / ".dist.new-aaaaaaaa").symlink_to("target")
    before = names(tmp_path)
    with staging(tmp_path / "dist") as stage:
        stage.write("a", b"1")
        assert write(tmp_path / "dist", a="2")
        assert stage.path.exists()
        assert stage.publish()
    assert read(tmp_path / "dist") == {"a": "1"}
    assert (tmp_path / "target/precious").exists()
    assert names(tmp_path) == sorted([*before, "dist"])
