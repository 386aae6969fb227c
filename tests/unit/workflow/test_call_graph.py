"""Which workflow calls which, and what a call must grant."""

from __future__ import annotations

import pytest

from nanna_ci.workflow.call_graph import CallGraph, declared, levels_of, local_path
from nanna_ci.workflow.workflow_file import read_workflow

FOLDER = ".github/workflows"


def graph(**texts: str) -> CallGraph:
    return CallGraph([read_workflow(text.encode(), f"{FOLDER}/{name}.yml") for name, text in texts.items()])


def caller(*names: str, permissions: str = "{}") -> str:
    jobs = [f"  {name}:\n    permissions: {permissions}\n    uses: $/{FOLDER}/{name}.yml\n" for name in names]
    return "on: workflow_call\njobs:\n" + "".join(jobs)


LAST = """\
on:
  workflow_call:
    inputs:
      a: {type: string, required: true}
      b: {type: string}
    secrets:
      c:
jobs:
  one:
    permissions: {contents: read, packages: write}
    steps: []
  two:
    permissions: {contents: write, actions: none}
    if: false
    steps: []
"""


@pytest.mark.parametrize(
    ("uses", "path"),
    [
        ("$/.github/workflows/a.yml", ".github/workflows/a.yml"),
        ("./.github/workflows/a.yml", ".github/workflows/a.yml"),
        ("$/./actions/a", "actions/a"),
        ("owner/repo/.github/workflows/a.yml@v1", None),
        ("docker://a", None),
    ],
)
def test_what_is_named_by_a_path_is_of_the_repository_itself(uses: str, path: str | None) -> None:
    assert local_path(uses) == path


def test_a_workflow_reaches_what_it_calls_by_way_of_others() -> None:
    found = graph(a=caller("b"), b=caller("c"), c=LAST, d=caller("c"))
    a, b, c, d = found.workflows
    assert [found.reaches(a, one) for one in (a, b, c, d)] == [False, True, True, False]
    assert [call.called for call in found.calls()] == [b, c, c]


def test_a_circle_of_calls_ends_and_is_seen() -> None:
    found = graph(a=caller("b"), b=caller("a", "c"), c=LAST)
    a, _, c = found.workflows
    assert found.reaches(a, a)
    assert not found.reaches(c, c)


def test_a_call_of_what_is_not_there_leads_nowhere() -> None:
    found = graph(a=caller("b"))
    assert [call.called for call in found.calls()] == [None]
    assert not found.reaches(found.workflows[0], found.workflows[0])


def test_a_caller_grants_the_most_that_any_job_names_even_one_that_never_runs() -> None:
    (last,) = graph(c=LAST).workflows
    assert CallGraph([last]).needed_permissions(last) == {"contents": "write", "packages": "write"}


def test_of_a_permission_only_levels_count() -> None:
    (workflow,) = graph(a=caller("b", permissions="{contents: admin, actions: read}")).workflows
    assert levels_of(workflow.jobs[0].body.mapping("permissions")) == {"actions": "read"}


def test_inputs_and_secrets_are_those_of_the_trigger() -> None:
    (last,) = graph(c=LAST).workflows
    assert declared(last, "inputs") == {"a": True, "b": False}
    assert declared(last, "secrets") == {"c": False}
    (plain,) = graph(a=caller("b")).workflows
    assert declared(plain, "inputs") == {}
