"""What a collection plans."""

from __future__ import annotations

from pathlib import Path

import pytest

from nanna_ci.cache.collection.eviction_plan import CollectionPlan, Why, plan_collection
from nanna_ci.cache.collection.folder_index import read_inventory
from nanna_ci.cache.collection.guarded_folder import GuardedFolder
from nanna_ci.cache.collection.kept_roots import Root
from nanna_ci.cache.gc_roots import RootKind
from nanna_ci.store.build_times import BuildTime, load_build_times
from nanna_ci.store.store_path import StorePath
from support.fake_cache_folder import DAY_S, NOW_S, GcFolder, path_of, write_times


@pytest.fixture
def cache(tmp_path: Path) -> GcFolder:
    return GcFolder(tmp_path / "cache")


def plan(
    cache: GcFolder,
    limit_bytes: int = 0,
    *,
    seconds: dict[StorePath, float] | None = None,
    roots: tuple[Root, ...] = (),
) -> CollectionPlan:
    times = load_build_times(write_times(cache.path.parent / "times.json", seconds or {}))
    with GuardedFolder(cache.path) as folder:
        return plan_collection(read_inventory(folder), roots, limit_bytes, times, NOW_S)


def root(kind: RootKind, *numbers: int) -> Root:
    return Root(kind, f"{kind.value}-{numbers}", 0, tuple(path_of(number).hash for number in numbers), 0)


def order(planned: CollectionPlan) -> list[StorePath]:
    return [eviction.path.store_path for eviction in planned.evictions]


def whys(planned: CollectionPlan) -> dict[str, Why]:
    return {key.lstrip("0"): why for key, why in planned.kept.items()}


def test_under_the_limit_nothing_goes(cache: GcFolder) -> None:
    cache.add(1)
    planned = plan(cache, 10_000)
    assert (planned.evictions, planned.leftovers, whys(planned)) == ((), (), {"1": Why.FITS})
    assert planned.before_bytes == planned.after_bytes == sum(cache.files().values())


def test_at_the_limit_nothing_goes_and_one_byte_over_it_something_does(cache: GcFolder) -> None:
    cache.add(1)
    size = sum(cache.files().values())
    assert plan(cache, size).evictions == ()
    assert len(plan(cache, size - 1).evictions) == 1


def test_the_closure_of_a_root_stays_even_over_the_limit(cache: GcFolder) -> None:
    for number, references in ((1, (2,)), (2, (3,)), (3, ()), (4, ())):
        cache.add(number, *references)
    planned = plan(cache, 0, roots=(root(RootKind.RELEASE, 1),))
    assert whys(planned) == {"1": Why.RELEASE, "2": Why.RELEASE, "3": Why.RELEASE}
    assert order(planned) == [path_of(4)]
    assert not planned.is_reached
    assert planned.roots[0].closure_paths == 3
    assert planned.roots[0].closure_bytes == planned.bytes_by[Why.RELEASE]


def test_the_first_reason_counts_and_each_byte_once(cache: GcFolder) -> None:
    cache.add(1, nar="nar/shared.nar")
    cache.add(2, nar="nar/shared.nar")
    roots = (root(RootKind.RELEASE, 1), root(RootKind.PIN, 1, 2), root(RootKind.COMMIT, 2))
    planned = plan(cache, 0, roots=roots)
    assert whys(planned) == {"1": Why.RELEASE, "2": Why.PIN}
    assert planned.bytes_by[Why.RELEASE] == planned.bytes_by[Why.PIN] + 100
    assert planned.bytes_by[Why.COMMIT] == 0


@pytest.mark.parametrize("age_s", [0.0, 3599.0, -1e6])
def test_what_was_added_within_the_hour_stays_with_what_it_needs(cache: GcFolder, age_s: float) -> None:
    cache.add(1, 2, age_s=age_s)
    cache.add(2)
    assert whys(plan(cache)) == {"1": Why.FRESH, "2": Why.FRESH}


def test_an_hour_later_it_may_go(cache: GcFolder) -> None:
    cache.add(1, age_s=3601.0)
    assert order(plan(cache)) == [path_of(1)]


def test_a_new_archive_under_an_old_narinfo_is_young_too(cache: GcFolder) -> None:
    cache.add(1)
    cache.write(f"nar/{1:052d}.nar.xz", b"again", age_s=10)
    assert whys(plan(cache)) == {"1": Why.FRESH}


def test_leftovers_go_whatever_the_size_once_they_are_an_hour_old(cache: GcFolder) -> None:
    for name in ("nar/orphan.nar.xz", "nar/y.nar.xz.tmp.1.2"):
        cache.write(name, b"123")
        cache.write(name.replace(".nar", "-young.nar"), b"12345", age_s=60)
    planned = plan(cache, 10_000)
    assert sorted(file.name for file in planned.leftovers) == ["nar/orphan.nar.xz", "nar/y.nar.xz.tmp.1.2"]
    assert planned.young_bytes == 10
    assert planned.after_bytes == planned.before_bytes - 6


def test_an_unknown_build_time_counts_as_nothing_and_is_marked(cache: GcFolder) -> None:
    cache.add(1, nar_bytes=10)
    cache.add(2, nar_bytes=10_000)
    cache.add(3, nar_bytes=10)
    planned = plan(cache, seconds={path_of(2): 0.5, path_of(3): 1.0})
    assert order(planned) == [path_of(1), path_of(2), path_of(3)]
    assert [eviction.build_time for eviction in planned.evictions] == [
        None,
        BuildTime(0.5, is_exact=True),
        BuildTime(1.0, is_exact=True),
    ]
    assert planned.evictions[0].rate == 0.0


def test_without_build_times_it_is_last_use(cache: GcFolder) -> None:
    for number, days in ((1, 3), (2, 9), (3, 5)):
        cache.add(number, age_s=days * DAY_S)
    assert order(plan(cache)) == [path_of(2), path_of(3), path_of(1)]


def test_a_build_of_the_same_name_stands_for_one_that_is_not_known(cache: GcFolder) -> None:
    cache.add(1, name="tool")
    (eviction,) = plan(cache, seconds={path_of(9, "tool"): 7.0}).evictions
    assert eviction.build_time == BuildTime(7.0, is_exact=False)


def test_a_path_without_its_archive_is_worth_nothing(cache: GcFolder) -> None:
    cache.add(1, nar_bytes=None)
    cache.add(2)
    planned = plan(cache, seconds={path_of(1): 1e6})
    assert order(planned) == [path_of(1), path_of(2)]
    assert [eviction.has_nar for eviction in planned.evictions] == [False, True]


def test_a_shared_archive_comes_free_with_the_last_that_needs_it(cache: GcFolder) -> None:
    for number, days in ((1, 9), (2, 8), (3, 7)):
        cache.add(number, nar="nar/shared.nar", nar_bytes=5000, age_s=days * DAY_S)
    cache.write("nar/shared.nar", b"n" * 5000)
    freed = [eviction.freed_bytes for eviction in plan(cache).evictions]
    assert [bytes_ > 5000 for bytes_ in freed] == [False, False, True]


def test_an_archive_that_a_kept_path_shares_stays(cache: GcFolder) -> None:
    cache.add(1, nar="nar/shared.nar", nar_bytes=5000)
    cache.add(2, nar="nar/shared.nar", nar_bytes=5000)
    planned = plan(cache, roots=(root(RootKind.PIN, 1),))
    assert [eviction.freed_bytes < 5000 for eviction in planned.evictions] == [True]


def test_paths_in_a_circle_stay_with_what_they_need_and_are_reported(cache: GcFolder) -> None:
    cache.add(1, 2)
    cache.add(2, 1, 3)
    cache.add(3)
    cache.add(4, 1)
    planned = plan(cache)
    assert whys(planned) == {"1": Why.CIRCLE, "2": Why.CIRCLE, "3": Why.CIRCLE}
    assert order(planned) == [path_of(4)]


def test_a_path_may_refer_to_itself_and_to_what_is_elsewhere(cache: GcFolder) -> None:
    cache.add(1, 1, 99)
    assert order(plan(cache)) == [path_of(1)]


def test_what_a_faulty_narinfo_names_stays(cache: GcFolder) -> None:
    cache.add(1, 2)
    cache.add(2, 3)
    cache.add(3)
    narinfo = cache.path / f"{path_of(1).hash}.narinfo"
    cache.write(narinfo.name, narinfo.read_bytes()[:-1])
    planned = plan(cache)
    assert whys(planned) == {"2": Why.NAMED, "3": Why.NAMED}
    assert (planned.evictions, planned.leftovers) == ((), ())


def test_listings_and_companions_count_with_their_path(cache: GcFolder) -> None:
    path = cache.add(1)
    cache.write(f"{path.hash}.ls", b"1" * 1000)
    cache.write("realisations/a.doi", f'{{"outPath": "{path.base_name}"}}'.encode())
    cache.write("debuginfo/aa", f'{{"archive": "../nar/{1:052d}.nar.xz"}}'.encode())
    planned = plan(cache)
    info = cache.files()["nix-cache-info"]
    assert planned.evictions[0].freed_bytes == planned.before_bytes - info
    assert planned.after_bytes == info
