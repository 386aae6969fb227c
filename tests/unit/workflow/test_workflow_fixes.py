"""`--fix`: only what is mechanical, nothing else of the file, and once is enough."""

from __future__ import annotations

import datetime
import textwrap

import pytest

from nanna_ci.workflow.pin_table import ActionPin, WorkflowPolicy
from nanna_ci.workflow.workflow_file import read_workflow
from nanna_ci.workflow.workflow_fixes import difference, mend

COMMIT = "a" * 40
PIN = ActionPin("actions/checkout", "v7.0.1", COMMIT, datetime.date(2026, 1, 1), "node24", 1)
POLICY = WorkflowPolicy("w.toml", pins={PIN.action: PIN})
HEAD = "on: push\njobs:\n  a:\n    steps:\n"


def mended(steps: str) -> str:
    text = HEAD + textwrap.indent(steps, "    ")
    result = mend(text, read_workflow(text.encode(), "w"), POLICY)
    assert mend(result, read_workflow(result.encode(), "w"), POLICY) == result
    return "".join(line.removeprefix("    ") for line in result.removeprefix(HEAD).splitlines(keepends=True))


GOOD = f"- uses: actions/checkout@{COMMIT} # v7.0.1\n  with:\n    persist-credentials: false\n"


@pytest.mark.parametrize(
    ("steps", "result"),
    [
        (GOOD, GOOD),
        (GOOD.replace(" # v7.0.1", ""), GOOD),
        (GOOD.replace("v7.0.1", "v6 (old)"), GOOD),
        (GOOD.replace("v7.0.1", "v7.0.1 and why"), GOOD.replace("v7.0.1", "v7.0.1 and why")),
        (GOOD.partition("  with")[0], GOOD),
        (GOOD.partition("  with")[0].rstrip("\n"), GOOD),
        (GOOD.replace("persist-credentials: false", "ref: x"), GOOD + "    ref: x\n"),
        (
            GOOD.replace("- uses", "- name: b\n  if: c\n  uses").partition("  with")[0] + "- run: d\n",
            GOOD.replace("- uses", "- name: b\n  if: c\n  uses") + "- run: d\n",
        ),
        (GOOD.partition("  with")[0] + "  env:\n    A: b\n", GOOD + "  env:\n    A: b\n"),
    ],
)
def test_what_is_mechanical_is_mended(steps: str, result: str) -> None:
    assert mended(steps) == result
    assert mended(steps.replace("\n", "\r\n")).replace("\r\n", "\n") == result


def test_line_ends_stay_as_they_are() -> None:
    assert mended(GOOD.partition("  with")[0].replace("\n", "\r\n")) == GOOD.replace("\n", "\r\n")


@pytest.mark.parametrize(
    "steps",
    [
        GOOD.replace("false", "true"),
        GOOD.replace("\n    persist-credentials: false", " {ref: x}"),
        GOOD.replace(COMMIT, "b" * 40).replace("v7.0.1", "v1"),
        GOOD.replace(COMMIT, "v7"),
        "- uses: someone/else@v1\n",
    ],
)
def test_what_needs_a_decision_is_left_alone(steps: str) -> None:
    assert mended(steps) == steps


def test_a_difference_names_the_file_and_is_empty_without_one() -> None:
    assert difference("a\n", "a\n", "w.yml") == ""
    assert difference("a\n", "b\n", "w.yml") == "--- a/w.yml\n+++ b/w.yml\n@@ -1 +1 @@\n-a\n+b\n"
