"""Folders with the programs of benchmarks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from nanna_ci.foundation.errors import MalformedData, UsageError
from nanna_ci.measure.benchmarks.bench_programs import Harness, find_harness, load_programs


def program(folder: Path, name: str, data: bytes = b"\x7fELF CRITERION_HOME") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_bytes(data)
    path.chmod(0o755)
    return path


def indexed(place: Path, **changes: Any) -> Path:
    program(place / "bin", "a--b")
    entry = {"name": "a--b", "crate": "a", "target": "b", "folder": "crates/a"}
    value = {"toolchain": "rustc 1.97.1", "source": "/nix/store/x-source", "programs": [entry | changes]}
    (place / "benchmarks.json").write_text(json.dumps(value))
    return place


def test_the_index_of_an_output_says_where_each_program_runs(tmp_path: Path) -> None:
    found = load_programs(indexed(tmp_path))
    assert (found.toolchain, found.source) == ("rustc 1.97.1", Path("/nix/store/x-source"))
    (one,) = found.programs
    assert (one.name, one.path, one.harness, one.folder) == (
        "a--b",
        tmp_path / "bin/a--b",
        Harness.CRITERION,
        "crates/a",
    )


def test_a_folder_without_index_has_the_programs_that_are_in_it(tmp_path: Path) -> None:
    program(tmp_path, "render-0123456789abcdef")
    program(tmp_path, "render-0123456789abcdef.d")
    program(tmp_path, "libx-0123456789abcdef.so")
    program(tmp_path, "other.exe").chmod(0o644)
    (tmp_path / "notes").write_text("not executable")
    found = load_programs(tmp_path)
    assert [one.name for one in found.programs] == ["other", "render"]
    assert (found.toolchain, found.source) == (None, None)


@pytest.mark.parametrize(
    ("data", "harness"),
    [
        (b"..CRITERION_HOME..RUST_TEST_THREADS", Harness.CRITERION),
        (b"..RUST_TEST_THREADS..", Harness.LIBTEST),
        (b"#!/bin/sh\n", Harness.UNKNOWN),
    ],
)
def test_the_harness_is_known_by_the_variables_that_it_reads(data: bytes, harness: Harness) -> None:
    assert find_harness(data) is harness


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"name": "../a--b"}, r"programs\[0\]\.name is '\.\./a--b', which is not the name of a file"),
        ({"name": "gone"}, "gone is not in"),
        ({"name": 3}, "not a string"),
        ({"folder": "/etc"}, "not below the source"),
        ({"folder": "a/../../b"}, "not below the source"),
        ({"folder": None}, "not a string"),
    ],
)
def test_an_index_that_leads_elsewhere_is_refused(tmp_path: Path, changes: dict[str, Any], problem: str) -> None:
    with pytest.raises(MalformedData, match=problem):
        load_programs(indexed(tmp_path, **changes))


def test_a_folder_that_is_not_there_is_a_wrong_command_line(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such folder"):
        load_programs(tmp_path / "none")
