"""Artifacts: names, the size gate, what is written, and that the same input gives the same bytes."""

from __future__ import annotations

import hashlib
import io
import json
import os
import stat
import tarfile
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest

from nanna_ci.binaries import artifacts
from nanna_ci.binaries.archive import ArchiveWriter
from nanna_ci.binaries.artifacts import ArtifactsRequest, decide_size, inspect, plan_files, prepare
from nanna_ci.binaries.executables import WrongMachine
from nanna_ci.binaries.manifest import BinaryOrigin
from nanna_ci.binaries.output_folder import Staging
from nanna_ci.binaries.targets import BuildTarget, System
from nanna_ci.foundation.errors import GateFailed, MalformedData, NannaError, UsageError
from support.fake_executables import AARCH64, elf

TARGET = BuildTarget(System.X86_64_LINUX, "x86_64-unknown-linux-gnu")
HARNESS, WORKER = elf(padding=3000), elf(padding=500)


@pytest.fixture
def request_(tmp_path: Path) -> ArtifactsRequest:
    folder = tmp_path / "result/bin"
    folder.mkdir(parents=True)
    (folder / "harness").write_bytes(HARNESS)
    (folder / "worker").write_bytes(WORKER)
    return ArtifactsRequest(
        workspace="nanna-coder",
        binaries=("harness", "worker"),
        target=TARGET,
        source=tmp_path / "result",
        output=tmp_path / "dist",
        limit_bytes=100_000_000,
        origin=BinaryOrigin(revision="a" * 40, strategy="nix"),
    )


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_the_folder_has_executables_archive_sums_and_manifest(request_: ArtifactsRequest) -> None:
    prepared = prepare(request_)
    found = contents(request_.output)
    assert sorted(found) == [
        "SHA256SUMS",
        "harness-x86_64-linux",
        "manifest.json",
        "nanna-coder-x86_64-linux.tar.gz",
        "worker-x86_64-linux",
    ]
    assert found["harness-x86_64-linux"] == HARNESS
    assert {file.name: (file.size_bytes, file.sha256) for file in prepared.files} == {
        name: (len(data), hashlib.sha256(data).hexdigest()) for name, data in found.items()
    }
    assert stat.S_IMODE((request_.output / "harness-x86_64-linux").stat().st_mode) == 0o755
    assert prepared.changed


def test_the_archive_has_every_executable_under_its_own_name(request_: ArtifactsRequest) -> None:
    prepare(request_)
    with tarfile.open(request_.output / "nanna-coder-x86_64-linux.tar.gz") as tar:
        read = {info.name: tar.extractfile(info).read() for info in tar.getmembers()}  # type: ignore[union-attr]
    assert read == {"nanna-coder-x86_64-linux/harness": HARNESS, "nanna-coder-x86_64-linux/worker": WORKER}


def test_the_sums_are_of_every_file_but_their_own(request_: ArtifactsRequest) -> None:
    prepare(request_)
    found = contents(request_.output)
    lines = found.pop("SHA256SUMS").decode().splitlines()
    assert lines == [f"{hashlib.sha256(found[name]).hexdigest()}  {name}" for name in sorted(found)]


def test_the_manifest_says_what_they_are_and_where_they_come_from(request_: ArtifactsRequest) -> None:
    prepare(request_)
    manifest = json.loads((request_.output / "manifest.json").read_bytes())
    assert manifest["system"] == "x86_64-linux"
    assert (manifest["sourceRevision"], manifest["strategy"], manifest["narHash"]) == ("a" * 40, "nix", None)
    harness = manifest["executables"][0]
    assert (harness["name"], harness["file"], harness["sizeBytes"]) == ("harness", "harness-x86_64-linux", len(HARNESS))
    assert (harness["format"], harness["machine"], harness["bits"], harness["glibcFloor"]) == (
        "ELF",
        "x86_64",
        64,
        "2.34",
    )
    assert harness["interpreter"] == "/lib64/ld-linux-x86-64.so.2"
    assert manifest["archive"]["file"] == "nanna-coder-x86_64-linux.tar.gz"


def test_again_is_unchanged_and_another_input_replaces(request_: ArtifactsRequest) -> None:
    prepare(request_)
    assert not prepare(request_).changed
    (request_.source / "bin/harness").write_bytes(elf(padding=1))
    assert prepare(request_).changed
    assert (request_.output / "harness-x86_64-linux").read_bytes() == elf(padding=1)


def test_order_time_mode_and_umask_do_not_matter(request_: ArtifactsRequest, tmp_path: Path) -> None:
    prepare(request_)
    other = replace(request_, binaries=("worker", "harness"), output=tmp_path / "other")
    for path in (request_.source / "bin").iterdir():
        os.utime(path, (1, 1))
        path.chmod(0o600)
    old = os.umask(0o077)
    try:
        prepare(other)
    finally:
        os.umask(old)
    assert contents(other.output) == contents(request_.output)


def test_at_the_limit_passes_and_one_byte_more_fails(request_: ArtifactsRequest) -> None:
    total = len(HARNESS) + len(WORKER)
    prepare(replace(request_, limit_bytes=total))
    with pytest.raises(GateFailed, match=f"{total} bytes together, 1 over the limit of {total - 1}"):
        prepare(replace(request_, limit_bytes=total - 1))
    (request_.source / "bin/harness").write_bytes(HARNESS + b"\0")
    with pytest.raises(GateFailed, match="1 over the limit"):
        inspect(replace(request_, limit_bytes=total))


def test_the_specifications_limit_to_the_byte(request_: ArtifactsRequest) -> None:
    path = request_.source / "bin/harness"
    only = replace(request_, binaries=("harness",))
    os.truncate(path, 100_000_000)
    assert inspect(only)[0].size_bytes == 100_000_000
    os.truncate(path, 100_000_001)
    with pytest.raises(GateFailed, match="1 over the limit of 100000000"):
        inspect(only)


def test_nothing_never_passes() -> None:
    assert decide_size([], 100) is not None
    assert decide_size([0, 0], 100) is not None
    assert decide_size([1], 1) is None


def test_a_workspace_without_binaries_fails(request_: ArtifactsRequest) -> None:
    with pytest.raises(GateFailed, match="nothing found"):
        prepare(replace(request_, binaries=()))


def test_a_wrong_machine_fails_with_both_names_and_writes_nothing(request_: ArtifactsRequest, tmp_path: Path) -> None:
    (request_.source / "bin/worker").write_bytes(elf(AARCH64))
    with pytest.raises(
        WrongMachine, match="bin/worker is an ELF executable for aarch64, but x86_64-linux was requested"
    ):
        prepare(request_)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["result"]


def test_inspecting_writes_nothing(request_: ArtifactsRequest, tmp_path: Path) -> None:
    assert [item.file for item in inspect(request_)] == ["harness-x86_64-linux", "worker-x86_64-linux"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["result"]


@pytest.mark.parametrize("names", [("Harness", "harness"), ("harness", "harness")])
def test_names_that_collide_are_refused(request_: ArtifactsRequest, names: tuple[str, ...]) -> None:
    with pytest.raises(MalformedData, match="collide"):
        plan_files(replace(request_, binaries=names))


@pytest.mark.parametrize("workspace", ["../up", "a/b", "a:b", "-x", "con.x", "x" * 99])
def test_unsafe_workspace_names_are_refused(request_: ArtifactsRequest, workspace: str) -> None:
    with pytest.raises(MalformedData):
        plan_files(replace(request_, workspace=workspace))


def test_windows_programs_keep_their_suffix(request_: ArtifactsRequest) -> None:
    windows = BuildTarget(System.X86_64_WINDOWS, "x86_64-pc-windows-msvc")
    assert plan_files(replace(request_, target=windows))[0] == "harness-x86_64-windows.exe"


def test_a_strangers_folder_is_refused_before_anything_is_written(request_: ArtifactsRequest, tmp_path: Path) -> None:
    request_.output.mkdir()
    (request_.output / "thesis.txt").write_text("years of work")
    for step in (inspect, prepare):
        with pytest.raises(UsageError, match=r"thesis\.txt"):
            step(request_)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["dist", "result"]


def test_an_input_that_changes_meanwhile_leaves_nothing(
    request_: ArtifactsRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = artifacts._check

    def check(*arguments: object) -> object:
        checked = real(*arguments)  # type: ignore[arg-type]
        (request_.source / "bin/harness").write_bytes(elf(AARCH64, padding=3000))
        return checked

    monkeypatch.setattr(artifacts, "_check", check)
    with pytest.raises(MalformedData, match="changed while it was read"):
        prepare(request_)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["result"]


def test_an_archive_that_reads_back_differently_is_not_handed_out(
    request_: ArtifactsRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = ArchiveWriter.add

    def broken(self: ArchiveWriter, path: str, size_bytes: int, chunks: Iterable[bytes]) -> None:
        data = b"".join(chunks)
        real(self, path, size_bytes, [data[:-1] + b"!"])

    monkeypatch.setattr(ArchiveWriter, "add", broken)
    with pytest.raises(MalformedData, match="other bytes than were put in"):
        prepare(request_)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["result"]


def test_a_full_disk_leaves_the_old_artifacts(request_: ArtifactsRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    prepare(request_)
    before = contents(request_.output)
    (request_.source / "bin/harness").write_bytes(elf(padding=9))
    real = Staging.create

    def create(self: Staging, name: str, *, mode: int) -> io.BufferedRandom:
        if name.endswith(".tar.gz"):
            return io.BufferedRandom(io.FileIO("/dev/full", "r+"))
        return real(self, name, mode=mode)

    monkeypatch.setattr(Staging, "create", create)
    with pytest.raises(NannaError, match="cannot be written") as caught:
        prepare(request_)
    assert caught.value.exit_code == 3
    assert contents(request_.output) == before
    assert sorted(path.name for path in request_.output.parent.iterdir()) == ["dist", "result"]
