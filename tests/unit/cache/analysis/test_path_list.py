"""Lists of store paths from files and standard input."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from nanna_ci.cache.analysis.inputs import read_paths
from nanna_ci.foundation.errors import MalformedData, UsageError
from support.fake_derivations import store_path

A, B = store_path("a"), store_path("b")


def test_a_file_and_standard_input(tmp_path: Path) -> None:
    (tmp_path / "list").write_text(f"{A}\n\n  {B}  \r\n{A}\n")
    assert read_paths("list", None, tmp_path) == (A, B)
    assert read_paths("-", io.StringIO(f"{B}\n{A}"), tmp_path) == (B, A)
    assert read_paths("-", None, tmp_path) == ()


@pytest.mark.parametrize(
    ("text", "where"),
    [(f"{A}\n/nix/store/x\n", "line 2"), ("\n\nhello", "line 3"), (f"{A}/bin\n", "line 1"), (f"{A} and\n", "line 1")],
)
def test_what_is_not_a_store_path_is_named_with_its_line(tmp_path: Path, text: str, where: str) -> None:
    (tmp_path / "list").write_text(text)
    with pytest.raises(MalformedData, match=f"list: {where}"):
        read_paths("list", None, tmp_path)
    with pytest.raises(MalformedData, match=f"standard input: {where}"):
        read_paths("-", io.StringIO(text), tmp_path)


def test_bytes_that_are_not_text_are_refused(tmp_path: Path) -> None:
    (tmp_path / "list").write_bytes(b"\xff\xfe\n")
    with pytest.raises(MalformedData, match="line 1"):
        read_paths("list", None, tmp_path)


@pytest.mark.parametrize("name", ["gone", "."])
def test_a_file_that_cannot_be_read(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        read_paths(name, None, tmp_path)
