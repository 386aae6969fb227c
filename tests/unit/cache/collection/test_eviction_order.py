"""Which path goes first."""

from __future__ import annotations

from nanna_ci.cache.collection.eviction_order import Candidate, EvictionOrder


def order(candidates: dict[str, Candidate]) -> list[str]:
    return [key for key, _ in EvictionOrder(candidates)]


def of(seconds: float, size_bytes: int, *references: str, used_s: float = 0.0) -> Candidate:
    return Candidate(seconds, size_bytes, used_s, references)


def test_seconds_a_byte_decide_and_not_seconds_or_bytes() -> None:
    assert order({"small": of(10, 10), "slow": of(1000, 10_000), "large": of(20, 1000)}) == ["large", "slow", "small"]


def test_of_equal_ones_that_which_was_not_used_for_longest_goes_first() -> None:
    candidates = {"new": of(0, 10, used_s=30), "old": of(0, 99, used_s=10), "middle": of(0, 1, used_s=20)}
    assert order(candidates) == ["old", "middle", "new"]


def test_the_same_cache_gives_the_same_order_however_it_was_listed() -> None:
    candidates = {key: of(0, 1) for key in "cab"}
    assert order(candidates) == ["a", "b", "c"]


def test_nothing_goes_before_what_refers_to_it_however_little_it_is_worth() -> None:
    assert order({"low": of(0, 1000), "user": of(100, 1000, "low"), "other": of(50, 1000)}) == ["other", "user", "low"]


def test_a_small_wrapper_does_not_protect_what_only_it_holds() -> None:
    candidates = {"wrapper": of(1, 500, "big"), "big": of(60, 10**9), "build": of(600, 10**8)}
    assert order(candidates) == ["wrapper", "big", "build"]


def test_a_costly_part_is_not_lost_with_the_cheap_whole() -> None:
    candidates = {"image": of(10, 10**9, "program"), "program": of(3600, 10**7), "other": of(100, 10**9)}
    assert order(candidates) == ["image", "other", "program"]


def test_what_others_hold_too_does_not_count_until_they_are_gone() -> None:
    shared = {
        "one": of(1, 500, "big"),
        "two": of(2, 500, "big"),
        "big": of(60, 10**9),
        "build": of(0.001, 500),
    }
    assert order(shared) == ["build", "one", "two", "big"]
    rates = dict(EvictionOrder(shared))
    assert rates["one"] == 1 / 500
    assert rates["two"] == 62 / (10**9 + 500)


def test_a_chain_counts_to_its_end() -> None:
    chain = {"a": of(1, 100, "b"), "b": of(1, 200, "c"), "c": of(1, 10**9), "x": of(1, 10**6)}
    assert order(chain) == ["a", "b", "c", "x"]


def test_references_to_what_is_not_a_candidate_do_not_matter() -> None:
    assert order({"a": of(1, 10, "kept", "elsewhere")}) == ["a"]


def test_no_bytes_at_all_divide_nothing() -> None:
    assert order({"a": of(1, 0), "b": of(2, 0)}) == ["a", "b"]
