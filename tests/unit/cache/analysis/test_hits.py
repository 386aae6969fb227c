"""Answers judged and counted; the gate."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from nanna_ci.cache.analysis.hits import (
    Gate,
    HitRate,
    HitTally,
    Weights,
    combine,
    combined_view,
    decide_gate,
    judge_holdings,
    measure_hit_rate,
    parse_minimum,
)
from nanna_ci.foundation.errors import ToolMissing, UsageError
from nanna_ci.foundation.verdict import Verdict
from nanna_ci.store.store_path import StorePath
from nanna_ci.store.trust import Trust, TrustedKeys
from support.fake_derivations import holdings, narinfo, query_result, signature, store_path

A, B, C, D = (store_path(name) for name in "abcd")
NOTHING = Weights(0, 0, 0)


def tally(present: int, absent: int = 0, unknown: int = 0) -> HitTally:
    # parameters are made while tests are collected, in every process: a million paths, and nothing hashed for them
    paths = [StorePath(f"{number:032}", "path") for number in range(present + absent + unknown)]
    return HitTally(
        frozenset(paths[:present]),
        {},
        frozenset(paths[present : present + absent]),
        dict.fromkeys(paths[present + absent :], "no answer"),
    )


def rate(one: HitTally) -> HitRate:
    return measure_hit_rate(one, NOTHING, NOTHING)


def gate(minimum: float, one: HitTally) -> Gate:
    return decide_gate(minimum, rate(one), one)


def test_a_path_without_a_good_signature_is_untrusted() -> None:
    result = query_result([narinfo(A), narinfo(B, signatures=(signature(),))], [C])
    judged = judge_holdings(result, TrustedKeys([]), [A, B, C])
    assert (judged.present, judged.missing, judged.unknown) == ({}, {C}, {})
    assert judged.untrusted == {A: Trust.UNSIGNED, B: Trust.UNKNOWN_KEY}


def test_where_signatures_do_not_count_all_that_is_there_hits() -> None:
    result = query_result([narinfo(A)])
    assert set(judge_holdings(result, None, [A]).present) == {A}
    trusted = query_result([narinfo(A)], substituter=SimpleNamespace(url="file:///x", is_trusted=True))
    assert set(judge_holdings(trusted, TrustedKeys([]), [A]).present) == {A}


def test_corrupt_and_failed_answers_are_unknown_and_never_missing() -> None:
    result = query_result([narinfo(A)], corrupt={B: "line 3: NarSize: is zero"}, failed={C: "timed out"})
    judged = judge_holdings(result, None, [A, B, C])
    assert judged.unknown == {B: "line 3: NarSize: is zero", C: "timed out"}
    assert judged.missing == frozenset()


def test_of_a_cache_that_could_not_be_queried_nothing_is_known() -> None:
    result = query_result(error=ToolMissing("cache", "is not there"))
    judged = judge_holdings(result, None, [A, B])
    assert judged.unknown == {A: "cache: is not there", B: "cache: is not there"}


def test_one_cache_that_has_it_suffices() -> None:
    first = holdings(missing=[A, B], untrusted={C: Trust.UNSIGNED}, unknown={D: "failed"})
    second = holdings(present=[A, D], missing=[B, C])
    both = combine([first, second])
    assert both.present == {A, D}
    assert both.missing == {B}
    assert both.untrusted == {C: Trust.UNSIGNED}
    assert both.unknown == {}
    assert both.absent == {B, C}
    assert both.paths == 4


def test_a_path_that_one_cache_lacks_and_another_did_not_answer_for_is_unknown() -> None:
    both = combine([holdings(missing=[A, B]), holdings(missing=[B], unknown={A: "failed"})])
    assert (both.missing, both.unknown) == ({B}, {A: "failed"})


def test_the_view_is_of_the_cache_that_nix_asks_first() -> None:
    low = holdings([A], info=lambda path: narinfo(path, nar_size_bytes=1))
    high = holdings([A], info=lambda path: narinfo(path, nar_size_bytes=2))
    slow: Any = low.result
    fast: Any = high.result
    slow.priority, fast.priority = 40, 30
    assert combined_view([low, high])[A].nar_size_bytes == 2
    fast.priority = 40
    assert combined_view([low, high])[A].nar_size_bytes == 1


def test_a_download_is_as_large_as_the_cache_says_or_not_known() -> None:
    assert holdings([A, B]).download_bytes == 200
    assert holdings([A, B], info=lambda path: narinfo(path, file_size_bytes=None)).download_bytes is None


@pytest.mark.parametrize(
    ("one", "expected"),
    [(tally(3, 1), 0.75), (tally(0, 1), 0.0), (tally(2), 1.0), (tally(0), None), (tally(3, 0, 1), None)],
)
def test_the_rate_is_a_plain_share_or_not_known(one: HitTally, expected: float | None) -> None:
    assert rate(one).paths == expected


def test_bytes_and_seconds_are_shares_of_what_is_known_in_full() -> None:
    measured = measure_hit_rate(tally(1, 1), Weights(300, 100, 0), Weights(5, 5, 1))
    assert (measured.bytes, measured.build_seconds) == (0.75, None)
    assert measure_hit_rate(tally(1, 0, 1), Weights(300, 100, 0), Weights(5, 5, 0)) == HitRate(None, None, None)


@pytest.mark.parametrize(
    ("minimum", "one", "verdict"),
    [
        (0.85, tally(17, 3), Verdict.PASS),
        (0.86, tally(17, 3), Verdict.FAIL),
        (1.0, tally(5), Verdict.PASS),
        (1.0, tally(999_999, 1), Verdict.FAIL),
        (0.0, tally(0, 1), Verdict.PASS),
        (0.0, tally(0), Verdict.FAIL),
        (0.0, tally(5, 0, 1), Verdict.UNAVAILABLE),
        (1.0, tally(0, 5, 1), Verdict.UNAVAILABLE),
    ],
    ids=["exactly", "below", "all", "not all", "none requested", "no data", "not known", "not known, hopeless"],
)
def test_the_gate(minimum: float, one: HitTally, verdict: Verdict) -> None:
    assert gate(minimum, one).verdict is verdict


def test_the_gate_says_why() -> None:
    assert gate(0.5, tally(0)).reason == "nothing was measured"
    assert gate(0.5, tally(1, 1)).reason == "1 of 2 paths hit"
    assert "1 of 3 answers" in gate(0.5, tally(1, 1, 1)).reason
    assert gate(0.5, tally(1, 1, 1)).measured is None


@pytest.mark.parametrize("text", ["0", "1", "0.85", "1e-3", "1.0"])
def test_a_minimum_is_a_share(text: str) -> None:
    assert parse_minimum(text) == float(text)


@pytest.mark.parametrize("text", ["nan", "NaN", "inf", "-inf", "-0.1", "1.0000001", "85", "85%", "", "x", "0,85"])
def test_any_other_minimum_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="--minimum-hit-rate"):
        parse_minimum(text)
