"""A workflow is read to its last key, or refused with file and line."""

from __future__ import annotations

import pytest

from nanna_ci.foundation.errors import MalformedData
from nanna_ci.rehearsal.workflow_model import ancestors, parse_workflow

JOB = "    runs-on: ubuntu-24.04\n    steps: [{run: x}]\n"


def parse(jobs: str, head: str = "on: push\n"):
    return parse_workflow(f"{head}jobs:\n{jobs}".encode(), "ci.yml")


def test_a_job_needs_what_it_names_and_all_that_those_need() -> None:
    workflow = parse(f"  a:\n{JOB}  b:\n    needs: a\n{JOB}  c:\n    needs: [b]\n{JOB}")
    assert workflow.jobs["b"].needs == ("a",)
    assert ancestors(workflow.jobs, workflow.jobs["c"]) == {"a", "b"}


@pytest.mark.parametrize(
    ("jobs", "problem"),
    [
        (f"  a:\n    snapshot: x\n{JOB}", "ci.yml:4: job a has the key 'snapshot', which the rehearsal does not know"),
        ("  a:\n    uses: ./.github/workflows/x.yml\n    env: {A: b}\n", "ci.yml:5: job a has the key 'env'"),
        ("  a:\n    runs-on: x\n", "ci.yml:3: job a has no runs-on, or no steps"),
        (f"  a:\n    needs: b\n{JOB}", "ci.yml:3: job a needs 'b', which is not a job"),
        (f"  a:\n    needs: b\n{JOB}  b:\n    needs: a\n{JOB}", "ci.yml:3: these jobs wait for each other: a, b"),
        (f"  a:\n    needs: a\n{JOB}", "these jobs wait for each other: a"),
        (f"  1a:\n{JOB}", "ci.yml:3: '1a' is not a job's id"),
        (f"  a:\n    strategy: {{matrx: {{}}}}\n{JOB}", "strategy has the key 'matrx'"),
        (f"  a:\n    permissions: {{content: read}}\n{JOB}", "the permission 'content: read' is not known"),
        (f"  a:\n    permissions: {{contents: admin}}\n{JOB}", "the permission 'contents: admin' is not known"),
    ],
)
def test_what_is_not_known_is_refused_with_its_line(jobs: str, problem: str) -> None:
    with pytest.raises(MalformedData) as refused:
        parse(jobs)
    assert problem in refused.value.message


def test_an_unknown_key_of_the_workflow_is_refused() -> None:
    with pytest.raises(MalformedData, match=r"ci.yml:2: the workflow has the key 'variables'"):
        parse(f"  a:\n{JOB}", "on: push\nvariables: {}\n")


def test_a_callable_workflow_has_typed_inputs_secrets_and_outputs() -> None:
    head = (
        "on:\n  workflow_call:\n    inputs:\n      level: {type: number, default: 3}\n"
        "      name: {type: string, required: true}\n"
        "    secrets:\n      TOKEN: {required: true}\n      OTHER:\n    outputs:\n      all: {value: x}\n"
    )
    interface = parse(f"  a:\n{JOB}", head).interface
    assert interface is not None
    assert {one.name: (one.type, one.is_required) for one in interface.inputs.values()} == {
        "level": ("number", False),
        "name": ("string", True),
    }
    assert interface.secrets == {"TOKEN": True, "OTHER": False}
    assert interface.outputs["all"].text == "x"
    assert parse(f"  a:\n{JOB}").interface is None


@pytest.mark.parametrize(
    ("call", "problem"),
    [
        ("inputs: {a: {type: choice}}", "input a has no type"),
        ("inputs: {a: {}}", "input a has no type"),
        ("inputs: {a: {type: string, options: [b]}}", "input a has the key 'options'"),
        ("secrets: {a: {required: maybe}}", "required is not true or false"),
        ("outputs: {a: {}}", "output a has no value"),
        ("results: {}", "workflow_call has the key 'results'"),
    ],
)
def test_an_interface_that_github_refuses_is_refused(call: str, problem: str) -> None:
    with pytest.raises(MalformedData, match=problem):
        parse(f"  a:\n{JOB}", f"on:\n  workflow_call:\n    {call}\n")
