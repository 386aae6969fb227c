"""Root records in a cache's folder."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from nanna_ci.cache.gc_roots import (
    ROOTS_FOLDER,
    RootKind,
    RootRecord,
    load_root_records,
    parse_root_name,
    parse_root_record,
    write_root_record,
)
from nanna_ci.foundation.errors import MalformedData, NannaError, UsageError
from support.fake_store_paths import path

A, C = path("a-foo"), path("c-bar")
RECORD = RootRecord(RootKind.RELEASE, "v1.2", 1_700_000_000, (A, C))


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    file = write_root_record(tmp_path, RECORD)
    assert file == tmp_path / "nanna-ci-roots" / "release-v1.2.json"
    assert json.loads(file.read_bytes()) == {
        "schemaVersion": 1,
        "kind": "release",
        "name": "v1.2",
        "recordedS": 1_700_000_000,
        "paths": sorted([str(A), str(C)]),
    }
    assert load_root_records(tmp_path) == (RootRecord(RootKind.RELEASE, "v1.2", 1_700_000_000, tuple(sorted([A, C]))),)


def test_a_pin_takes_the_place_of_an_older_one_of_its_name(tmp_path: Path) -> None:
    write_root_record(tmp_path, RootRecord(RootKind.PIN, "tools", 5, (A,)))
    write_root_record(tmp_path, RootRecord(RootKind.PIN, "tools", 6, (C,)))
    assert load_root_records(tmp_path) == (RootRecord(RootKind.PIN, "tools", 6, (C,)),)


@pytest.mark.parametrize(("kind", "name"), [(RootKind.COMMIT, "abcdef0"), (RootKind.RELEASE, "v1.2")])
def test_what_others_pushed_of_a_commit_or_release_is_kept_too(tmp_path: Path, kind: RootKind, name: str) -> None:
    write_root_record(tmp_path, RootRecord(kind, name, 5, (A,)))
    write_root_record(tmp_path, RootRecord(kind, name, 6, (C,)))
    assert load_root_records(tmp_path) == (RootRecord(kind, name, 6, tuple(sorted([A, C]))),)


def test_a_record_that_cannot_be_read_is_not_replaced(tmp_path: Path) -> None:
    file = write_root_record(tmp_path, RECORD)
    file.write_bytes(b"{")
    with pytest.raises(MalformedData):
        write_root_record(tmp_path, RECORD)
    assert file.read_bytes() == b"{"


def test_records_of_one_name_and_other_kinds_stand_side_by_side(tmp_path: Path) -> None:
    write_root_record(tmp_path, RECORD)
    write_root_record(tmp_path, RootRecord(RootKind.RELEASE, "v1.2", 1_700_000_001, (A,)))
    write_root_record(tmp_path, RootRecord(RootKind.PIN, "v1.2", 5, (C,)))
    assert [(record.label, record.recorded_s) for record in load_root_records(tmp_path)] == [
        ("pin:v1.2", 5),
        ("release:v1.2", 1_700_000_001),
    ]
    assert sorted(file.name for file in (tmp_path / ROOTS_FOLDER).iterdir()) == ["pin-v1.2.json", "release-v1.2.json"]


def test_a_folder_without_records_has_none(tmp_path: Path) -> None:
    assert load_root_records(tmp_path) == ()


@pytest.mark.parametrize(
    ("text", "kind", "name"),
    [
        ("commit:" + "a" * 40, RootKind.COMMIT, "a" * 40),
        ("commit:0123abc", RootKind.COMMIT, "0123abc"),
        ("release:v1.2-rc.1+b_1", RootKind.RELEASE, "v1.2-rc.1+b_1"),
        ("pin:" + "x" * 128, RootKind.PIN, "x" * 128),
    ],
)
def test_a_name_says_why_and_what(text: str, kind: RootKind, name: str) -> None:
    assert parse_root_name(text) == (kind, name)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "v1",
        "release",
        "release:",
        "release:../x",
        "release:.x",
        "release:-x",
        "release:a/b",
        "release:a\x00b",
        "release:a b",
        "release:a\n",
        "pin:" + "x" * 129,
        "commit:main",
        "commit:ABCDEF0",
        "commit:abc",
        "tag:v1",
    ],
)
def test_a_name_that_is_not_a_safe_file_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        parse_root_name(text)


GOOD: dict[str, Any] = {"schemaVersion": 1, "kind": "pin", "name": "x", "recordedS": 1, "paths": [str(A)]}


@pytest.mark.parametrize(
    "change",
    [
        {"schemaVersion": 2},
        {"kind": "tag"},
        {"name": "../x"},
        {"recordedS": -1},
        {"recordedS": 1.5},
        {"paths": ["/x"]},
        {"paths": None},
        {"paths": [str(A), 1]},
        {"name": None},
    ],
)
def test_an_invalid_record_is_refused(change: dict[str, Any]) -> None:
    parse_root_record(json.dumps(GOOD).encode(), "x")
    with pytest.raises(MalformedData):
        parse_root_record(json.dumps(GOOD | change).encode(), "x")


def test_a_record_under_the_name_of_another_is_refused(tmp_path: Path) -> None:
    (tmp_path / ROOTS_FOLDER).mkdir()
    (tmp_path / ROOTS_FOLDER / "pin-y.json").write_text(json.dumps(GOOD))
    with pytest.raises(MalformedData, match="says that it is pin:x"):
        load_root_records(tmp_path)


def test_records_that_cannot_be_read_are_an_error_and_not_no_records(tmp_path: Path) -> None:
    (tmp_path / ROOTS_FOLDER).write_text("a file")
    with pytest.raises(MalformedData, match="cannot be read"):
        load_root_records(tmp_path)
    with pytest.raises(NannaError, match="cannot be made"):
        write_root_record(tmp_path, replace(RECORD, kind=RootKind.PIN))
