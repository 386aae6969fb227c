"""Layers of the Debian toolkit's images: their bytes follow from the content and from nothing else."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import tarfile
from pathlib import Path
from typing import Any

import pytest
from layers import Entry, entries_below, write_layer


def make_tree(folder: Path, *, umask: int = 0o022, reverse: bool = False) -> Path:
    files = {"bin/tool": b"\x7fELF", "etc/name": b"x\n", "lib/deep/er/file": b""}
    old = os.umask(umask)
    try:
        for name in sorted(files, reverse=reverse):
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(files[name])
        (folder / "bin/tool").chmod(0o1777)  # Nix's sandbox refuses the set-user-ID bit
        (folder / "bin/link").symlink_to("tool")
    finally:
        os.umask(old)
    return folder


def layer_of(entries: Any, out: Path, *, compress: bool = True) -> tuple[bytes, dict[str, Any]]:
    write_layer(entries, out, created_by="test", compress=compress)
    return (out / "blob").read_bytes(), json.loads((out / "layer.json").read_text())


def members_of(out: Path) -> dict[str, tarfile.TarInfo]:
    with tarfile.open(out / "blob") as tar:
        return {member.name: member for member in tar}


def test_the_same_content_gives_the_same_bytes_whatever_its_times_umask_and_order(tmp_path: Path) -> None:
    one = make_tree(tmp_path / "one")
    other = make_tree(tmp_path / "other", umask=0o077, reverse=True)
    os.utime(other / "etc/name", (1, 1))
    assert layer_of(entries_below(one), tmp_path / "a")[0] == layer_of(entries_below(other), tmp_path / "b")[0]


@pytest.mark.parametrize("compress", [True, False])
def test_digest_size_and_content_digest_are_those_of_the_blob(tmp_path: Path, compress: bool) -> None:
    blob, said = layer_of(entries_below(make_tree(tmp_path / "tree")), tmp_path / "out", compress=compress)
    plain = gzip.decompress(blob) if compress else blob
    assert said["digest"] == f"sha256:{hashlib.sha256(blob).hexdigest()}"
    assert said["diffId"] == f"sha256:{hashlib.sha256(plain).hexdigest()}"
    assert said["size"] == len(blob)
    assert said["mediaType"].endswith("+gzip") is compress


def test_every_folder_comes_before_what_is_in_it_even_one_that_nobody_named(tmp_path: Path) -> None:
    layer_of([Entry("/z/y/file", source=b""), Entry("/a", source=b"")], tmp_path / "out")
    assert list(members_of(tmp_path / "out")) == ["a", "z", "z/y", "z/y/file"]


def test_everything_is_roots_and_without_a_time(tmp_path: Path) -> None:
    layer_of(entries_below(make_tree(tmp_path / "tree")), tmp_path / "out")
    members = members_of(tmp_path / "out").values()
    assert {(member.uid, member.gid, member.mtime) for member in members} == {(0, 0, 0)}


def test_an_executable_stays_one_but_no_other_permission_is_taken_over(tmp_path: Path) -> None:
    layer_of(entries_below(make_tree(tmp_path / "tree")), tmp_path / "out")
    members = members_of(tmp_path / "out")
    assert members["bin/tool"].mode == 0o755
    assert members["etc/name"].mode == 0o644
    assert members["bin/link"].issym()
    assert members["bin/link"].linkname == "tool"


def test_of_two_entries_for_one_path_the_first_counts(tmp_path: Path) -> None:
    entries = [Entry("/a", mode=0o1777), Entry("/a/b", source=b"1"), Entry("/a/b", source=b"22")]
    layer_of(entries, tmp_path / "out")
    members = members_of(tmp_path / "out")
    assert members["a"].mode == 0o1777
    assert members["a/b"].size == 1
