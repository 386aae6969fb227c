"""Where a workflow runs the matrices of its plan: in its own jobs, or in those of workflows that it calls."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from nanna_ci.workflow.call_graph import CallGraph
from nanna_ci.workflow.command_calls import find_calls
from nanna_ci.workflow.workflow_file import WorkflowFile, WorkflowJob

_OF_A_NEED: Final = re.compile(r"\$\{\{ (?P<given>needs\.(?P<job>[\w-]+)\.outputs\.(?P<name>[\w-]+)) }}")
_MATRIX_OF_A_NEED: Final = re.compile(
    r"\$\{\{ fromJSON\((?P<given>needs\.(?P<job>[\w-]+)\.outputs\.(?P<name>[\w-]+))\) }}"
)
_MATRIX_OF_AN_INPUT: Final = re.compile(r"\$\{\{ fromJSON\(inputs\.(?P<name>[\w-]+)\) }}")
_OF_A_STEP: Final = re.compile(r"\$\{\{ steps\.(?P<step>[\w-]+)\.outputs\.(?P<name>[\w-]+) }}")


@dataclass(frozen=True, slots=True, eq=False)
class MatrixPlace:
    """A job over a matrix of the plan; `workflow` is the file that has it.

    `output` is what `plan --format github` calls that matrix, None where the plan's job does not hand one on.
    `given` is how the workflow names it: `needs.plan.outputs.matrix`. `conditions` are the `if` of the job and of the
    job that calls its workflow. Two places are equal only if they are the same.
    """

    workflow: WorkflowFile
    job: WorkflowJob
    output: str | None
    given: str
    conditions: tuple[str, ...]


def find_places(workflow: WorkflowFile, graph: CallGraph) -> Iterator[MatrixPlace]:
    """Of the workflow that runs the plan: each job over one of its matrices, in the order of the calls."""
    for job in workflow.jobs:
        if found := _MATRIX_OF_A_NEED.fullmatch(matrix_text(job)):
            yield MatrixPlace(workflow, job, _plan_output(workflow, found), found["given"], (job.condition,))
        call = graph.call_of(workflow, job)
        inputs = job.body.mapping("with")
        if call is None or call.called is None or inputs is None:
            continue
        for below in call.called.jobs:
            of_input = _MATRIX_OF_AN_INPUT.fullmatch(matrix_text(below))
            given = _OF_A_NEED.fullmatch((inputs.text(of_input["name"]) or "") if of_input is not None else "")
            if given is not None:
                conditions = (job.condition, below.condition)
                yield MatrixPlace(call.called, below, _plan_output(workflow, given), given["given"], conditions)


def matrix_text(job: WorkflowJob) -> str:
    """The matrix of a job if it is one expression, else ""."""
    strategy = job.body.mapping("strategy")
    return (strategy.text("matrix") if strategy is not None else None) or ""


def _plan_output(workflow: WorkflowFile, of_a_need: re.Match[str]) -> str | None:
    """The output of the step that runs `plan` which an output of its job stands for."""
    job = workflow.job(of_a_need["job"])
    outputs = job.body.mapping("outputs") if job is not None else None
    found = _OF_A_STEP.fullmatch((outputs.text(of_a_need["name"]) if outputs is not None else None) or "")
    if job is None or found is None:
        return None
    planning = {call.step.body.text("id") for call in find_calls(job) if call.name == "plan"}
    return found["name"] if found["step"] in planning else None
