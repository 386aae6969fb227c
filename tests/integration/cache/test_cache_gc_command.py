"""`nanna-ci cache-gc` as its user sees it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from nanna_ci.cache.collection.guarded_folder import GuardedFolder
from nanna_ci.cache.folder_lock import collection_lock
from nanna_ci.cli import main
from support.fake_cache_folder import DAY_S, LOCK, NOW_S, GcFolder, path_of, run_killed, write_times
from support.fake_ports import FakePorts
from support.json_schemas import check


class Machine:
    """One folder with a cache in it."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.cache = GcFolder(place / "cache")
        self.fake = FakePorts(place, seconds=NOW_S - 1_700_000_000.0)

    def __call__(self, *words: str) -> int:
        self.fake.stdout.truncate(0)
        self.fake.stdout.seek(0)
        return main(["cache-gc", "--store", f"file://{self.cache.path}", *words], self.fake.ports)

    @property
    def out(self) -> str:
        return self.fake.stdout.getvalue()

    @property
    def err(self) -> str:
        return self.fake.stderr.getvalue()

    def json(self, *words: str) -> tuple[int, dict[str, Any]]:
        code = self(*words, "--format", "json")
        return code, check(json.loads(self.out))


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def paths(listed: list[dict[str, Any]]) -> list[str]:
    return [one["storePath"] for one in listed]


def test_the_plan_is_shown_and_nothing_is_touched(machine: Machine) -> None:
    machine.cache.add(1, nar_bytes=5000)
    machine.cache.add(2, nar_bytes=5000, age_s=9 * DAY_S)
    before = machine.cache.files()
    assert machine("--max-size", "6kB") == 0
    assert "1 path would be deleted: 10.6 kB → 5.3 kB of at most 6.0 kB. Nothing was; --execute does it." in machine.out
    assert path_of(2).base_name in machine.out
    assert "2023-11-05" in machine.out
    assert machine.cache.files() == before
    assert not (machine.cache.path / LOCK).exists()


def test_execute_does_what_the_plan_says(machine: Machine) -> None:
    machine.cache.add(1, nar_bytes=5000)
    machine.cache.add(2, nar_bytes=5000, age_s=9 * DAY_S)
    machine.cache.write("nar/orphan.nar.xz", b"1")
    code, plan = machine.json("--max-size", "6kB")
    assert (code, plan["executed"], paths(plan["delete"])) == (0, False, [str(path_of(2))])
    code, done = machine.json("--max-size", "6kB", "--execute")
    assert (code, done["executed"], paths(done["delete"])) == (0, True, [str(path_of(2))])
    assert (plan["delete"][0]["isDeleted"], done["delete"][0]["isDeleted"]) == (None, True)
    assert machine.cache.hashes() == {path_of(1).hash}
    assert sum(machine.cache.files().values()) + 16 == done["afterBytes"], "and the lock"
    code, again = machine.json("--max-size", "6kB", "--execute")
    assert (code, again["delete"], again["leftovers"]) == (0, [], [])


def test_bytes_add_up(machine: Machine) -> None:
    for number, age_s in ((1, 0.0), (2, DAY_S), (3, DAY_S), (4, DAY_S)):
        machine.cache.add(number, age_s=age_s)
    machine.cache.record("release", "v1", [path_of(2)])
    machine.cache.write("nar/orphan.nar", b"1")
    machine.cache.write("nar/young.nar", b"12", age_s=1)
    machine.cache.write("log/x.drv", b"123")
    _, plan = machine.json("--max-size", "1500B")
    assert sum(plan["bytes"].values()) == plan["beforeBytes"] == sum(machine.cache.files().values())
    assert (plan["bytes"]["leftovers"], plan["bytes"]["young"]) == (1, 2)
    assert all(plan["bytes"][place] > 0 for place in ("release", "fresh", "fits", "delete", "other"))


def test_releases_commits_and_pins_are_kept_and_reported(machine: Machine) -> None:
    for number in range(1, 8):
        machine.cache.add(number, name=f"tool-{number}")
    machine.cache.record("release", "v1", [path_of(1, "tool-1")])
    machine.cache.record("commit", "aaaaaaa", [path_of(2, "tool-2")], recorded_s=100)
    machine.cache.record("commit", "bbbbbbb", [path_of(3, "tool-3")], recorded_s=200)
    machine.cache.record("pin", "p", [path_of(4, "tool-4")])
    pins = ("--pin", "tool-5", "--pin", str(path_of(6, "tool-6")), "--pin", "nothing-so")
    code, done = machine.json("--max-size", "0", "--keep-commits", "1", *pins, "--execute")
    assert machine.cache.hashes() == {path_of(number).hash for number in (1, 3, 4, 5, 6)}
    assert (code, done["verdict"]) == (1, "fail")
    assert [root["name"] for root in done["roots"]] == [
        "v1", "p", "tool-5", str(path_of(6, "tool-6")), "nothing-so", "bbbbbbb",
    ]  # fmt: skip
    assert machine("--max-size", "1MB", "--pin", "nothing-so") == 0
    assert "⚠ pin nothing-so: nothing of it is in the cache." in machine.out


def test_roots_over_the_limit_are_exit_1_and_all_else_goes(machine: Machine) -> None:
    machine.cache.add(1, 2, nar_bytes=4000)
    machine.cache.add(2, nar_bytes=4000)
    machine.cache.add(3)
    machine.cache.record("release", "v1", [path_of(1)])
    assert machine("--max-size", "1kB") == 1
    assert "✘ cannot reach 1.0 kB: 8.6 kB kept for releases; 185 B logs, records and other files" in machine.out
    assert machine("--max-size", "1kB", "--execute") == 1
    assert machine.cache.hashes() == {path_of(1).hash, path_of(2).hash}


def test_build_times_decide_and_unknown_ones_are_marked(machine: Machine) -> None:
    for number in (1, 2, 3):
        machine.cache.add(number, nar_bytes=5000)
    times = write_times(machine.place / "times.json", {path_of(1): 50.0, path_of(2): 500.0})
    _, plan = machine.json("--max-size", "0", "--build-times", str(times))
    assert paths(plan["delete"]) == [str(path_of(number)) for number in (3, 1, 2)]
    assert [one["buildSeconds"] for one in plan["delete"]] == [None, 50.0, 500.0]
    machine("--max-size", "0", "--build-times", str(times))
    assert "known for 2 of the 3 paths that go (0 by their name only); the others count as 0 s" in machine.out


def test_the_times_that_ci_keeps_are_read_without_a_flag(machine: Machine) -> None:
    machine.cache.add(1)
    (machine.place / ".nanna-ci").mkdir()
    write_times(machine.place / ".nanna-ci/build-times.json", {path_of(1): 50.0})
    _, plan = machine.json("--max-size", "0")
    assert plan["delete"][0]["buildSeconds"] == 50.0


def test_the_limit_of_pipeline_toml_counts_without_a_flag(machine: Machine) -> None:
    machine.cache.add(1)
    (machine.place / "pipeline.toml").write_text('[workspace]\nname = "x"\n[cache]\nmaximum_size_bytes = 100\n')
    code, plan = machine.json()
    assert (code, plan["limitBytes"], len(plan["delete"])) == (0, 100, 1)


def test_faults_are_reported_and_stay(machine: Machine) -> None:
    machine.cache.add(1, url="../../outside")
    machine.cache.add(2, nar_bytes=None)
    (machine.place / "outside").write_text("precious")
    code, done = machine.json("--max-size", "0", "--execute")
    assert [fault["problem"] for fault in done["faults"]] == [
        "its URL '../../outside' is not in nar/ of this cache",
        f"nar/{2:052d}.nar.xz is not there: {path_of(2)} cannot be fetched",
    ]
    assert code == 1, "a faulty narinfo is over a limit of 0, too"
    assert machine.cache.hashes() == {path_of(1).hash}
    assert (machine.place / "outside").read_text() == "precious"


@pytest.mark.parametrize(("format_", "mark"), [("text", "█"), ("markdown", "█"), ("html", "<svg")])
def test_every_format_shows_where_the_bytes_are(machine: Machine, format_: str, mark: str) -> None:
    machine.cache.add(1, nar_bytes=5000)
    machine.cache.add(2, nar_bytes=3000)
    machine("--max-size", "4kB", "--format", format_)
    assert mark in machine.out
    assert "kept within the limit" in machine.out


def test_an_unreadable_record_stops_everything_before_anything_goes(machine: Machine) -> None:
    machine.cache.add(1)
    machine.cache.write("nanna-ci-roots/release-v1.json", b"{")
    before = machine.cache.files()
    assert machine("--max-size", "0", "--execute") == 4
    assert "release-v1.json: line 1" in machine.err
    assert machine.cache.files() == before


def test_a_collection_under_way_keeps_another_out(machine: Machine) -> None:
    machine.cache.add(1)
    with GuardedFolder(machine.cache.path) as folder, collection_lock(folder):
        assert machine("--max-size", "0", "--execute") == 3
        assert f"a collection or a push is under way (the last collection was process {os.getpid()})" in machine.err
        assert machine("--max-size", "200") == 0, "a plan disturbs nobody"
    assert machine.cache.hashes() == {path_of(1).hash}


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("--store", "https://cache.example.org"), "'https' stores are not collected: only the files of a folder"),
        (("--store", "s3://bucket?region=x"), "'s3' stores are not collected"),
        (("--store", "ssh://host"), "'ssh' stores are not collected"),
        (("--store", "file://relative/x"), "does not name an absolute folder"),
        (("--store", "daemon"), "is not a cache"),
        (("--max-size", "50G"), "'50G' is not a size"),
        (("--keep-commits", "-1"), "--keep-commits '-1' is not a number"),
        (("--keep-commits", "ten"), "--keep-commits 'ten' is not a number"),
        (("--pin", "./nothing"), "--pin './nothing': No such file"),
        (("--build-times", "nothing.json"), "nothing.json: there is no such file"),
        (("--execute", "--dry-run"), "contradict each other"),
        ((), "pipeline.toml: cannot be read"),
    ],
)
def test_what_cannot_be_queried_is_exit_2_and_nothing_goes(
    machine: Machine, words: tuple[str, ...], problem: str
) -> None:
    machine.cache.add(1)
    before = machine.cache.files()
    limit = () if not words or "--max-size" in words else ("--max-size", "0")
    assert machine(*limit, *words) == 2
    assert problem in machine.err
    assert machine.cache.files() == before


def test_a_folder_that_is_not_a_cache_is_left_alone(machine: Machine) -> None:
    (machine.cache.path / "nix-cache-info").unlink()
    machine.cache.add(1)
    assert machine("--max-size", "0", "--execute") == 2
    assert "is not a binary cache" in machine.err
    assert machine.cache.hashes() == {path_of(1).hash}


@pytest.mark.parametrize("at", [0, 1, 3, 4])
def test_a_process_killed_in_the_middle_leaves_a_whole_cache_and_no_lock(machine: Machine, at: int) -> None:
    machine.cache.add(1, 2)
    machine.cache.add(2)
    machine.cache.write("nar/orphan.nar", b"1")
    words = ["--store", f"file://{machine.cache.path}", "--max-size", "100", "--execute"]
    run_killed(words, at=at, now_s=NOW_S)
    assert machine.cache.dangling() == set()
    assert len(machine.cache.files()) == 6 - at
    assert machine("--max-size", "100", "--execute") == 0
    assert set(machine.cache.files()) == {"nix-cache-info"}
