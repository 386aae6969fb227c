"""What expressions may refer to in each key of a job, as GitHub documents it; other names are refused there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from nanna_ci.foundation.errors import MalformedData
from nanna_ci.rehearsal.expressions.expression import JobStatus, Scope, check_condition, check_text
from nanna_ci.rehearsal.known_nodes import at_line
from nanna_ci.rehearsal.workflow_model import ModelJob, ModelWorkflow
from nanna_ci.workflow.yaml_nodes import YamlMapping, YamlNode, YamlScalar, YamlSequence

OF_A_JOB: Final = ("github", "inputs", "vars", "needs")
OF_AN_ENTRY: Final = (*OF_A_JOB, "strategy", "matrix")
_KEYS: Final[Mapping[str, tuple[str, ...]]] = {
    "strategy": OF_A_JOB,
    "name": OF_AN_ENTRY,
    "runs-on": OF_AN_ENTRY,
    "environment": (*OF_AN_ENTRY, "secrets"),
    "concurrency": OF_AN_ENTRY,
    "continue-on-error": OF_AN_ENTRY,
    "timeout-minutes": OF_AN_ENTRY,
    "container": (*OF_AN_ENTRY, "env", "secrets"),
    "services": (*OF_AN_ENTRY, "env", "secrets"),
    "with": OF_AN_ENTRY,
    "secrets": (*OF_AN_ENTRY, "secrets"),
    "env": (*OF_AN_ENTRY, "secrets"),
    "outputs": (*OF_AN_ENTRY, "job", "runner", "env", "secrets", "steps"),
}
_OF_WORKFLOWS: Final[Mapping[str, tuple[str, ...]]] = {
    "env": ("github", "inputs", "vars", "secrets"),
    "concurrency": ("github", "inputs", "vars"),
    "run-name": ("github", "inputs", "vars"),
}
_OF_OUTPUTS: Final = ("github", "inputs", "vars", "jobs")


def check_workflow_expressions(workflow: ModelWorkflow) -> None:
    """Raise MalformedData, with file and line, for what no run could evaluate above the level of jobs."""
    for key, names in _OF_WORKFLOWS.items():
        _check(workflow.root.get(key), names, workflow.path)
    if workflow.interface is not None:
        for node in workflow.interface.outputs.values():
            _check(node, _OF_OUTPUTS, workflow.path)


def check_job_expressions(workflow: ModelWorkflow, job: ModelJob) -> None:
    """Raise MalformedData, with file and line, for an expression in a job's own keys that no run could evaluate."""
    condition = job.body.get("if")
    if isinstance(condition, YamlScalar):
        try:
            check_condition(condition.text, Scope(dict.fromkeys(OF_A_JOB), JobStatus.SUCCESS))
        except MalformedData as error:
            raise at_line(error, workflow.path, condition.line) from None
    for key, names in _KEYS.items():
        _check(job.body.get(key), names, workflow.path)


def _check(node: YamlNode | None, names: tuple[str, ...], path: str) -> None:
    match node:
        case YamlScalar():
            try:
                check_text(node.text, Scope(dict.fromkeys(names)))
            except MalformedData as error:
                raise at_line(error, path, node.line) from None
        case YamlSequence():
            for item in node.items:
                _check(item, names, path)
        case YamlMapping():
            for _, value in node.entries:
                _check(value, names, path)
