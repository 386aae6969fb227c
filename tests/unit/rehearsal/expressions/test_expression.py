"""Text with expressions in it, conditions, what a scope allows, and that bad input costs neither time nor memory."""

from __future__ import annotations

import math

import pytest

from nanna_ci.foundation.errors import MalformedData
from nanna_ci.rehearsal.expressions.expression import (
    JobStatus,
    Scope,
    check_condition,
    check_text,
    evaluate,
    holds,
    interpolate,
)
from nanna_ci.rehearsal.expressions.expression_value import CaseSensitiveObject, as_text, value_of_json

SCOPE = Scope({"github": {"sha": "abc", "n": 1.5, "deep": [{"x": True}]}, "env": CaseSensitiveObject({"A": "upper"})})
SUCCEEDED, FAILED, CANCELLED, SKIPPED = (Scope(SCOPE.contexts, status) for status in JobStatus)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("plain", "plain"),
        ("", ""),
        ("${{ github.sha }}", "abc"),
        ("${{github.n}}", 1.5),
        ("${{ github.deep }}", [{"x": True}]),
        ("${{ null }}", None),
        (" ${{ null }}", " "),
        ("${{ github.n }}\n", "1.5\n"),
        ("${{ github.sha }}${{ github.sha }}", "abcabc"),
        ("a ${{ github.sha }} b ${{ github.deep }} c", "a abc b Array c"),
        ("${{ '}}' }} and ${{ 'it''s }} {0}' }}", "}} and it's }} {0}"),
        ("${{ '${{' }}", "${{"),
        ("${{ format('{{{0}}}', 1) }}", "{1}"),
        ("{0} 'quoted' ${{ 1 }} }}", "{0} 'quoted' 1 }}"),
        ("${{ 1 }}}}", "1}}"),
        ("$${{ 1 }}", "$1"),
        ("$ {{ 1 }} ${ {1}}", "$ {{ 1 }} ${ {1}}"),
        ("${{\n  github.sha\n}}", "abc"),
    ],
)
def test_text_gets_the_values_of_its_expressions(text, value):
    assert interpolate(text, SCOPE) == value
    check_text(text, SCOPE)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a ${{ github.sha", "no }} ends the expression at position 3"),
        ("${{ 'a }} b", "no }} ends the expression at position 1"),
        ("x ${{ 1 }} ${{ a' }}", "no }} ends the expression at position 12"),
        ("ok ${{ }}", "the expression at position 4 is empty"),
        ("${{}}", "the expression at position 1 is empty"),
        ("${{ unknown.x }}", "expression 'unknown.x': at position 1: no context 'unknown' is known here"),
        ("${{ 1 }} ${{ nope(1) }}", "expression 'nope(1)': at position 1: no function 'nope' is known here"),
        ("${{ {0} }}", "expression '{0}': at position 1: unexpected '{0}'"),
    ],
)
def test_bad_text_is_refused_with_its_place_before_anything_is_evaluated(text, problem):
    for refuse in (interpolate, check_text):
        with pytest.raises(MalformedData) as caught:
            refuse(text, SCOPE)
        assert problem in str(caught.value)


def test_text_with_expressions_has_the_limits_that_github_sets_it():
    room = 21_000 - len("format('{0}', 1)")
    assert interpolate("a" * room + "${{ 1 }}", SCOPE) == "a" * room + "1"
    for text in ("a" * (room + 1) + "${{ 1 }}", "{" * (room // 2 + 1) + "${{ 1 }}", "'" * (room // 2 + 1) + "${{ 1 }}"):
        with pytest.raises(MalformedData, match="21000 characters"):
            interpolate(text, SCOPE)
    assert interpolate("a" * 30_000, SCOPE) == "a" * 30_000
    assert interpolate("${{ 1 }}" * 254, SCOPE) == "1" * 254
    with pytest.raises(MalformedData, match="255 expressions"):
        interpolate("${{ 1 }}" * 255, SCOPE)
    nested = f"${{{{ {'!' * 49}1 }}}}"
    assert interpolate(nested, SCOPE) is False
    with pytest.raises(MalformedData, match="50 levels"):
        interpolate(f" {nested}", SCOPE)


@pytest.mark.parametrize(
    ("condition", "succeeded", "failed", "cancelled"),
    [
        (None, True, False, False),
        ("", True, False, False),
        (" \n", True, False, False),
        ("true", True, False, False),
        ("false", False, False, False),
        ("${{ true }}", True, False, False),
        ("${{ 1 == 2 }}", False, False, False),
        ("github.sha == 'ABC'", True, False, False),
        ("always()", True, True, True),
        ("${{ always() }}", True, True, True),
        ("always() && false", False, False, False),
        ("failure()", False, True, False),
        ("!cancelled()", True, True, False),
        ("success() || failure()", True, True, False),
        ("Failure() || github.sha", True, True, True),
        ("contains(fromJSON('[1]'), 1) && (1 == 2 || !FAILURE())", True, False, True),
        ("github[format('{0}', always())] || 1", True, True, True),
        ("'always()'", True, False, False),
        # what surprises people, and is so on GitHub: text around an expression is true, and ${{ 'x' }} is the text x
        ("${{ false }}\n", True, False, False),
        (" ${{ false }}", True, False, False),
        ("${{ false }} && ${{ false }}", True, False, False),
        ("! ${{ failure() }}", True, True, True),
        ("${{ '' }}${{ '' }}", False, False, False),
        ("${{ 'false' }}", False, False, False),
        ("${{ 'always()' }}", True, True, True),
        ("${{ '' }}", True, False, False),
        ("${{ format('false') }}", True, False, False),
    ],
)
def test_a_condition_holds_as_on_github(condition, succeeded, failed, cancelled):
    assert [holds(condition, scope) for scope in (SUCCEEDED, FAILED, CANCELLED)] == [succeeded, failed, cancelled]
    check_condition(condition, SUCCEEDED)


def test_a_condition_that_does_not_count_is_read_but_not_evaluated():
    assert not holds("fromJSON('{')", FAILED)
    with pytest.raises(MalformedData, match="fromJSON: its text: line 1"):
        holds("fromJSON('{')", SUCCEEDED)
    for condition in ("unknown", "github.sha ==", "${{ 1"):
        with pytest.raises(MalformedData):
            holds(condition, FAILED)
        with pytest.raises(MalformedData):
            check_condition(condition, FAILED)


def test_functions_of_a_job_are_refused_where_the_scope_lacks_them():
    for source in ("success()", "failure()", "cancelled()", "always()", "hashFiles('a')"):
        with pytest.raises(MalformedData, match="no function"):
            evaluate(source, SCOPE)
        with pytest.raises(MalformedData, match="no function"):
            check_text(f"${{{{ {source} }}}}", SCOPE)
    for scope, values in ((SUCCEEDED, (1, 0, 0, 1)), (FAILED, (0, 1, 0, 1)), (CANCELLED, (0, 0, 1, 1))):
        assert tuple(evaluate(f"{name}()", scope) for name in ("success", "failure", "cancelled", "always")) == values
    asked: list[list[str]] = []
    scope = Scope({}, hash_files=lambda patterns: asked.append(list(patterns)) or "digest")
    assert evaluate("hashFiles('**/Cargo.lock', 1)", scope) == "digest"
    assert asked == [["**/Cargo.lock", "1"]]


def test_the_names_of_contexts_and_properties_ignore_case_but_those_of_env_do_not():
    assert evaluate("GitHub.SHA", SCOPE) == "abc"
    assert evaluate("ENV.A", SCOPE) == "upper"
    assert evaluate("env.a", SCOPE) is None
    assert evaluate("env['a'] || env.*", SCOPE) == ["upper"]


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0.0, "0"),
        (-0.0, "0"),
        (1.0, "1"),
        (-2.5, "-2.5"),
        (0.1 + 0.2, "0.3"),
        (1 / 3, "0.333333333333333"),
        (2 / 3, "0.666666666666667"),
        (999999999999999.0, "999999999999999"),
        (1e15, "1E+15"),
        (1e100, "1E+100"),
        (0.0001, "0.0001"),
        (0.00001, "1E-05"),
        (math.inf, "Infinity"),
        (-math.inf, "-Infinity"),
        (math.nan, "NaN"),
        (6000000123, "6000000123"),
    ],
)
def test_a_number_is_written_with_15_digits(number, text):
    assert as_text(number) == text
    assert evaluate("toJSON(x)", Scope({"x": number})) == text


def test_json_becomes_a_value_with_its_numbers_as_floats():
    value = value_of_json({"a": 1, "b": [True, None, 10**400, "x"], "A": {"c": -(10**400)}})
    assert value == {"a": {"c": -math.inf}, "b": [True, None, math.inf, "x"]}
    assert isinstance(value_of_json(1), float)
    assert value_of_json(True) is True


@pytest.mark.parametrize(
    "source",
    [
        *("(" * 20_000, "!" * 20_000, "." * 21_000, "'" * 20_999, "1||" * 6_990, "1" + "==1" * 6_990),
        *("github" + "[github" * 2_500, "fromJSON(" * 2_300, "github" + ".a" * 10_000),
        "((github.a.a.a.a.a.a.a)" + ".a" * 40 + ")" + ".a" * 40,
    ],
)
def test_hostile_expressions_are_refused_soon(source):
    with pytest.raises(MalformedData) as caught:
        evaluate(source, SCOPE)
    assert len(str(caught.value)) < 400


def test_text_does_not_grow_without_bound():
    source = "'0123456789'"
    for _ in range(12):
        source = f"format('{'{0}' * 10}', {source})"
    for text in (f"${{{{ {source} }}}}", f"a ${{{{ {source} }}}}"):
        with pytest.raises(MalformedData, match="format: it would give a text of more than"):
            interpolate(text, SCOPE)
    scope = Scope({"x": "y" * (6 << 20)})
    for text in ("${{ format('{0}{0}', x) }}", "${{ x }}${{ x }}", "${{ join(fromJSON('[1,2,3]'), x) }}"):
        with pytest.raises(MalformedData, match="a text of more than 10485760 characters"):
            interpolate(text, scope)


def test_formats_of_formats_take_no_exponential_time():
    source = "''"
    for _ in range(40):
        source = f"format('{{0}}{{0}}{{0}}', {source})"
    assert evaluate(source, SCOPE) == ""


def test_a_long_chain_of_operands_is_no_deeper_than_a_short_one():
    assert evaluate("0" + " || 0" * 4_000 + " || 'x'", SCOPE) == "x"
