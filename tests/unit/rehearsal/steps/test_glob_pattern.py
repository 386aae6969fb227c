"""Patterns of names of artifacts, as minimatch reads them."""

from __future__ import annotations

import pytest

from nanna_ci.foundation.errors import MalformedData
from nanna_ci.rehearsal.steps.glob_pattern import expand_braces, name_matches

NAMES = ("job-a", "job-b1", "cache", ".hidden", "a{b", "x[1]", "Job-a")


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("job-*", {"job-a", "job-b1"}),
        ("job-?", {"job-a"}),
        ("{job-*,cache}", {"job-a", "job-b1", "cache"}),
        ("job-b{1..3}", {"job-b1"}),
        ("*", set(NAMES) - {".hidden"}),
        ("**", set(NAMES) - {".hidden"}),
        (".*", {".hidden"}),
        ("[cj]*", {"job-a", "job-b1", "cache"}),
        ("[!j]*", {"cache", "a{b", "x[1]", "Job-a"}),
        ("[a-d]*", {"cache", "a{b"}),
        ("!job-*", {"cache", ".hidden", "a{b", "x[1]", "Job-a"}),
        ("!!job-a", {"job-a"}),
        ("#job", set()),
        ("a{b", {"a{b"}),
        ("x\\[1\\]", {"x[1]"}),
        ("job-a/*", set()),
        ("", set()),
    ],
)
def test_names_match_as_with_minimatch(pattern, expected):
    assert {name for name in NAMES if name_matches(pattern, name)} == expected


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("a{b,c}d", ["abd", "acd"]),
        ("{a,b{c,d}}", ["a", "bc", "bd"]),
        ("{a,b}{c,d}", ["ac", "ad", "bc", "bd"]),
        ("{a}", ["{a}"]),
        ("{a},{b,c}", ["{a},b", "{a},c"]),
        ("{3..1}", ["3", "2", "1"]),
        ("{,x}a", ["a", "xa"]),
        ("a\\{b,c}", ["a\\{b,c}"]),
        ("plain", ["plain"]),
    ],
)
def test_braces_expand(pattern, expected):
    assert expand_braces(pattern) == expected


@pytest.mark.parametrize("pattern", ["@(a|b)", "!(a)", "a+(b)", "{1..99999}", "{a,b}" * 12, "[[:alpha:]]"])
def test_a_pattern_that_is_not_played_is_refused(pattern):
    with pytest.raises(MalformedData):
        name_matches(pattern, "a")
