"""Opening a build's executables: what is found where, and what is refused (faults 35, 38)."""

from __future__ import annotations

import os
import socket
from contextlib import ExitStack
from pathlib import Path

import pytest

from nanna_ci.binaries.intake import Input, open_inputs, resolve_source
from nanna_ci.binaries.targets import BuildTarget, System
from nanna_ci.foundation.errors import GateFailed, MalformedData, UsageError
from support.fake_executables import elf

TARGET = BuildTarget(System.X86_64_LINUX, "x86_64-unknown-linux-gnu")
DATA = elf()


def put(path: Path, data: bytes = DATA) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def found(folder: Path, *names: str, target: BuildTarget = TARGET) -> list[tuple[str, Path, bytes]]:
    with open_inputs(resolve_source(folder), target, names) as inputs:
        return [(item.name, item.path, b"".join(item.chunks())) for item in inputs]


def refused(folder: Path, *names: str) -> str:
    with pytest.raises(MalformedData) as caught:
        found(folder, *(names or ("harness",)))
    return caught.value.message


@pytest.mark.parametrize("place", ["bin", ".", "x86_64-unknown-linux-gnu/release", "release"])
def test_executables_are_found_in_nix_results_and_cargo_folders(tmp_path: Path, place: str) -> None:
    path = put(tmp_path / place / "harness")
    assert found(tmp_path, "harness") == [("harness", path.resolve(), DATA)]


def test_the_targets_own_cargo_folder_comes_before_the_hosts(tmp_path: Path) -> None:
    put(tmp_path / "release/harness", b"the host's")
    wanted = put(tmp_path / TARGET.triple / "release/harness")
    assert found(tmp_path, "harness")[0][1] == wanted


def test_windows_programs_have_their_suffix(tmp_path: Path) -> None:
    put(tmp_path / "release/harness.exe")
    windows = BuildTarget(System.X86_64_WINDOWS, "x86_64-pc-windows-msvc")
    assert [name for name, _, _ in found(tmp_path, "harness", target=windows)] == ["harness"]


def test_the_named_path_may_be_a_link_and_is_followed_once(tmp_path: Path) -> None:
    path = put(tmp_path / "store/bin/harness")
    (tmp_path / "result").symlink_to("store")
    assert found(tmp_path / "result", "harness")[0][1] == path


def test_nothing_there_is_a_no(tmp_path: Path) -> None:
    with pytest.raises(GateFailed, match="nothing found"):
        resolve_source(tmp_path / "result")
    (tmp_path / "dangling").symlink_to("gone")
    with pytest.raises(GateFailed, match="nothing found"):
        resolve_source(tmp_path / "dangling")
    with pytest.raises(GateFailed, match="holds none of harness"):
        found(tmp_path, "harness")


def test_one_binary_missing_among_several_is_a_no(tmp_path: Path) -> None:
    put(tmp_path / "bin/harness")
    with pytest.raises(GateFailed, match=r"bin/worker: the workspace's binary `worker`"):
        found(tmp_path, "harness", "worker")


def test_a_file_in_place_of_the_folder_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        resolve_source(put(tmp_path / "harness"))


@pytest.mark.parametrize("name", ["../harness", "/etc/passwd", "a\0b", "a/b"])
def test_a_binarys_name_leads_nowhere_else(tmp_path: Path, name: str) -> None:
    put(tmp_path / "harness")
    assert "[workspace] binaries" in refused(tmp_path / ".", name)


def test_a_symbolic_link_is_refused(tmp_path: Path) -> None:
    put(tmp_path / "elsewhere")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/harness").symlink_to("../elsewhere")
    assert refused(tmp_path).endswith("bin/harness: a symbolic link, not a file")


def test_a_linked_folder_inside_is_refused(tmp_path: Path) -> None:
    put(tmp_path / "elsewhere/harness")
    (tmp_path / "top").mkdir()
    (tmp_path / "top/bin").symlink_to("../elsewhere")
    assert "cannot be opened as a folder at 'bin'" in refused(tmp_path / "top")


def test_a_parent_that_became_a_link_after_it_was_resolved_is_refused(tmp_path: Path) -> None:
    put(tmp_path / "a/b/harness")
    source = resolve_source(tmp_path / "a/b")
    (tmp_path / "a").rename(tmp_path / "moved")
    (tmp_path / "a").symlink_to("moved")
    with (
        pytest.raises(MalformedData, match="cannot be opened as a folder at 'a'"),
        open_inputs(source, TARGET, ["harness"]),
    ):
        pass


def test_a_fifo_is_refused_without_waiting_for_its_writer(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "harness")
    assert refused(tmp_path).endswith("a FIFO, not a file")


def test_a_socket_and_a_folder_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # a socket's name must be short
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("harness")
        assert refused(tmp_path).endswith("a socket, not a file")
    (tmp_path / "worker").mkdir()
    assert refused(tmp_path, "worker").endswith("a folder, not a file")


def test_a_device_is_refused() -> None:
    assert refused(Path("/dev"), "null").endswith("a character device, not a file")


def test_a_sticky_file_is_refused(tmp_path: Path) -> None:
    # setuid and setgid are tested in e2e: Nix's sandbox, where this runs too, does not let anyone make such a file
    path = put(tmp_path / "harness")
    path.chmod(0o1755)
    assert "setuid, setgid or sticky" in refused(tmp_path)


def test_a_hard_link_to_somewhere_else_is_refused(tmp_path: Path) -> None:
    put(tmp_path / "release/harness")
    (tmp_path / "elsewhere").hardlink_to(tmp_path / "release/harness")
    assert "a hard link: 1 other names" in refused(tmp_path)


def test_cargos_own_hard_link_to_deps_is_fine(tmp_path: Path) -> None:
    path = put(tmp_path / "release/deps/harness-0123456789abcdef")
    (tmp_path / "release/harness").hardlink_to(path)
    assert found(tmp_path, "harness")[0][2] == DATA
    (tmp_path / "elsewhere").hardlink_to(path)
    assert "a hard link" in refused(tmp_path)


def opened(folder: Path, stack: ExitStack) -> Input:
    (item,) = stack.enter_context(open_inputs(resolve_source(folder), TARGET, ["harness"]))
    return item


def test_a_name_that_becomes_a_link_during_the_read_is_never_followed(tmp_path: Path) -> None:
    put(tmp_path / "harness")
    put(tmp_path / "secret", b"secret")
    with ExitStack() as stack:
        item = opened(tmp_path, stack)
        (tmp_path / "harness").rename(tmp_path / "away")
        (tmp_path / "harness").symlink_to("secret")
        read: list[bytes] = []
        with pytest.raises(MalformedData, match="changed while"):
            read.extend(item.chunks())
        assert b"secret" not in b"".join(read)


def test_a_file_that_changes_while_it_is_read_is_refused(tmp_path: Path) -> None:
    for change in (b"", DATA + b"more", bytes(len(DATA))):
        path = put(tmp_path / "harness")
        with ExitStack() as stack:
            item = opened(tmp_path, stack)
            path.write_bytes(change)
            with pytest.raises(MalformedData, match="changed while it was read"):
                list(item.chunks())


def test_a_swap_between_look_and_open_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, other = put(tmp_path / "harness"), put(tmp_path / "other")
    real = os.open

    def swapping(name: str, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        if name == "harness":
            other.replace(path)
        return real(name, flags, mode, dir_fd=dir_fd)

    monkeypatch.setattr(os, "open", swapping)
    monkeypatch.setattr(os, "supports_dir_fd", {*os.supports_dir_fd, swapping})
    assert "was swapped" in refused(tmp_path)


def test_a_swap_for_a_link_between_look_and_open_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = put(tmp_path / "harness")
    put(tmp_path / "secret", b"secret")
    real = os.open

    def swapping(name: str, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        if name == "harness":
            path.unlink()
            path.symlink_to("secret")
        return real(name, flags, mode, dir_fd=dir_fd)

    monkeypatch.setattr(os, "open", swapping)
    monkeypatch.setattr(os, "supports_dir_fd", {*os.supports_dir_fd, swapping})
    assert "cannot be opened" in refused(tmp_path)


def test_no_descriptor_is_left_open(tmp_path: Path) -> None:
    put(tmp_path / "bin/harness")
    before = sorted(Path("/dev/fd").iterdir())
    found(tmp_path, "harness")
    with pytest.raises(GateFailed):
        found(tmp_path, "harness", "worker")
    assert sorted(Path("/dev/fd").iterdir()) == before
