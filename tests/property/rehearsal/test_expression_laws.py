"""Laws of the expression language: what is written as a literal comes back, and nothing but MalformedData is raised."""

from __future__ import annotations

import contextlib
import math

from hypothesis import given
from hypothesis import strategies as st

from nanna_ci.foundation.errors import MalformedData
from nanna_ci.rehearsal.expressions.expression import JobStatus, Scope, evaluate, holds, interpolate
from nanna_ci.rehearsal.expressions.expression_value import Value, as_text, is_truthy

WORDS = st.text(st.characters(codec="utf-8"), max_size=12)
# with more than 15 digits a number is not written whole
NUMBERS = st.integers(-(10**14), 10**14).map(float) | st.integers(-(10**6), 10**6).map(lambda whole: whole / 64)
SCALARS = st.none() | st.booleans() | NUMBERS | WORDS
KEYS = st.text('abcxyz_- .0\u00e9"\\\n', max_size=4)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)
PLACES = ("x", "x.a", "x.*", "x[0]", "x.*.a", "X['a'].b", "null", "'a'", "1", "''", "0x1", "NaN")
EXPRESSIONS = st.recursive(
    st.sampled_from(PLACES),
    lambda inner: (
        st.tuples(inner, st.sampled_from(("==", "!=", "<", "<=", ">", ">=", "&&", "||")), inner).map(
            "({0[0]} {0[1]} {0[2]})".format
        )
        | inner.map("!{0}".format)
        | st.tuples(inner, inner).map("contains({0[0]}, {0[1]})".format)
        | inner.map("toJSON({0})".format)
        | inner.map("join({0}, '-')".format)
    ),
    max_leaves=8,
)
PIECES = st.lists(
    st.sampled_from(
        [
            *"()[].,*!<>=&|'{}$ \n",
            "${{",
            "}}",
            "x",
            ".a",
            "'s'",
            "1",
            "-",
            "0x",
            "format(",
            "fromJSON(",
            "&&",
            "case(",
            "success()",
        ]
    ),
    max_size=12,
).map("".join)


def literal(value: Value) -> str:
    """A value as an expression: lists and objects by way of fromJSON, which undoes what toJSON did."""
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    if isinstance(value, list | dict):
        return f"fromJSON({literal(in_json(value))})"
    return "null" if value is None else as_text(value)


def in_json(value: Value) -> str:
    text = evaluate("toJSON(x)", Scope({"x": value}))
    assert isinstance(text, str)
    return text


def scope(value: Value) -> Scope:
    return Scope({"x": value}, JobStatus.SUCCESS)


@given(VALUES)
def test_a_literal_of_a_value_gives_that_value(value):
    found = evaluate(literal(value), Scope({}))
    assert found == value
    assert type(found) is type(value)


@given(VALUES)
def test_json_that_was_written_is_read_as_it_was(value):
    assert evaluate("fromJSON(toJSON(x))", Scope({"x": value})) == value
    assert evaluate("toJSON(fromJSON(toJSON(x))) == toJSON(x)", Scope({"x": value})) is True


@given(st.floats(-1e308, 1e308))
def test_a_number_keeps_15_digits_as_text(number):
    back = evaluate(as_text(number), Scope({}))
    assert isinstance(back, float)
    assert math.isclose(back, number, rel_tol=1e-14, abs_tol=5e-324) or number == 0
    assert as_text(back) == as_text(number)


@given(VALUES, VALUES)
def test_formats_and_text_with_expressions_say_the_same(first, second):
    both = Scope({"x": first, "y": second})
    assert interpolate("{a} ${{ x }}'${{ y }}", both) == evaluate("format('{{a}} {0}''{1}', x, y)", both)
    assert interpolate("${{ x }}", both) is first or interpolate("${{ x }}", both) == first


@given(EXPRESSIONS, EXPRESSIONS, VALUES)
def test_the_operators_keep_their_laws(a, b, value):
    here = scope(value)

    def truth(source: str) -> bool:
        return is_truthy(evaluate(source, here))

    assert truth(f"!({a})") is not truth(a)
    assert truth(f"({a}) && ({b})") == (truth(a) and truth(b))
    assert truth(f"({a}) || ({b})") == (truth(a) or truth(b))
    assert evaluate(f"({a}) && ({b})", here) == evaluate(b if truth(a) else a, here) or "NaN" in a + b
    assert truth(f"({a}) != ({b})") is not truth(f"({a}) == ({b})")
    assert truth(f"({a}) < ({b})") == truth(f"({b}) > ({a})")
    assert truth(f"({a}) <= ({b})") == (truth(f"({a}) < ({b})") or truth(f"({a}) == ({b})"))
    assert holds(a, here) == truth(a)


@given(PIECES | st.text(max_size=30), VALUES)
def test_whatever_is_written_is_evaluated_or_refused(text, value):
    for run in (evaluate, interpolate, holds):
        with contextlib.suppress(MalformedData):
            run(text, scope(value))
