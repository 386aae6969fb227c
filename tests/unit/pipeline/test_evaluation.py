"""The evaluated pipeline attribute: a derivation, a reason, or a mistake."""

from __future__ import annotations

from typing import Any

import pytest

from nanna_ci.foundation.errors import ConfigError, MalformedData
from nanna_ci.pipeline.evaluation import Unavailable, parse_evaluation, pipeline_attribute

UNIT = "/nix/store/zsmr8511nwha3cm17vv7q5mmqq9gwl2r-demo-unit.drv"
VALUE = {"toolkit": "debian", "derivations": {"checks.s.unit": UNIT}, "unavailable": {"checks.s.audit": "no tool"}}


def test_an_attribute_has_a_derivation_or_a_reason() -> None:
    evaluation = parse_evaluation(VALUE, f".#{pipeline_attribute('x86_64-linux')}")
    assert str(evaluation.locate("checks.s.unit")) == UNIT
    assert evaluation.locate("checks.s.audit") == Unavailable("no tool")


def test_an_attribute_in_neither_is_a_configuration_error_and_no_skip() -> None:
    evaluation = parse_evaluation(VALUE, ".#legacyPackages.s.pipeline")
    with pytest.raises(ConfigError, match=r"the plan needs the attribute checks\.s\.doc") as caught:
        evaluation.locate("checks.s.doc")
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    "value",
    [
        None,
        [],
        {"derivations": {}},
        {"derivations": {}, "unavailable": []},
        {"derivations": {"a": None}, "unavailable": {}},
        {"derivations": {"a": UNIT}, "unavailable": {"a": "reason"}},
        {"derivations": {"a": UNIT.removesuffix(".drv")}, "unavailable": {}},
        {"derivations": {"a": "/etc/passwd"}, "unavailable": {}},
    ],
)
def test_another_shape_is_refused(value: Any) -> None:
    with pytest.raises(MalformedData):
        parse_evaluation(value, "the flake")
