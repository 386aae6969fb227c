"""Values as JSON and back; tests/property/containers has the way there and back."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from nanna_ci.containers.testing.checks import CheckResult
from nanna_ci.containers.testing.dataclass_json import from_json
from nanna_ci.foundation.errors import MalformedData
from nanna_ci.foundation.json_data import JsonValue

PASSED: dict[str, JsonValue] = {"check": {"kind": "load", "subject": ""}, "status": "passed", "seconds": 1}


@dataclass(frozen=True, slots=True)
class Flagged:
    """A field of a type that is not carried."""

    flag: bool


def test_what_has_a_default_may_be_left_out():
    result = from_json(CheckResult, PASSED, "x")
    assert (result.cause, result.reason, result.seconds) == (None, None, 1.0)


@pytest.mark.parametrize(
    "changed",
    [
        {"status": "passing"},
        {"status": "failed"},  # a failure has a cause: the value itself refuses it
        {"status": None},
        {"seconds": True},
        {"seconds": -1},
        {"seconds": "1"},
        {"check": "load"},
        {"check": {}},
        {"reason": 3},
    ],
)
def test_what_the_type_does_not_say_is_refused(changed):
    with pytest.raises(MalformedData, match="x: "):
        from_json(CheckResult, {**PASSED, **changed}, "x")


def test_text_is_never_taken_for_a_flag():
    with pytest.raises(TypeError, match="flag"):
        from_json(Flagged, {"flag": "false"}, "x")
