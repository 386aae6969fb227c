"""What a push takes along, excludes, and takes along though filtered."""

from __future__ import annotations

from nanna_ci.cache.push.push_plan import FilteredButRequired, plan_push
from nanna_ci.cache.push_filter import PushFilter
from support.fake_store_paths import info, path

A, B, C, GLIBC = path("a-foo"), path("b-source"), path("c-bar"), path("glibc-2.40")
DEFAULT = PushFilter(["-source$", r"\.tar\.", "^nixpkgs"]).matching


def nothing(_: str) -> None:
    return None


def test_the_path_after_a_filtered_one_is_pushed_too() -> None:
    plan = plan_push([A, B, C], {A: info(A), B: info(B), C: info(C)}, DEFAULT)
    assert plan.push == tuple(sorted([A, C]))
    assert plan.filtered == {B: "-source$"}
    assert (plan.filtered_but_required, plan.absent) == ({}, ())


def test_a_filtered_path_that_a_pushed_one_refers_to_comes_along_and_says_for_whom() -> None:
    plan = plan_push([A, B, C], {A: info(A, B), B: info(B), C: info(C, B, A)}, DEFAULT)
    assert plan.push == tuple(sorted([A, C]))
    assert plan.filtered == {}
    assert plan.filtered_but_required == {B: FilteredButRequired("-source$", tuple(sorted([A, C])))}


def test_a_filtered_path_that_was_not_listed_is_required_too() -> None:
    plan = plan_push([A], {A: info(A, B), B: info(B)}, DEFAULT)
    assert list(plan.filtered_but_required) == [B]


def test_what_only_a_filtered_path_refers_to_stays_away_with_it() -> None:
    plan = plan_push([A, B], {A: info(A), B: info(B, GLIBC), GLIBC: info(GLIBC)}, DEFAULT)
    assert list(plan.closure) == [A]
    assert plan.filtered == {B: "-source$"}


def test_a_path_that_refers_to_itself_is_needed_by_others_only() -> None:
    plan = plan_push([A], {A: info(A, A, B), B: info(B, B)}, DEFAULT)
    assert plan.filtered_but_required == {B: FilteredButRequired("-source$", (A,))}


def test_what_the_store_lacks_is_absent_unless_the_filter_takes_it_anyway() -> None:
    plan = plan_push([A, B, C], {A: None, B: None, C: info(C)}, DEFAULT)
    assert (plan.push, plan.absent, plan.filtered) == ((C,), (A,), {B: "-source$"})


def test_a_reference_that_went_while_the_list_was_made_is_absent() -> None:
    plan = plan_push([A], {A: info(A, GLIBC)}, nothing)
    assert (plan.push, plan.absent) == ((A,), (GLIBC,))


def test_the_size_is_of_the_whole_closure_and_unknown_if_a_part_is() -> None:
    whole = plan_push([A], {A: info(A, GLIBC, size=10), GLIBC: info(GLIBC, size=32)}, nothing)
    assert whole.nar_bytes == 42
    partly = plan_push([A], {A: info(A, GLIBC, size=10), GLIBC: info(GLIBC, size=None)}, nothing)
    assert partly.nar_bytes is None


def test_who_needs_a_path_directly_or_not_is_found() -> None:
    plan = plan_push([A, C], {A: info(A, B), B: info(B, GLIBC), GLIBC: info(GLIBC), C: info(C)}, nothing)
    assert plan.needing([GLIBC]) == {A, B, GLIBC}
    assert plan.needing([]) == frozenset()
