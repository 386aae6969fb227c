"""A matrix's combinations are GitHub's, in its order."""

from __future__ import annotations

from typing import Any

import pytest

from nanna_ci.foundation.errors import MalformedData
from nanna_ci.rehearsal.job_matrix import default_name, expand_matrix

WHERE = "ci.yml:7"


def test_vectors_multiply_in_their_order() -> None:
    found = expand_matrix({"os": ["linux", "mac"], "node": [12.0, 14.0]}, WHERE)
    assert found == [
        {"os": "linux", "node": 12.0},
        {"os": "linux", "node": 14.0},
        {"os": "mac", "node": 12.0},
        {"os": "mac", "node": 14.0},
    ]


def test_the_example_of_githubs_documentation_gives_its_six_combinations() -> None:
    included: list[Any] = [
        {"color": "green"},
        {"color": "pink", "animal": "cat"},
        {"fruit": "apple", "shape": "circle"},
        {"fruit": "banana"},
        {"fruit": "banana", "animal": "cat"},
    ]
    found = expand_matrix({"fruit": ["apple", "pear"], "animal": ["cat", "dog"], "include": included}, WHERE)
    assert found == [
        {"fruit": "apple", "animal": "cat", "color": "pink", "shape": "circle"},
        {"fruit": "apple", "animal": "dog", "color": "green", "shape": "circle"},
        {"fruit": "pear", "animal": "cat", "color": "pink"},
        {"fruit": "pear", "animal": "dog", "color": "green"},
        {"fruit": "banana"},
        {"fruit": "banana", "animal": "cat"},
    ]


def test_exclude_takes_away_what_it_partly_fits_before_include_adds() -> None:
    matrix: dict[str, Any] = {
        "os": ["linux", "mac"],
        "node": [12.0, 14.0],
        "exclude": [{"os": "mac", "node": "12"}],
        "include": [{"os": "mac", "node": 12.0, "old": True}],
    }
    found = expand_matrix(matrix, WHERE)
    assert found[-1] == {"os": "mac", "node": 12.0, "old": True}
    assert len(found) == 4
    assert len(expand_matrix({**matrix, "exclude": [{"os": "mac"}], "include": None}, WHERE)) == 2


def test_only_include_makes_one_combination_an_entry() -> None:
    assert expand_matrix({"include": [{"id": "a"}, {"id": "b"}]}, WHERE) == [{"id": "a"}, {"id": "b"}]


@pytest.mark.parametrize(
    ("matrix", "problem"),
    [
        ("", "the matrix is empty, not a mapping"),
        (["a"], "a list, not a mapping"),
        ({"os": []}, "the matrix's os has no values"),
        ({"os": "linux"}, "the matrix's os has no values"),
        ({"include": []}, "the matrix has no combination"),
        ({"os": ["a"], "exclude": [{"os": "a"}]}, "the matrix has no combination"),
        ({"include": ["a"]}, "include is not a list of mappings"),
        (
            {"a": [float(n) for n in range(17)], "b": [float(n) for n in range(16)]},
            "272 combinations; GitHub takes 256",
        ),
    ],
)
def test_a_matrix_that_github_refuses_is_refused_with_its_place(matrix: Any, problem: str) -> None:
    with pytest.raises(MalformedData, match=problem) as refused:
        expand_matrix(matrix, WHERE)
    assert refused.value.source == WHERE


def test_a_job_without_a_name_is_called_by_its_values() -> None:
    assert default_name("test", {"os": "linux", "node": 12.0, "more": {"deep": ["x"]}, "none": ""}) == (
        "test (linux, 12, x)"
    )
    assert default_name("test", None) == "test"
