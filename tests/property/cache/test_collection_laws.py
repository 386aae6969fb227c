"""Laws of collecting a cache, over random ones: nothing is broken, nothing is lost, an end at any moment is safe."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from unittest.mock import patch

from hypothesis import example, given
from hypothesis import strategies as st

from nanna_ci.cache.collection import collector
from nanna_ci.cache.collection.collector import collect
from nanna_ci.cache.collection.eviction_order import Candidate, EvictionOrder
from nanna_ci.cache.collection.eviction_plan import CollectionPlan, Why, plan_collection
from nanna_ci.cache.collection.folder_index import read_inventory
from nanna_ci.cache.collection.guarded_folder import GuardedFolder
from nanna_ci.cache.collection.inventory import Inventory
from nanna_ci.cache.collection.kept_roots import choose_roots
from nanna_ci.cache.gc_roots import load_root_records
from nanna_ci.store.build_times import load_build_times
from support.fake_cache_folder import (
    DAY_S,
    NOW_S,
    GcFolder,
    Killed,
    KilledFolder,
    UploadingFolder,
    path_of,
    write_times,
)

YOUNG_S, OLD_S = 60.0, DAY_S


@dataclass(frozen=True)
class Cached:
    """One path: what it refers to (numbers below its own, and one outside of the cache), and its archive."""

    references: frozenset[int]
    refers_outside: bool
    archive: int
    has_archive: bool
    archive_bytes: int
    is_young: bool
    used_days: int
    seconds: float | None
    is_corrupt: bool


@dataclass(frozen=True)
class Cache:
    """A whole cache, with what is kept and the limit as a share of its size."""

    paths: tuple[Cached, ...]
    releases: frozenset[int]
    commits: tuple[int, ...]
    pins: frozenset[int]
    orphans: int
    strays: int
    share: float


@st.composite
def caches(draw: st.DrawFn) -> Cache:
    count = draw(st.integers(1, 9))
    number = st.integers(0, count - 1)
    paths = tuple(
        Cached(
            references=frozenset(draw(st.sets(st.integers(0, at - 1), max_size=3))) if at else frozenset(),
            refers_outside=draw(st.booleans()),
            archive=draw(st.sampled_from([at, at, at, draw(number)])),
            has_archive=draw(st.sampled_from([True] * 9 + [False])),
            archive_bytes=draw(st.integers(1, 3000)),
            is_young=draw(st.sampled_from([False] * 9 + [True])),
            used_days=draw(st.integers(1, 4)),
            seconds=draw(st.none() | st.sampled_from([0.0, 1.0, 1.0, 60.0]) | st.floats(0, 1e4)),
            is_corrupt=draw(st.sampled_from([False] * 12 + [True])),
        )
        for at in range(count)
    )
    return Cache(
        paths=paths,
        releases=draw(st.frozensets(number, max_size=2)),
        commits=tuple(draw(st.lists(number, max_size=3))),
        pins=draw(st.frozensets(number, max_size=1)),
        orphans=draw(st.integers(0, 2)),
        strays=draw(st.integers(0, 2)),
        share=draw(st.sampled_from([0.0, 1.0]) | st.floats(0, 1.1)),
    )


class Sandbox:
    """The cache on disk, and the collection of it."""

    def __init__(self, place: Path, cache: Cache) -> None:
        self.cache = cache
        self.folder = GcFolder(place / "cache")
        for number, cached in enumerate(cache.paths):
            self._add(number, cached)
        for number in range(cache.orphans):
            self.folder.write(f"nar/orphan-{number}.nar.xz", b"o" * 70, age_s=YOUNG_S if number else OLD_S)
        for number in range(cache.strays):
            self.folder.write(f"nar/x.nar.xz.tmp.7.{number}", b"t" * 30, age_s=YOUNG_S if number else OLD_S)
        for number in cache.releases:
            self.folder.record("release", f"v{number}", [path_of(number)])
        for at, number in enumerate(cache.commits):
            self.folder.record("commit", f"{at:07x}", [path_of(number)], recorded_s=at)
        for number in cache.pins:
            self.folder.record("pin", "pinned", [path_of(number), path_of(99)])
        seconds = {path_of(n): one.seconds for n, one in enumerate(cache.paths) if one.seconds is not None}
        self.times = load_build_times(write_times(place / "times.json", seconds))
        self.limit_bytes = int(cache.share * sum(self.folder.files().values()))

    def _add(self, number: int, cached: Cached) -> None:
        path = self.folder.add(
            number,
            *sorted(cached.references),
            *([path_of(90)] if cached.refers_outside else []),
            nar=f"nar/{cached.archive}.nar.xz",
            nar_bytes=cached.archive_bytes if cached.has_archive else None,
            age_s=YOUNG_S if cached.is_young else cached.used_days * DAY_S,
        )
        if cached.is_corrupt:
            narinfo = self.folder.path / f"{path.hash}.narinfo"
            self.folder.write(narinfo.name, narinfo.read_bytes() + b"cut sho")

    def plan(self, folder: GuardedFolder) -> tuple[Inventory, CollectionPlan]:
        inventory = read_inventory(folder)
        roots = choose_roots(load_root_records(self.folder.path), 2, [], inventory.paths)
        return inventory, plan_collection(inventory, roots, self.limit_bytes, self.times, NOW_S)

    def planned(self) -> CollectionPlan:
        with GuardedFolder(self.folder.path) as folder:
            return self.plan(folder)[1]

    def run(self, folder: GuardedFolder | None = None) -> CollectionPlan:
        with folder or GuardedFolder(self.folder.path) as opened:
            inventory, plan = self.plan(opened)
            collect(opened, inventory, plan)
            return plan


@contextmanager
def sandbox_of(cache: Cache) -> Iterator[Sandbox]:
    with tempfile.TemporaryDirectory() as place:
        yield Sandbox(Path(place), cache)


@given(caches())
def test_what_stays_keeps_all_that_it_refers_to(cache: Cache) -> None:
    with sandbox_of(cache) as sandbox:
        before = sandbox.folder.dangling()
        kept = sandbox.run().kept
        assert sandbox.folder.dangling() <= before
        references = sandbox.folder.named()
        assert sandbox.folder.hashes() >= kept.keys()
        assert {needed for key in kept for needed in references[key][1]} & {path_of(n).hash for n in range(9)} <= set(
            sandbox.folder.hashes()
        ) | {missing for _, missing in before}


@given(caches())
def test_the_closures_of_roots_and_what_is_young_stay(cache: Cache) -> None:
    with sandbox_of(cache) as sandbox:
        named = sandbox.folder.named()
        wanted = {*cache.releases, *cache.pins, *cache.commits[-2:]}
        left = [path_of(n).hash for n in wanted]
        left += [path_of(n).hash for n, cached in enumerate(cache.paths) if cached.is_young]
        must: set[str] = set()
        while left:
            key = left.pop()
            if key in named and key not in must:
                must.add(key)
                left += named[key][1]
        sandbox.run()
        assert must <= sandbox.folder.hashes()


@given(caches())
def test_the_size_is_kept_to_unless_nothing_more_may_go(cache: Cache) -> None:
    with sandbox_of(cache) as sandbox:
        plan = sandbox.run()
        assert sum(sandbox.folder.files().values()) == plan.after_bytes
        assert plan.is_reached or Why.FITS not in plan.kept.values()


@given(caches())
def test_not_one_path_more_goes_than_must(cache: Cache) -> None:
    with sandbox_of(cache) as sandbox:
        plan = sandbox.planned()
        if plan.evictions:
            assert plan.after_bytes + plan.evictions[-1].freed_bytes > plan.limit_bytes


@given(caches())
def test_every_byte_is_counted_once_shared_archives_too(cache: Cache) -> None:
    with sandbox_of(cache) as sandbox:
        files = sandbox.folder.files()
        plan = sandbox.run()
        assert plan.before_bytes == sum(files.values())
        gone = files.keys() - sandbox.folder.files().keys()
        freed_bytes = sum(one.freed_bytes for one in plan.evictions) + sum(file.size_bytes for file in plan.leftovers)
        assert freed_bytes == sum(files[name] for name in gone)


@given(caches())
def test_faulty_narinfo_files_stay_with_what_they_name(cache: Cache) -> None:
    with sandbox_of(cache) as sandbox:
        faulty = [n for n, cached in enumerate(cache.paths) if cached.is_corrupt]
        files = sandbox.folder.files()
        sandbox.run()
        for number in faulty:
            assert sandbox.folder.has(path_of(number).hash)
            archive = f"nar/{cache.paths[number].archive}.nar.xz"
            assert archive not in files or (sandbox.folder.path / archive).exists()
            for needed in cache.paths[number].references:
                assert sandbox.folder.has(path_of(needed).hash)


@given(caches(), st.data())
def test_an_end_at_any_deletion_breaks_nothing_and_another_run_ends_the_same(cache: Cache, data: st.DataObject) -> None:
    with sandbox_of(cache) as undisturbed, sandbox_of(cache) as sandbox:
        dangling = sandbox.folder.dangling()
        undisturbed.run()
        expected = undisturbed.folder.files()
        deletions = len(sandbox.folder.files()) - len(expected)
        at = data.draw(st.integers(0, deletions))
        try:
            sandbox.run(KilledFolder(sandbox.folder.path, at, after=data.draw(st.booleans())))
        except Killed:
            assert at < deletions
        assert sandbox.folder.dangling() <= dangling
        sandbox.run()
        assert sandbox.folder.files() == expected


def upload(sandbox: Sandbox, wanted: frozenset[int]) -> tuple[set[str], str | None]:
    """A new path that refers to what it found there, and whose archive was there, if one was; what it names."""
    present = [number for number in sorted(wanted) if sandbox.folder.has(path_of(number).hash)]
    archive = min(sandbox.folder.archives(), default=None)
    sandbox.folder.add(50, *present, nar=archive, nar_bytes=None if archive else 10, age_s=0)
    return {path_of(number).hash for number in present}, archive


LONELY = Cached(
    references=frozenset(),
    refers_outside=False,
    archive=0,
    has_archive=True,
    archive_bytes=1,
    is_young=False,
    used_days=1,
    seconds=None,
    is_corrupt=False,
)
ALL_GO = Cache(
    paths=tuple(replace(LONELY, archive=number) for number in range(7)),
    releases=frozenset(),
    commits=(),
    pins=frozenset(),
    orphans=1,
    strays=1,
    share=0.0,
)


@given(caches(), st.frozensets(st.integers(0, 8)), st.integers(0, 20), st.sampled_from([1, 64]))
@example(ALL_GO, frozenset({0, 2}), 5, 1)  # between an archive's deletion and that of the next narinfo
def test_an_upload_meanwhile_keeps_what_it_needs_or_is_reported(
    cache: Cache, wanted: frozenset[int], at: int, batch: int
) -> None:
    named: list[tuple[set[str], str | None]] = []
    with sandbox_of(cache) as sandbox, patch.object(collector, "_BATCH", batch):
        folder = UploadingFolder(sandbox.folder.path, at, lambda: named.append(upload(sandbox, wanted)))
        with folder:
            inventory, plan = sandbox.plan(folder)
            collected = collect(folder, inventory, plan)
        for needed, archive in named:
            lost = {key for key in needed if not sandbox.folder.has(key)}
            if archive is not None and archive not in sandbox.folder.archives():
                lost.add(archive)
            assert bool(lost) == bool(collected.broken)
            assert not lost or batch > 1, "what is looked for before each deletion is not lost"


@given(caches())
def test_a_second_run_finds_nothing_to_do(cache: Cache) -> None:
    with sandbox_of(cache) as sandbox:
        sandbox.run()
        after = sandbox.folder.files()
        again = sandbox.run()
        assert (again.evictions, again.leftovers) == ((), ())
        assert sandbox.folder.files() == after


def candidates(cache: Cache) -> dict[str, Candidate]:
    return {
        str(number): Candidate(
            seconds=cached.seconds or 0.0,
            size_bytes=cached.archive_bytes,
            used_s=float(cached.used_days),
            references=tuple(map(str, sorted(cached.references))),
        )
        for number, cached in enumerate(cache.paths)
    }


@given(caches())
def test_every_candidate_goes_once_and_none_before_what_refers_to_it(cache: Cache) -> None:
    graph = candidates(cache)
    order = [key for key, _ in EvictionOrder(graph)]
    assert sorted(order) == sorted(graph)
    for key, candidate in graph.items():
        assert all(order.index(key) < order.index(needed) for needed in candidate.references)


@given(caches(), st.integers(0, 9))
def test_the_order_continues_after_an_interruption(cache: Cache, at: int) -> None:
    graph = candidates(cache)
    order = list(EvictionOrder(graph))
    left = {key: graph[key] for key, _ in order[at:]}
    assert list(EvictionOrder(left)) == order[at:]


@given(caches())
def test_without_references_it_is_seconds_a_byte_and_then_last_use(cache: Cache) -> None:
    graph = {key: Candidate(one.seconds, one.size_bytes, one.used_s, ()) for key, one in candidates(cache).items()}
    expected = sorted(graph, key=lambda key: (graph[key].seconds / graph[key].size_bytes, graph[key].used_s, key))
    assert [key for key, _ in EvictionOrder(graph)] == expected


@given(caches())
def test_what_goes_is_worth_no_more_alone_than_with_what_only_it_holds(cache: Cache) -> None:
    graph = candidates(cache)
    for key, rate in EvictionOrder(graph):
        assert rate <= graph[key].seconds / graph[key].size_bytes
