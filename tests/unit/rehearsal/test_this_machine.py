"""Runners that this machine can be, and plans without the others."""

from __future__ import annotations

import json
from typing import Any

import pytest

from nanna_ci.rehearsal.this_machine import take_out_others, why_no_runner

LINUX = "x86_64-linux"


@pytest.mark.parametrize(
    ("runs_on", "reason"),
    [
        ("ubuntu-24.04", None),
        ("ubuntu-latest", None),
        (["ubuntu-24.04"], None),
        ({"labels": "ubuntu-24.04"}, None),
        ("ubuntu-24.04-arm", "runs on ubuntu-24.04-arm; this machine is x86_64-linux"),
        ("macos-15", "runs on macos-15; this machine is x86_64-linux"),
        (["self-hosted", "linux"], "runs on self-hosted linux; this machine is x86_64-linux"),
        (
            {"group": "large", "labels": "ubuntu-24.04"},
            "runs on group large ubuntu-24.04; this machine is x86_64-linux",
        ),
        ("", "runs on nothing; this machine is x86_64-linux"),
    ],
)
def test_only_a_runner_of_this_system_is_this_machine(runs_on: Any, reason: str | None) -> None:
    assert why_no_runner(runs_on, LINUX) == reason


def test_entries_of_other_runners_leave_a_plan_and_are_named() -> None:
    plan = {"include": [{"id": "a", "runner": "ubuntu-24.04", "n": 1}, {"id": "b", "runner": "macos-15"}], "x": 1.5}
    text, taken = take_out_others(json.dumps(plan), LINUX)
    assert json.loads(text) == {"include": [{"id": "a", "runner": "ubuntu-24.04", "n": 1}], "x": 1.5}
    assert [(one.name, one.reason) for one in taken] == [("b", "runs on macos-15; this machine is x86_64-linux")]


def test_a_plan_that_loses_everything_is_an_empty_one() -> None:
    assert take_out_others('{"include": [{"id": "b", "runner": "macos-15"}]}', LINUX)[0] == ""


@pytest.mark.parametrize(
    "text",
    [
        '{"include": [{"id":  "a", "runner": "ubuntu-24.04"}]}',
        '{"include": [{"id": "a"}], "runner": "macos-15"}',
        '["include", "runner"]',
        '{"include": "runner"}',
        'not JSON with "include" and "runner"',
        "",
    ],
)
def test_an_output_without_such_entries_stays_to_the_letter(text: str) -> None:
    assert take_out_others(text, LINUX) == (text, [])
