"""Build times, kept from run to run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from nanna_ci.foundation.errors import MalformedData, NannaError
from nanna_ci.store import build_times
from nanna_ci.store.build_state import BuildState, DerivationLog
from nanna_ci.store.build_times import BuildTime, built_seconds, load_build_times, record_build_times
from nanna_ci.store.store_path import StorePath

OLD, NEW, OTHER = (StorePath(letter * 32, name) for letter, name in (("a", "x.drv"), ("b", "x.drv"), ("c", "y.drv")))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "build-times.json"


def heard(path: StorePath, state: BuildState, started_s: float | None, ended_s: float | None) -> DerivationLog:
    return DerivationLog(path, state, started_s, ended_s, None, None, None, ())


def test_nothing_recorded_is_nothing_known(file: Path) -> None:
    times = load_build_times(file)
    assert len(times) == 0
    assert times.of(OLD, "x") is None


def test_the_very_derivation_counts_before_the_last_one_of_its_name(file: Path) -> None:
    record_build_times(file, {OLD: 10.0}, 100.0)
    record_build_times(file, {NEW: 20.0, OTHER: 0.0}, 200.0)
    times = load_build_times(file)
    assert times.of(OLD, "x") == BuildTime(10.0, is_exact=True)
    assert times.of(StorePath("d" * 32, "x.drv"), "x") == BuildTime(20.0, is_exact=False)
    assert times.of(None, "y") == BuildTime(0.0, is_exact=False), "measured, and not unknown"
    assert times.of(None, "z") is None


def test_a_later_build_replaces_an_earlier_one_and_leaves_the_others(file: Path) -> None:
    record_build_times(file, {OLD: 10.0, OTHER: 5.0}, 100.0)
    record_build_times(file, {OLD: 12.3456}, 200.0)
    times = load_build_times(file)
    assert times.of(OLD, "x") == BuildTime(12.346, is_exact=True)
    assert times.of(OTHER, "y") == BuildTime(5.0, is_exact=True)


def test_the_oldest_go_if_there_are_too_many(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build_times, "MAX_BUILDS", 2)
    for now_s, path in ((300.0, NEW), (100.0, OLD), (200.0, OTHER)):
        record_build_times(file, {path: now_s}, now_s)
    times = load_build_times(file)
    assert (len(times), times.of(NEW, ""), times.of(OLD, "")) == (2, BuildTime(300.0, is_exact=True), None)


def test_only_what_was_built_to_a_good_end_counts() -> None:
    logs = [
        heard(OLD, BuildState.BUILT, 10.0, 12.5),
        heard(NEW, BuildState.FAILED, 10.0, 12.5),
        heard(OTHER, BuildState.SUBSTITUTED, 10.0, 12.5),
        heard(StorePath("d" * 32, "z.drv"), BuildState.BUILT, None, None),
        heard(StorePath("f" * 32, "z.drv"), BuildState.BUILDING, 10.0, None),
    ]
    assert built_seconds(logs) == {OLD: 2.5}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "line 1 column 1"),
        ("[]", "not an object"),
        ('{"schemaVersion": 2, "builds": {}}', "schemaVersion is '2', not 1"),
        ('{"schemaVersion": 1}', "builds is 'null'"),
        ('{"schemaVersion": 1, "builds": {"x.drv": {}}}', "not HASH-NAME"),
        (f'{{"schemaVersion": 1, "builds": {{"{OLD.base_name}": 3}}}}', "not an object"),
        (
            f'{{"schemaVersion": 1, "builds": {{"{OLD.base_name}": {{"seconds": -1, "recordedS": 0}}}}}}',
            "seconds is '-1'",
        ),
        (f'{{"schemaVersion": 1, "builds": {{"{OLD.base_name}": {{"seconds": true}}}}}}', "seconds is 'true'"),
        (f'{{"schemaVersion": 1, "builds": {{"{OLD.base_name}": {{"seconds": 1}}}}}}', "recordedS is 'null'"),
        ('{"schemaVersion": 1, "builds": {"a": NaN}}', "NaN is not JSON"),
    ],
)
def test_an_invalid_file_is_refused_and_left_as_it_is(file: Path, text: str, problem: str) -> None:
    file.write_text(text)
    with pytest.raises(MalformedData, match=problem) as caught:
        load_build_times(file)
    assert str(file) in caught.value.message
    assert caught.value.hint == "delete it: it fills again"
    with pytest.raises(MalformedData):
        record_build_times(file, {OLD: 1.0}, 1.0)
    assert file.read_text() == text


def test_a_folder_in_its_place_is_named(file: Path) -> None:
    file.mkdir()
    with pytest.raises(MalformedData, match="cannot be read: it is a directory"):
        load_build_times(file)


def test_a_full_disk_is_an_error_that_names_the_file(tmp_path: Path) -> None:
    with pytest.raises(NannaError, match="nowhere/build-times"):
        record_build_times(tmp_path / "nowhere/build-times.json", {OLD: 1.0}, 1.0)


def test_the_file_says_what_the_docstring_says(file: Path) -> None:
    record_build_times(file, {OLD: 12.5}, 1_700_000_000.0)
    builds = {OLD.base_name: {"seconds": 12.5, "recordedS": 1_700_000_000.0}}
    assert json.loads(file.read_bytes()) == {"schemaVersion": 1, "builds": builds}
