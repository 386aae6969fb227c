"""Which engine is found, and what is said if there is none."""

from __future__ import annotations

import json
from typing import Any

import pytest

from nanna_ci.containers.engine.find_engine import find_engine
from nanna_ci.foundation.errors import MalformedData, ToolMissing

USER = 1000


def run_nothing(argv: list[str], **_: Any) -> Any:
    raise ToolMissing(argv[0], "not found")


def test_if_a_toolkit_could_not_bring_engines_its_reason_is_shown_once() -> None:
    reason = "the Debian root has no packages for containers: skopeo: not in trixie"
    environ = {"PATH": "", "NANNA_CI_UNAVAILABLE": json.dumps({"podman": reason, "docker": reason})}
    assert find_engine("auto", run_nothing, environ, USER) == (None, reason)


def test_without_a_reason_of_the_toolkit_each_engine_has_its_own() -> None:
    found, reason = find_engine("auto", run_nothing, {"PATH": ""}, USER)
    assert found is None
    assert "podman" in reason
    assert "docker" in reason


def test_reasons_in_another_form_are_refused() -> None:
    with pytest.raises(MalformedData, match="NANNA_CI_UNAVAILABLE"):
        find_engine("auto", run_nothing, {"PATH": "", "NANNA_CI_UNAVAILABLE": "["}, USER)
