"""Patterns of store path names: what they match, what is refused, and that none of them takes long.

Every refusal with its words is a file in tests/data/pipelines/bad.
"""

from __future__ import annotations

import pytest

from nanna_ci.foundation.name_pattern import LIMIT_BYTES, PatternProblem, compile_name_pattern

LONGEST_NAME = "a" * 211


@pytest.mark.parametrize(
    ("pattern", "matches", "passes"),
    [
        ("(^|-)source$", ["source", "x-source"], ["source-1", "resource", "sources"]),
        (r"\.tar\.", ["hello-2.1.tar.gz"], ["hello.tar", "atarb"]),
        ("^nixpkgs", ["nixpkgs", "nixpkgs-24.05"], ["my-nixpkgs"]),
        ("foo", ["foo", "afoob"], ["fo", "FOO"]),
        ("^a(b|c)?d$", ["ad", "abd", "acd"], ["abcd", "ad2"]),
        ("x[0-9]+[^.]z*$", ["x1a", "x22-zz"], ["xa", "x1."]),
        ("^a.c$", ["abc", "a.c"], ["ac", "abbc"]),
        (r"^g\+\+$", ["g++"], ["ggg", "g+"]),
        ("[+._?=^-]", ["a+b", "a.b", "a_b", "a?b", "a=b", "a-b"], ["ab"]),
    ],
)
def test_a_name_is_searched_for_the_pattern(pattern: str, matches: list[str], passes: list[str]) -> None:
    compiled = compile_name_pattern(pattern)
    assert [name for name in matches + passes if compiled.search(name)] == matches


@pytest.mark.parametrize("pattern", ["a" * LIMIT_BYTES, "(a|b|c|d|e|f|g|h)x*y+", "a?" * 11 + "b", "c(((a|b)?)?)?"])
def test_what_is_just_within_the_limits_is_taken(pattern: str) -> None:
    assert compile_name_pattern(pattern).pattern == pattern


@pytest.mark.parametrize(
    "pattern",
    ["a" * (LIMIT_BYTES + 1), "é" * (LIMIT_BYTES // 2 + 1), "(a|b|c|d|e|f|g|h|i)x*y+", "a?" * 12, "a*b*c*", "(a*)*"],
)
def test_what_could_take_forever_is_refused_with_a_fix(pattern: str) -> None:
    with pytest.raises(PatternProblem, match="can take exponential time") as caught:
        compile_name_pattern(pattern)
    assert caught.value.hint


@pytest.mark.parametrize(
    "pattern",
    [
        "(a|a|a|a|a|a|a|a)a*a*b",
        "a?a?a?a*a+b",
        "a?a?a?a?a?a?a?a?a?a?a?b",
        "(a|a|a|a)?[ab]*[a-z]*[^a]$",
        ".*(a|a|a|a|a|a|a|a).*b",
        "(a|a)(a|a)(a|a)(a|a)(a|a)(a|a)(a|a)(a|a)(a|a)(a|a)(a|a)b",
        "(((((((((((a)?)?)?)?)?)?)?)?)?)?)?b",
    ],
)
def test_the_slowest_patterns_that_are_taken_come_to_an_end(pattern: str) -> None:
    assert compile_name_pattern(pattern).search(LONGEST_NAME) is None


def test_a_problem_reads_as_one_line() -> None:
    with pytest.raises(ValueError, match=r"^is not a regular expression at byte 1; any text is \.\*"):
        compile_name_pattern("*-source")


@pytest.mark.parametrize("pattern", ["a\ud800", "\udcff", "a\nb", "a\x00b"])
def test_what_no_file_can_hold_is_refused_too(pattern: str) -> None:
    with pytest.raises(PatternProblem, match="printable ASCII"):
        compile_name_pattern(pattern)
