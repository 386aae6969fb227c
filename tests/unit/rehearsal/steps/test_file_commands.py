"""The runner's files: pairs in both forms, folders, summaries, and what is refused."""

from __future__ import annotations

import os

import pytest

from nanna_ci.rehearsal.steps.file_commands import (
    SUMMARY_LIMIT_BYTES,
    FileCommandRefused,
    read_folders,
    read_pairs,
    read_summary,
)


@pytest.fixture
def pairs(tmp_path):
    def read(text: str) -> dict[str, str]:
        path = tmp_path / "file"
        path.write_bytes(text.encode())
        return read_pairs(path)

    return read


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a=1\nb=2\n", {"a": "1", "b": "2"}),
        ("a=1", {"a": "1"}),
        ("\n\na=1\n\n", {"a": "1"}),
        ("a=b=c<<d\n", {"a": "b=c<<d"}),
        ("a=\n", {"a": ""}),
        ("a=1\na=2\n", {"a": "2"}),
        ("a<<E\nE\n", {"a": ""}),
        ("a<<E\n\nE\n", {"a": ""}),
        ("a<<E\nx\ny=z\nb<<F\n\nE\nc=3", {"a": "x\ny=z\nb<<F\n", "c": "3"}),
        ("a<<E\nx\nE", {"a": "x"}),
        ("a<<=E\nx\n=E\n", {"a": "x"}),
        ("a<<E\n E\nE\n", {"a": " E"}),
        ("a=1\r\n", {"a": "1\r"}),
        ("\ufeffa=1\n", {"a": "1"}),
    ],
)
def test_pairs_are_read_as_the_runner_reads_them(pairs, text, expected):
    assert pairs(text) == expected


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("nothing\n", "Invalid format 'nothing'"),
        ("=1\n", "Name must not be empty"),
        ("<<E\nE\n", "Name must not be empty"),
        ("a<<\nx\n", "delimiter must not be empty"),
        ("a<<E\nx\n", "Matching delimiter not found 'E'"),
        ("a<<E\r\nx\nE\n", "Matching delimiter not found"),
        ("a<<E\nx\nE \n", "Matching delimiter not found"),
    ],
)
def test_a_line_that_is_no_pair_is_refused(pairs, text, problem):
    with pytest.raises(FileCommandRefused, match=problem):
        pairs(text)


def test_a_file_that_the_step_removed_says_nothing(tmp_path):
    assert read_pairs(tmp_path / "gone") == {}
    assert read_folders(tmp_path / "gone") == []


def test_a_pipe_in_the_place_of_a_file_is_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "file")
    with pytest.raises(FileCommandRefused, match="not a regular file"):
        read_pairs(tmp_path / "file")


def test_a_link_out_of_the_folder_is_not_followed(tmp_path):
    (tmp_path / "other").write_text("a=1\n")
    (tmp_path / "file").symlink_to("other")
    with pytest.raises(FileCommandRefused, match="link"):
        read_pairs(tmp_path / "file")


def test_folders_are_one_a_line_whatever_ends_it(tmp_path):
    (tmp_path / "file").write_bytes("/a\n\n/b c\r\n/d\u2028e\r/f".encode())
    assert read_folders(tmp_path / "file") == ["/a", "/b c", "/d\u2028e", "/f"]


def test_a_summary_over_the_limit_is_dropped_whole(tmp_path):
    (tmp_path / "file").write_bytes(b"x" * SUMMARY_LIMIT_BYTES)
    assert len(read_summary(tmp_path / "file")) == SUMMARY_LIMIT_BYTES
    (tmp_path / "file").write_bytes(b"x" * (SUMMARY_LIMIT_BYTES + 1))
    with pytest.raises(FileCommandRefused, match="up to 1024k"):
        read_summary(tmp_path / "file")
