"""The report of a collection."""

from __future__ import annotations

from pathlib import Path

import pytest

from nanna_ci.cache.collection.collection_report import GcReport, gc_document, gc_to_json
from nanna_ci.cache.collection.collector import Collected
from nanna_ci.cache.collection.eviction_plan import plan_collection
from nanna_ci.cache.collection.folder_index import read_inventory
from nanna_ci.cache.collection.guarded_folder import GuardedFolder
from nanna_ci.cache.collection.inventory import FileFault
from nanna_ci.foundation.verdict import Verdict
from nanna_ci.report.text import render_text
from nanna_ci.store.build_times import load_build_times
from support.fake_cache_folder import DAY_S, NOW_S, GcFolder, path_of, write_times


@pytest.fixture
def cache(tmp_path: Path) -> GcFolder:
    return GcFolder(tmp_path / "cache")


def report(cache: GcFolder, limit_bytes: int = 200, *, collected: Collected | None = None) -> GcReport:
    times = write_times(cache.path.parent / "times.json", {path_of(1): 90.0, path_of(50, "tool"): 3.0})
    with GuardedFolder(cache.path) as folder:
        inventory = read_inventory(folder)
    plan = plan_collection(inventory, (), limit_bytes, load_build_times(times), NOW_S)
    return GcReport("file:///srv/cache", inventory, plan, collected, keeps_access_times=True)


def text(gc_report: GcReport) -> str:
    return render_text(gc_document(gc_report), color=False, width=200)


def done(
    gc_report: GcReport, *deleted: int, spared: tuple[int, ...] = (), broken: tuple[FileFault, ...] = ()
) -> Collected:
    hashes = frozenset(path_of(number).hash for number in deleted)
    freed = sum(one.freed_bytes for one in gc_report.plan.evictions if one.path.store_path.hash in hashes)
    return Collected(hashes, frozenset(path_of(number).hash for number in spared), 2 * len(deleted), freed, broken)


def test_nothing_to_delete_says_so(cache: GcFolder) -> None:
    cache.add(1)
    gc_report = report(cache, 5000)
    assert "✔ Nothing to delete: 446 B of at most 5.0 kB." in text(gc_report)
    assert (gc_report.verdict, gc_report.reason) == (Verdict.PASS, None)


def test_each_path_shows_what_is_known_of_its_build(cache: GcFolder) -> None:
    cache.add(1)
    cache.add(2, name="tool")
    cache.add(3, name="unheard-of")
    cache.add(4, nar_bytes=None)
    rows = {
        line.split()[0][33:]: line.split()[3:] for line in text(report(cache)).splitlines() if line.startswith("000")
    }
    assert rows["path-1"][:3] == ["1", "min", "30"]
    assert rows["tool"][:3] == ["≈", "3.0", "s"]
    assert rows["unheard-of"][0] == "n/a"
    assert rows["path-4"][:2] == ["no", "archive"]


def test_a_long_list_is_cut_and_says_so(cache: GcFolder) -> None:
    for number in range(1, 24):
        cache.add(number, age_s=number * DAY_S)
    gc_report = report(cache)
    assert "and 3 more; --format json has them all" in text(gc_report)
    assert len(gc_to_json(gc_report)["delete"]) == 23


def test_what_came_into_use_meanwhile_is_a_reason_to_run_again(cache: GcFolder) -> None:
    cache.add(1)
    cache.add(2)
    gc_report = report(cache)
    gc_report = report(cache, collected=done(gc_report, 1, spared=(2,)))
    assert (gc_report.verdict, gc_report.reason) == (
        Verdict.FAIL,
        "paths that were to go came into use meanwhile: run it again",
    )
    assert "⚠ 1 path came into use meanwhile: not deleted." in text(gc_report)
    is_deleted = {one["storePath"]: one["isDeleted"] for one in gc_to_json(gc_report)["delete"]}
    assert is_deleted == {str(path_of(1)): True, str(path_of(2)): False}


def test_an_upload_that_lost_something_is_not_a_success(cache: GcFolder) -> None:
    cache.add(1)
    broken = FileFault("x.narinfo", "came meanwhile, and needs y, which was deleted")
    gc_report = report(cache, collected=done(report(cache), 1, broken=(broken,)))
    assert (gc_report.verdict, gc_report.reason) == (
        Verdict.FAIL,
        "1 upload lost, at the same moment, what was deleted",
    )
    assert "✘ x.narinfo came meanwhile, and needs y, which was deleted: delete the file, and push its" in text(
        gc_report
    )


def test_a_file_system_without_access_times_is_named(cache: GcFolder) -> None:
    cache.add(1)
    gc_report = report(cache)
    without = GcReport(gc_report.store, gc_report.inventory, gc_report.plan, None, keeps_access_times=False)
    assert "not kept by this file system: the last change counts" in text(without)
    assert (gc_to_json(gc_report)["lastUse"], gc_to_json(without)["lastUse"]) == ("access", "change")


def test_names_from_the_cache_are_text_and_nothing_else(cache: GcFolder) -> None:
    cache.write("<script>.narinfo", b"")
    cache.write("\x1b[31m.narinfo", b"")
    gc_report = text(report(cache))
    assert "<script>.narinfo" in gc_report
    assert "\x1b" not in gc_report
