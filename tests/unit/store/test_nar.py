"""NARs: the hashes that nix 2.26 gave for the same trees, and what cannot be in one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from nanna_ci.foundation.errors import MalformedData
from nanna_ci.store.nar import NarEntry, NarKind, hash_nar, hash_tree, list_tree

# `nix hash path` of each; `nix-store --dump . | wc -c` of the whole
RECORDED = {
    ".": "sha256-LbXiveH5eUEkha8XR9pBxtn5ULy4lx/kP0YI2XCrS5U=",
    "a/file": "sha256-HDfQGvQL4ugGkd48w99EN3ppmvuxfGjwgJZLL9Bx/BM=",
    "a/b/run": "sha256-YoPBZoJg+QPRqJXAzWuCL6S2h2K7CxfO3vLTnZfiZVQ=",
    "a/b/link": "sha256-0OeijcWVTt2jEH7JkYvMAMEJ2BPtjBTQtziERL7lHo8=",
    "empty": "sha256-pQpattmS9VmO3ZIQUFn66az8GSmB4IvYhTTCFn6SUmo=",
}
RECORDED_BYTES = 1784


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    tree = tmp_path / "tree"
    (tree / "a/b").mkdir(parents=True)
    (tree / "empty").mkdir()
    (tree / "a/file").write_text("hello\n")
    (tree / "a/b/run").write_text("#!/bin/sh\n")
    (tree / "a/b/run").chmod(0o755)
    (tree / "a/b/link").symlink_to("../file")
    (tree / "A").touch()
    (tree / "a-b").write_text("12345678")
    (tree / "ümlaut").write_text("x")
    return tree


@pytest.mark.parametrize("path", RECORDED)
def test_the_hash_is_the_one_that_nix_gives(tree: Path, path: str) -> None:
    assert str(hash_tree(tree / path).hash) == RECORDED[path]


def test_the_size_is_the_one_of_nixs_dump(tree: Path) -> None:
    assert hash_tree(tree).size_bytes == RECORDED_BYTES


def test_of_a_mode_only_the_owners_right_to_execute_counts(tree: Path) -> None:
    (tree / "a/file").chmod(0o655)
    assert str(hash_tree(tree).hash) == RECORDED["."]
    (tree / "a/file").chmod(0o700)
    assert str(hash_tree(tree).hash) != RECORDED["."]


def test_a_pipe_is_in_no_archive(tree: Path) -> None:
    os.mkfifo(tree / "pipe")
    with pytest.raises(MalformedData, match="neither a file, a folder nor a symbolic link"):
        list_tree(tree)


@pytest.mark.parametrize("size", [2, 4])
def test_a_file_of_another_size_than_is_listed_is_refused(size: int) -> None:
    with pytest.raises(MalformedData, match=f"other than the {size} bytes"):
        hash_nar([NarEntry("", NarKind.REGULAR, size)], lambda _: [b"ab", b"c"], "x")


@pytest.mark.parametrize(
    ("paths", "problem"),
    [
        ([], "without a root"),
        (["a"], "without a root"),
        (["", "a", "a"], "occurs twice"),
        (["", "a/b"], "in no folder"),
        (["", ".."], "not the path"),
        (["", "a", "a//b"], "not the path"),
        (["", "/a"], "not the path"),
    ],
)
def test_a_list_that_is_no_tree_is_refused(paths: list[str], problem: str) -> None:
    with pytest.raises(MalformedData, match=problem):
        hash_nar([NarEntry(path, NarKind.DIRECTORY) for path in paths], lambda _: [], "x")


def test_a_file_below_a_file_is_refused() -> None:
    entries = [NarEntry("", NarKind.DIRECTORY), NarEntry("a", NarKind.REGULAR), NarEntry("a/b", NarKind.REGULAR)]
    with pytest.raises(MalformedData, match="in no folder"):
        hash_nar(entries, lambda _: [], "x")
