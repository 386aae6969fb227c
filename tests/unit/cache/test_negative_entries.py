"""Nix's narinfo cache, made by hand here; the integration test reads one that Nix made."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from nanna_ci.cache.negative_entries import DEFAULT_TTL_S, NegativeEntries, load_negative_entries

NOW = 1_800_000_000.0
URL = "https://cache.example.org"
A, B, C, D = (letter * 32 for letter in "abcd")
SCHEMA = """
    create table BinaryCaches (
        id integer primary key autoincrement not null, url text unique not null, timestamp integer not null,
        storeDir text not null, wantMassQuery integer not null, priority integer not null);
    create table NARs (
        cache integer not null, hashPart text not null, namePart text, url text, compression text, fileHash text,
        fileSize integer, narHash text, narSize integer, refs text, deriver text, sigs text, ca text,
        timestamp integer not null, present integer not null, primary key (cache, hashPart));
"""
Row = tuple[str, str, Any, int]  # url, hash, timestamp, present


def write_cache(folder: Path, rows: list[Row], version: int = 6) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"binary-cache-v{version}.sqlite"
    with closing(sqlite3.connect(file)) as database:
        database.executescript(SCHEMA)
        for url in dict.fromkeys(row[0] for row in rows):
            database.execute("insert into BinaryCaches values (null, ?, 1, '/nix/store', 1, 40)", (url,))
        for url, path_hash, timestamp, present in rows:
            (cache,) = database.execute("select id from BinaryCaches where url = ?", (url,)).fetchone()
            database.execute(
                "insert into NARs (cache, hashPart, timestamp, present) values (?, ?, ?, ?)",
                (cache, path_hash, timestamp, present),
            )
        database.commit()
    return file


def load(home: Path, settings: dict[str, Any] | None = None) -> NegativeEntries:
    return load_negative_entries({"XDG_CACHE_HOME": str(home)}, settings, now=NOW)


def test_fresh_entries_of_absent_paths_are_given_with_their_age(tmp_path: Path) -> None:
    now = int(NOW)
    rows = [(URL, A, now - 10, 0), (URL, B, now - 20, 1), (URL, C, now - DEFAULT_TTL_S, 0), (URL, D, now - 3599, 0)]
    write_cache(tmp_path / "nix", rows)
    entries = load(tmp_path)
    assert entries.for_(URL, [A, B, C, D, "e" * 32]) == {A: 10.0, D: 3599.0}
    assert (entries.ttl_s, entries.problem) == (3600, None)


def test_only_what_is_requested_and_only_that_substituter(tmp_path: Path) -> None:
    write_cache(
        tmp_path / "nix", [(URL, A, int(NOW), 0), (URL, B, int(NOW), 0), ("https://other.example.org", C, int(NOW), 0)]
    )
    entries = load(tmp_path)
    assert set(entries.for_(URL, [A, C])) == {A}
    assert set(entries.for_("https://other.example.org", [A, C])) == {C}
    assert entries.for_("https://third.example.org", [A, B, C]) == {}


@pytest.mark.parametrize("written", [URL, f"{URL}/", f"{URL}?priority=1"])
@pytest.mark.parametrize("wanted", [URL, f"{URL}/", f"{URL}/?trusted=1"])
def test_a_url_is_the_same_with_a_slash_or_parameters(written: str, wanted: str, tmp_path: Path) -> None:
    write_cache(tmp_path / "nix", [(written, A, int(NOW), 0)])
    assert set(load(tmp_path).for_(wanted, [A])) == {A}


@pytest.mark.parametrize(
    ("settings", "ttl_s"),
    [
        (None, 3600),
        ({}, 3600),
        ({"narinfo-cache-negative-ttl": 60}, 60),
        ({"narinfo-cache-negative-ttl": 0}, 0),
        ({"narinfo-cache-negative-ttl": True}, 3600),
        ({"narinfo-cache-negative-ttl": -1}, 3600),
        ({"narinfo-cache-negative-ttl": "60"}, 3600),
    ],
)
def test_how_long_an_entry_counts_is_nixs_setting(settings: dict[str, Any] | None, ttl_s: int, tmp_path: Path) -> None:
    write_cache(tmp_path / "nix", [(URL, A, int(NOW) - 100, 0), (URL, B, int(NOW), 0)])
    entries = load(tmp_path, settings)
    assert entries.ttl_s == ttl_s
    assert set(entries.for_(URL, [A, B])) == {one for one, age in ((A, 100), (B, 0)) if age < ttl_s}


def test_a_clock_that_was_set_back_makes_no_negative_age(tmp_path: Path) -> None:
    write_cache(tmp_path / "nix", [(URL, A, int(NOW) + 500, 0)])
    assert load(tmp_path).for_(URL, [A]) == {A: 0.0}


def test_the_newest_format_counts_and_an_older_nixs_file_does_not(tmp_path: Path) -> None:
    write_cache(tmp_path / "nix", [(URL, A, int(NOW), 0)], version=6)
    write_cache(tmp_path / "nix", [(URL, B, int(NOW), 0)], version=10)
    assert set(load(tmp_path).for_(URL, [A, B])) == {B}


@pytest.mark.parametrize(
    ("environ", "folder"),
    [
        ({"NIX_CACHE_HOME": "{}/own", "XDG_CACHE_HOME": "{}/xdg", "HOME": "{}"}, "own"),
        ({"NIX_CACHE_HOME": "", "XDG_CACHE_HOME": "{}/xdg", "HOME": "{}"}, "xdg/nix"),
        ({"XDG_CACHE_HOME": "", "HOME": "{}"}, ".cache/nix"),
    ],
)
def test_the_file_is_looked_for_where_nix_puts_it(environ: dict[str, str], folder: str, tmp_path: Path) -> None:
    for place in ("own", "xdg/nix", ".cache/nix"):
        write_cache(tmp_path / place, [(URL, (A if place == folder else B), int(NOW), 0)])
    filled = {name: value.format(tmp_path) for name, value in environ.items()}
    assert set(load_negative_entries(filled, None, now=NOW).for_(URL, [A, B])) == {A}


def test_no_file_no_folder_and_no_home_give_no_entries_and_no_problem(tmp_path: Path) -> None:
    (tmp_path / "empty/nix").mkdir(parents=True)
    for environ in ({"XDG_CACHE_HOME": str(tmp_path / "empty")}, {"HOME": str(tmp_path / "none")}, {}):
        entries = load_negative_entries(environ, None, now=NOW)
        assert (entries.for_(URL, [A]), entries.problem) == ({}, None)


@pytest.mark.parametrize(
    "script",
    [
        "drop table NARs",
        "drop table BinaryCaches",
        "alter table NARs rename column hashPart to hash",
        "update NARs set timestamp = 'later'",
        "update NARs set hashPart = x'00'",
    ],
)
def test_a_schema_that_is_not_known_is_a_problem_and_no_crash(script: str, tmp_path: Path) -> None:
    file = write_cache(tmp_path / "nix", [(URL, A, int(NOW), 0)])
    with closing(sqlite3.connect(file)) as database:
        database.executescript(script)
        database.commit()
    entries = load(tmp_path)
    assert entries.for_(URL, [A]) == {}
    assert entries.problem is not None
    assert str(file) in entries.problem


@pytest.mark.parametrize("content", [b"", b"no database at all" * 100, b"SQLite format 3\x00" + b"\xff" * 5000])
def test_a_file_that_is_not_a_database_is_a_problem_and_no_crash(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "nix/binary-cache-v6.sqlite"
    file.parent.mkdir()
    file.write_bytes(content)
    entries = load(tmp_path)
    assert entries.ages_s == {}
    assert str(file) in (entries.problem or "")
    assert file.read_bytes() == content


def test_a_folder_in_place_of_a_file_is_a_problem_and_no_crash(tmp_path: Path) -> None:
    (tmp_path / "nix/binary-cache-v6.sqlite").mkdir(parents=True)
    assert load(tmp_path).problem is not None
    (tmp_path / "file").write_text("")
    assert load_negative_entries({"NIX_CACHE_HOME": str(tmp_path / "file")}, None, now=NOW).problem is not None


def test_reading_changes_nothing_and_leaves_nothing(tmp_path: Path) -> None:
    file = write_cache(tmp_path / "n%69x ?#", [(URL, A, int(NOW), 0)])
    before = file.read_bytes(), file.stat().st_mtime_ns
    environ = {"NIX_CACHE_HOME": str(file.parent)}
    assert set(load_negative_entries(environ, None, now=NOW).for_(URL, [A])) == {A}
    assert (file.read_bytes(), file.stat().st_mtime_ns) == before
    assert [entry.name for entry in file.parent.iterdir()] == [file.name]


def test_a_nix_that_is_writing_does_not_stop_the_reader(tmp_path: Path) -> None:
    file = write_cache(tmp_path / "nix", [(URL, A, int(NOW), 0)])
    with closing(sqlite3.connect(file, isolation_level=None)) as database:
        database.execute("begin immediate")
        assert set(load(tmp_path).for_(URL, [A])) == {A}
        database.execute("rollback")


def test_what_a_killed_nix_left_half_written_is_not_rolled_back_by_us(tmp_path: Path) -> None:
    file = write_cache(tmp_path / "live", [(URL, A, int(NOW), 0)])
    left = tmp_path / "nix"
    left.mkdir()
    with closing(sqlite3.connect(file, isolation_level=None)) as database:
        database.execute("pragma cache_size = 1")
        database.execute("begin")
        database.executemany(
            "insert into NARs (cache, hashPart, timestamp, present) values (1, ?, 0, 1)",
            [(f"{number:032d}",) for number in range(2000)],
        )
        for part in file.parent.iterdir():
            (left / part.name).write_bytes(part.read_bytes())
    before = {part.name: part.read_bytes() for part in left.iterdir()}
    assert set(before) == {file.name, f"{file.name}-journal"}
    assert load(tmp_path).problem is not None
    assert {part.name: part.read_bytes() for part in left.iterdir()} == before
