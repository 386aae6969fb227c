"""Ours against every answer of GitHub's own package: the recorded ones, and live ones where the package is at hand."""

from __future__ import annotations

import re
from typing import Any

import pytest

from nanna_ci.foundation.errors import MalformedData
from nanna_ci.rehearsal.expressions.expression import JobStatus, Scope, evaluate
from nanna_ci.rehearsal.expressions.expression_value import as_text, value_of_json
from support.expression_corners import EXPECTED_OTHERWISE, REFUSED
from support.generated_expressions import CONTEXTS, generated_expressions
from support.recorded_expressions import (
    as_recorded,
    ask_package,
    comparable,
    package_folder,
    recorded_answers,
    recorded_expressions,
)

SCOPE = Scope({name: value_of_json(value) for name, value in CONTEXTS.items()}, JobStatus.FAILURE, "+".join)
OTHERWISE = {one.expression: one for one in EXPECTED_OTHERWISE}
RECORDED = recorded_answers()


def ours(expression: str) -> Any:
    """The value and its text, or REFUSED."""
    try:
        value = evaluate(expression, SCOPE)
    except MalformedData:
        return REFUSED
    return as_recorded(value), as_text(value)


def theirs(answer: dict[str, Any]) -> Any:
    return (comparable(answer["value"]), answer["text"]) if "value" in answer else REFUSED


def differences(answers: list[tuple[str, dict[str, Any]]]) -> list[str]:
    return [
        f"{expression!r}: ours {ours(expression)}, theirs {answer}"
        for expression, answer in answers
        if expression not in OTHERWISE and ours(expression) != theirs(answer)
    ]


def test_every_recorded_answer_is_ours_too():
    assert differences(RECORDED) == []


def test_the_answers_were_recorded_for_these_very_expressions():
    """Else a corner that somebody adds is held against nothing."""
    recorded = [expression for expression, _ in RECORDED]
    made_by_hand = recorded_expressions(generated=0)
    assert recorded[: len(made_by_hand)] == made_by_hand
    values = sum("value" in answer for _, answer in RECORDED)
    assert len(recorded) - len(made_by_hand) == 600
    assert values > 800
    assert len(recorded) - values > 200


@pytest.mark.parametrize("one", EXPECTED_OTHERWISE, ids=lambda one: one.expression[:40])
def test_where_ours_differs_it_does_so_on_purpose(one):
    answer = dict(RECORDED)[one.expression]
    expected = REFUSED if one.ours is REFUSED else as_recorded(one.ours)
    found = ours(one.expression)
    assert (found if found is REFUSED else found[0]) == expected
    assert found != theirs(answer), "the package agrees: it belongs to CORNERS"


def test_a_syntax_error_has_the_place_that_the_package_gives():
    """Except where the end comes too early: the package names the last word, ours the place where one is missing."""
    compared = 0
    for expression, answer in RECORDED:
        if answer.get("position") is None or expression in OTHERWISE or not expression.isascii():
            continue
        with pytest.raises(MalformedData) as caught:
            evaluate(expression, SCOPE)
        found = re.search(r": at position (\d+): (.*)", str(caught.value))
        assert found
        if "ends too early" in found[2]:
            assert int(found[1]) == len(expression) + 1
        elif "nested deeper" not in found[2]:
            assert int(found[1]) == answer["position"], expression
            compared += 1
    assert compared > 100


def test_other_expressions_get_the_answers_that_the_package_gives_now():
    folder, problem = package_folder()
    if folder is None:
        pytest.skip(problem)
    expressions = generated_expressions(3000, seed=15)
    assert differences(list(zip(expressions, ask_package(folder, expressions), strict=True))) == []


def test_the_recorded_answers_are_those_that_the_package_gives_now():
    folder, problem = package_folder()
    if folder is None:
        pytest.skip(problem)
    assert ask_package(folder, [expression for expression, _ in RECORDED]) == [answer for _, answer in RECORDED]
