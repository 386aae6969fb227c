"""Calls of our commands in scripts, as a shell would make them."""

from __future__ import annotations

import json

import pytest

from nanna_ci.workflow.command_calls import find_calls
from nanna_ci.workflow.workflow_file import WorkflowJob, read_workflow

HEAD = "on: push\njobs:\n  a:\n    steps:\n      - env: {JOB: '${{ matrix.id }}'}\n        run: "


def job_of(script: str) -> WorkflowJob:
    return read_workflow((HEAD + script).encode(), "w").jobs[0]


def calls_of(script: str) -> list[tuple[str, ...] | None]:
    return [call.words for call in find_calls(job_of(json.dumps(script)))]


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("nix run .#plan", ("plan",)),
        ("./nixw run .#ci --override-input a b -- --strict", ("ci", "--strict")),
        ("nix run .#ci -- --event push -- x", ("ci", "--event", "push", "--", "x")),
        ("nix run ./.nanna-ci/source#release -- --verify", ("release", "--verify")),
        ('nanna-ci run-job "$JOB"', ("run-job", "$JOB")),
        ("python3 -m nanna_ci plan --format json > plan.json", ("plan", "--format", "json")),
        ("python3 -m nanna_ci plan 2>&1 | tee log", ("plan",)),
        ("cd x && nanna-ci plan; nanna", ("plan",)),
        ("(nanna-ci plan)", ("plan",)),
        ("nanna-ci scan \\\n  --sarif x", ("scan", "--sarif", "x")),
        ("nanna-ci scan --sarif '' x", ("scan", "--sarif", "", "x")),
        ("nanna-ci 'plan", None),
    ],
)
def test_a_call_has_the_words_that_the_command_gets(script: str, words: tuple[str, ...] | None) -> None:
    assert calls_of(script) == [words]


@pytest.mark.parametrize("script", ["# nanna-ci plan", "echo nanna-cix plan", "nix build .#plan", "ls ~/nanna-ci/x"])
def test_what_is_no_call_is_left_alone(script: str) -> None:
    assert calls_of(script) == []


def test_two_calls_of_a_line_are_two() -> None:
    assert calls_of("nanna-ci plan && nix run .#ci") == [("plan",), ("ci",)]


def test_a_call_knows_its_line_and_what_the_environment_gives_a_word() -> None:
    job = job_of('|\n          true\n          nanna-ci run-job "$JOB" ${OTHER} x\n')
    (call,) = find_calls(job)
    assert call.line == 8
    assert [call.value_of(number) for number in range(5)] == ["run-job", "${{ matrix.id }}", "", "x", ""]
