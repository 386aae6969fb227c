"""Bytes and seconds of hits and misses."""

from __future__ import annotations

from pathlib import Path

import pytest

from nanna_ci.cache.analysis.hits import Weights, combine, weigh, weigh_seconds, weigh_sizes
from nanna_ci.store.build_times import BuildTimes, load_build_times, record_build_times
from nanna_ci.store.hashes import NixHash
from nanna_ci.store.path_info import PathInfo
from nanna_ci.store.store_path import StorePath
from nanna_ci.store.trust import Trust
from support.fake_derivations import Spec, holdings, instantiate, narinfo, outputs_of, store_path

A, B, C = (store_path(name) for name in "abc")


def local(path: StorePath, size: int | None) -> PathInfo:
    return PathInfo(path, NixHash("sha256", bytes(32)), size, (), None, None, (), None, is_ultimate=False)


def times(tmp_path: Path, seconds: dict[StorePath, float]) -> BuildTimes:
    record_build_times(tmp_path / "times.json", seconds, 0.0)
    return load_build_times(tmp_path / "times.json")


def test_a_weight_that_is_not_known_is_counted_and_not_guessed() -> None:
    assert weigh([1, None], [2, None, None]) == Weights(1, 2, 3)
    assert weigh([1, None], []).share is None
    assert weigh([], []).share is None
    assert weigh([3], [1]).share == 0.75


@pytest.mark.parametrize(
    ("valid", "expected"),
    [({}, Weights(400, 200, 1)), ({C: local(C, 7)}, Weights(400, 207, 0)), ({C: local(C, None)}, Weights(400, 200, 1))],
)
def test_sizes_of_misses_are_those_of_untrusted_answers_and_of_the_local_store(
    valid: dict[StorePath, PathInfo], expected: Weights
) -> None:
    one = holdings([A, store_path("d")], [C], {B: Trust.UNSIGNED})
    view = dict(one.result.found)
    assert weigh_sizes(combine([one]), [one], view, valid) == expected


def test_a_path_that_two_caches_have_weighs_once() -> None:
    both = [holdings([A]), holdings([A], info=lambda path: narinfo(path, nar_size_bytes=9))]
    assert weigh_sizes(combine(both), both, {}, {}) == Weights(200, 0, 0)


def test_a_derivation_hits_where_all_its_outputs_do_and_counts_once(tmp_path: Path) -> None:
    graph, paths = instantiate({"one": Spec("one", outputs=("out", "dev")), "two": Spec("two"), "three": Spec("three")})
    out, dev, two, three = outputs_of(graph)
    known = times(tmp_path, {paths["one"]: 10.0, store_path("two.drv", "another"): 4.0})
    half = combine([holdings([out, two], [dev, three])])
    assert weigh_seconds(half, graph, {}, known) == Weights(4.0, 10.0, 1, estimated=1)
    whole = combine([holdings([out, dev, two], [three])])
    assert weigh_seconds(whole, graph, {}, known) == Weights(14.0, 0.0, 1, estimated=1)


def test_of_a_list_the_derivers_tell_the_time(tmp_path: Path) -> None:
    deriver = store_path("a.drv")
    one = holdings([A, B], [C], info=lambda path: narinfo(path, deriver=deriver))
    known = times(tmp_path, {deriver: 3.0, store_path("c.drv"): 5.0})
    assert weigh_seconds(combine([one]), {}, one.result.found, known) == Weights(3.0, 5.0, 0, estimated=1)


def test_without_recorded_times_nothing_is_known() -> None:
    one = combine([holdings([A], [C])])
    assert weigh_seconds(one, {}, {}, BuildTimes()) == Weights(0.0, 0.0, 2)
    assert weigh_seconds(one, {}, {}, BuildTimes()).share is None
