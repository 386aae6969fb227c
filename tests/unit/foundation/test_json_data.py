"""JSON from outside: strict, bounded, with errors that name the line."""

from __future__ import annotations

import pytest

from nanna_ci.foundation import json_data
from nanna_ci.foundation.errors import MalformedData
from nanna_ci.foundation.json_data import MAX_DEPTH, as_count, as_list, as_object, as_text, as_texts, load_json


def refused(data: bytes) -> str:
    with pytest.raises(MalformedData) as caught:
        load_json(data, "source")
    assert caught.value.source == "source"
    return caught.value.message


def test_a_document_is_read() -> None:
    assert load_json(b'{"a": [1, 2.5, "x", null, true]}', "source") == {"a": [1, 2.5, "x", None, True]}


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "line 1 column 1"),
        (b'{\n  "a": 1,\n  oops\n}', "line 3 column 3"),
        (b"{} {}", "line 1 column 4: Extra data"),
        (b'\n\n"\xff"', "line 3: not UTF-8"),
        (b"[NaN]", "NaN is not JSON"),
        (b"[-Infinity]", "-Infinity is not JSON"),
        (b"[1e999]", "'1e999' is larger than a number can be"),
        (b'{"a": 1, "b": 2, "a": 3}', "the key 'a' occurs twice"),
        (b'["\\ud800"]', "surrogate"),
        (b'{"\\udfff": 1}', "surrogate"),
        (b'[[{"a": ["\\ud800"]}]]', "surrogate"),
        (b'[{"b": {"\\udfff": 1}}]', "surrogate"),
        (b"1" * 5000, "digits"),
    ],
)
def test_what_is_not_strict_json_is_refused_with_its_place(data: bytes, problem: str) -> None:
    assert problem in refused(data)


@pytest.mark.parametrize("depth", [MAX_DEPTH + 1, 5_000, 200_000])
def test_deep_nesting_is_refused_however_deep(depth: int) -> None:
    assert "nested deeper than 64" in refused(b"[" * depth + b"]" * depth)
    assert "nested deeper than 64" in refused(b'{"a":' * depth + b"1" + b"}" * depth)


def test_nesting_up_to_the_limit_is_read() -> None:
    assert load_json(b"[" * MAX_DEPTH + b"]" * MAX_DEPTH, "source")


def test_more_bytes_than_the_limit_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_data, "MAX_BYTES", 10)
    assert load_json(b"[       ] ", "source") == []
    assert "11 bytes" in refused(b"[        ] ")


def test_values_of_the_wrong_type_are_named_in_the_error() -> None:
    for read, value, problem in [
        (as_object, [], "it is an array, not an object"),
        (as_list, {}, "it is an object, not an array"),
        (as_text, 5, "it is '5', not a string"),
        (as_texts, ["a", None], "it[1] is 'null', not a string"),
        (as_count, True, "it is 'true', not a number"),
        (as_count, -1, "it is '-1', not a number"),
        (as_count, 1.0, "it is '1.0', not a number"),
    ]:
        with pytest.raises(MalformedData, match="source: ") as caught:
            read(value, "source", "it")  # type: ignore[arg-type]
        assert problem in caught.value.message


def test_a_huge_value_makes_no_huge_error() -> None:
    with pytest.raises(MalformedData) as caught:
        as_count("x" * 100_000, "source", "it")
    assert len(caught.value.message) < 300


@pytest.mark.parametrize(
    "number",
    [
        "1e309",
        "1E309",
        "1e+309",
        "-1e0999",
        "1.5e999",
        "9" * 310 + ".0",
        "9" * 250 + "e99",
        "0." + "1" * 400 + "e400",
        "1e308",
    ],
)
def test_a_number_too_large_for_a_float_is_refused_in_every_spelling(number: str) -> None:
    fits = abs(float(number)) != float("inf")
    if fits:
        assert load_json(f"[{number}]".encode(), "a") == [float(number)]
    else:
        with pytest.raises(MalformedData, match="larger than a number can be"):
            load_json(f"[{number}]".encode(), "a")
