"""The receipt of a push."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from nanna_ci.cache.push.receipt import NOT_THERE, Receipt, StoreAnswer, query_receipt
from nanna_ci.store.narinfo import NarInfo
from nanna_ci.store.store_path import StorePath
from nanna_ci.store.trust import Trust
from support.fake_store_paths import info, nar_hash, narinfo, path

A, B, C = path("a-foo"), path("b-lib"), path("c-bar")
CLOSURE = {A: info(A, B), B: info(B), C: info(C)}
WHOLE = {A: narinfo(A, B), B: narinfo(B), C: narinfo(C)}


class Store:
    """Answers by script, the last answer repeatedly; remembers the queries."""

    def __init__(self, *answers: StoreAnswer) -> None:
        self.answers = list(answers)
        self.queries: list[list[StorePath]] = []

    def __call__(self, paths: Sequence[StorePath]) -> StoreAnswer:
        self.queries.append(list(paths))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return replace(answer, found={path: one for path, one in answer.found.items() if path in paths})


def receipt_of(
    *answers: StoreAnswer,
    others: StoreAnswer | None = None,
    judge: Callable[[NarInfo], Trust] | None = None,
    waits_s: Sequence[float] = (),
    slept: list[float] | None = None,
    unsent: Sequence[StorePath] = (),
) -> tuple[Receipt, Store]:
    store = Store(*answers)
    made = query_receipt(
        CLOSURE,
        store,
        roots=[A, C],
        unsent=unsent,
        query_others=None if others is None else Store(others),
        judge=judge,
        waits_s=waits_s,
        sleep=([] if slept is None else slept).append,
        clock=lambda: 0.0,
        log=lambda _: None,
    )
    return made, store


def without(*gone: StorePath) -> dict[StorePath, NarInfo]:
    return {path: one for path, one in WHOLE.items() if path not in gone}


def test_all_there_is_one_round_without_problems() -> None:
    receipt, store = receipt_of(StoreAnswer(WHOLE), waits_s=(1, 2))
    assert (receipt.verified, receipt.problems, receipt.rounds, receipt.requested) == (frozenset(CLOSURE), {}, 1, 3)
    assert store.queries == [sorted(CLOSURE)]


@pytest.mark.parametrize("gone", [A, B])
def test_a_path_or_a_reference_that_is_not_there_is_named(gone: StorePath) -> None:
    receipt, _ = receipt_of(StoreAnswer(without(gone)))
    assert receipt.problems == {gone: NOT_THERE}
    assert receipt.verified == CLOSURE.keys() - {gone}


def test_what_shows_up_late_is_waited_for_and_only_that_is_queried_again() -> None:
    slept: list[float] = []
    receipt, store = receipt_of(
        StoreAnswer(without(A, B)), StoreAnswer(without(A)), StoreAnswer(WHOLE), waits_s=(1, 2, 4), slept=slept
    )
    assert (receipt.problems, receipt.rounds, slept) == ({}, 3, [1, 2])
    assert store.queries[1:] == [sorted([A, B]), [A]]


def test_the_waiting_is_bounded() -> None:
    slept: list[float] = []
    receipt, _ = receipt_of(StoreAnswer(without(A)), waits_s=(1, 2, 4), slept=slept)
    assert (receipt.problems, receipt.rounds, slept) == ({A: NOT_THERE}, 4, [1, 2, 4])


def test_what_nobody_took_is_not_waited_for() -> None:
    slept: list[float] = []
    receipt, _ = receipt_of(StoreAnswer(without(A)), waits_s=(1, 2), slept=slept, unsent=[A])
    assert (receipt.problems, slept) == ({A: NOT_THERE}, [])


def test_an_unanswered_query_is_repeated_and_fails_with_its_reason() -> None:
    vain = StoreAnswer(without(A), failed={A: "HTTP 503"})
    assert receipt_of(vain, StoreAnswer(WHOLE), waits_s=(1,))[0].problems == {}
    assert receipt_of(vain, waits_s=(1,))[0].problems == {A: "HTTP 503"}


def test_what_is_wrong_stays_wrong_and_is_not_queried_again() -> None:
    receipt, store = receipt_of(
        StoreAnswer(without(A, B), wrong={A: "line 3: NarSize: is zero"}), StoreAnswer(WHOLE), waits_s=(1, 2)
    )
    assert receipt.problems == {A: "line 3: NarSize: is zero"}
    assert store.queries[1:] == [[B]]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"nar_hash": nar_hash(B)}, "is there with the content sha256-"),
        ({"nar_size_bytes": 121}, "is there with 121 bytes, here it has 120"),
        ({"references": ()}, "is there with other references than here: b-lib"),
        ({"references": (B, C)}, "is there with other references than here: c-bar"),
    ],
)
def test_another_content_size_or_reference_is_a_problem(change: dict[str, Any], problem: str) -> None:
    receipt, _ = receipt_of(StoreAnswer({**WHOLE, A: replace(WHOLE[A], **change)}))
    assert list(receipt.problems) == [A]
    assert receipt.problems[A].startswith(problem)


def test_a_size_that_one_side_does_not_know_is_not_a_problem() -> None:
    answer = StoreAnswer({**WHOLE, A: info(A, B, size=None)})
    assert receipt_of(answer)[0].problems == {}


def test_a_reference_may_be_in_another_cache_and_a_pushed_path_may_not() -> None:
    receipt, _ = receipt_of(StoreAnswer(without(A, B)), others=StoreAnswer(WHOLE))
    assert receipt.elsewhere == {B}
    assert receipt.problems == {A: NOT_THERE}


def test_a_reference_in_another_cache_is_not_queried_again_during_waits() -> None:
    receipt, store = receipt_of(
        StoreAnswer(without(A, B)), StoreAnswer(without(B)), others=StoreAnswer({B: WHOLE[B]}), waits_s=(1, 2)
    )
    assert (receipt.problems, receipt.elsewhere, receipt.verified) == ({}, {B}, {A, C})
    assert store.queries[1:] == [[A]]


def test_another_cache_with_another_content_does_not_count() -> None:
    other = StoreAnswer({B: replace(WHOLE[B], nar_hash=nar_hash(A))})
    assert receipt_of(StoreAnswer(without(B)), others=other)[0].problems == {B: NOT_THERE}


def test_signatures_are_counted_and_a_bad_one_is_a_problem() -> None:
    worth = {A: Trust.SIGNED, B: Trust.UNSIGNED, C: Trust.BAD_SIGNATURE}
    receipt, _ = receipt_of(StoreAnswer(WHOLE), judge=lambda one: worth[one.store_path])
    assert receipt.problems == {C: "has a signature that does not match it"}
    assert (receipt.verified, receipt.untrusted) == ({A, B}, 1)


OTHER_BUILD = {**WHOLE, A: replace(WHOLE[A], nar_hash=nar_hash(B))}


def test_another_build_that_a_trusted_key_signed_is_reported_and_is_not_a_problem() -> None:
    receipt, _ = receipt_of(StoreAnswer(OTHER_BUILD), judge=lambda _: Trust.SIGNED)
    assert (receipt.problems, receipt.rebuilt, receipt.verified, receipt.requested) == ({}, {A}, {B, C}, 3)


@pytest.mark.parametrize("worth", [worth for worth in Trust if not worth.is_trusted])
def test_another_content_that_nobody_trusted_vouches_for_is_a_problem(worth: Trust) -> None:
    receipt, _ = receipt_of(StoreAnswer(OTHER_BUILD), judge=lambda _: worth)
    assert A in receipt.problems
    assert not receipt.rebuilt
