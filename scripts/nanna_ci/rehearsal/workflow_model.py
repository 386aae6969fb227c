"""A workflow as it is run: jobs with what they need, and what a workflow that others call takes and gives.

Keys that are not known here are refused: a construct that is left out would make the rehearsal another pipeline.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from nanna_ci.foundation.errors import MalformedData, shorten
from nanna_ci.rehearsal.known_nodes import mapping_at, names_at, refuse_others, scalar_at
from nanna_ci.rehearsal.token_permissions import read_permissions
from nanna_ci.rehearsal.yaml_values import scalar_value
from nanna_ci.workflow.workflow_file import WorkflowFile, WorkflowJob, read_workflow
from nanna_ci.workflow.yaml_nodes import ScalarStyle, YamlMapping, YamlNode, YamlScalar, YamlSequence

_ROOT_KEYS: Final = frozenset(
    {"name", "run-name", "on", "permissions", "env", "defaults", "concurrency", "jobs", "description", "cache-mode"}
)
_JOB_KEYS: Final = frozenset(
    {
        *("name", "permissions", "needs", "if", "runs-on", "environment", "concurrency", "outputs", "env", "defaults"),
        *("steps", "timeout-minutes", "strategy", "continue-on-error", "container", "services", "cache-mode"),
    }
)
_CALL_KEYS: Final = frozenset(
    {"name", "uses", "with", "secrets", "needs", "if", "permissions", "concurrency", "strategy"}
)
_STRATEGY_KEYS: Final = frozenset({"matrix", "fail-fast", "max-parallel"})
_INPUT_TYPES: Final = frozenset({"boolean", "number", "string"})
_ID: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")


@dataclass(frozen=True, slots=True)
class CallInput:
    """An input of a called workflow; `type` is boolean, number or string."""

    name: str
    type: str
    is_required: bool
    default: YamlScalar | None


@dataclass(frozen=True, slots=True)
class CallInterface:
    """What a workflow that others call takes and gives. `secrets`: name -> required; `outputs`: name -> its value."""

    inputs: Mapping[str, CallInput]
    secrets: Mapping[str, bool]
    outputs: Mapping[str, YamlScalar]


@dataclass(frozen=True, slots=True)
class ModelJob:
    """A job. `uses` is the workflow that it calls, else None; `permissions` what it says itself, None for nothing."""

    id: str
    line: int
    body: YamlMapping
    needs: tuple[str, ...]
    uses: YamlScalar | None
    permissions: Mapping[str, str] | None

    @property
    def strategy(self) -> YamlMapping | None:
        """Its strategy."""
        return self.body.mapping("strategy")

    @property
    def matrix(self) -> YamlNode | None:
        """The matrix of its strategy."""
        return None if self.strategy is None else self.strategy.get("matrix")


@dataclass(frozen=True, slots=True)
class ModelWorkflow:
    """A workflow. `path` is its place in the repository, `interface` None for one that cannot be called."""

    path: str
    name: str
    file: WorkflowFile
    jobs: Mapping[str, ModelJob]
    permissions: Mapping[str, str] | None
    interface: CallInterface | None

    @property
    def root(self) -> YamlMapping:
        """What the file holds."""
        return self.file.root


def parse_workflow(data: bytes, path: str) -> ModelWorkflow:
    """A workflow's text. MalformedData with file and line for what is not known, and for needs that no order has."""
    file = read_workflow(data, path)
    refuse_others(file.root, _ROOT_KEYS, path, "the workflow")
    jobs = {job.id: _job(job, path) for job in file.jobs}
    if not jobs:
        raise MalformedData(path, "it has no jobs")
    for job in jobs.values():
        for need in job.needs:
            if need not in jobs:
                raise MalformedData(f"{path}:{job.line}", f"job {job.id} needs {shorten(need)}, which is not a job")
    _refuse_circles(jobs, path)
    return ModelWorkflow(
        path,
        file.root.text("name") or path,
        file,
        jobs,
        read_permissions(file.root.get("permissions"), path),
        _interface(file.root.get("on"), path),
    )


def _job(job: WorkflowJob, path: str) -> ModelJob:
    if not _ID.fullmatch(job.id):
        raise MalformedData(f"{path}:{job.key.line}", f"{shorten(job.id)} is not a job's id")
    uses = job.body.get("uses")
    what = f"job {job.id}"
    refuse_others(job.body, _JOB_KEYS if uses is None else _CALL_KEYS, path, what)
    if uses is None and (job.body.get("runs-on") is None or not job.steps):
        raise MalformedData(f"{path}:{job.key.line}", f"{what} has no runs-on, or no steps")
    strategy = job.body.get("strategy")
    if strategy is not None:
        refuse_others(mapping_at(strategy, path, f"the strategy of {what}"), _STRATEGY_KEYS, path, "strategy")
    return ModelJob(
        job.id,
        job.key.line,
        job.body,
        names_at(job.body.get("needs"), path, f"needs of {what}"),
        None if uses is None else scalar_at(uses, path, f"uses of {what}"),
        read_permissions(job.body.get("permissions"), path),
    )


def _refuse_circles(jobs: Mapping[str, ModelJob], path: str) -> None:
    left = dict(jobs)
    while ready := [name for name, job in left.items() if not any(need in left for need in job.needs)]:
        for name in ready:
            del left[name]
    if left:
        first = next(iter(left.values()))
        raise MalformedData(f"{path}:{first.line}", f"these jobs wait for each other: {', '.join(left)}")


def ancestors(jobs: Mapping[str, ModelJob], job: ModelJob) -> frozenset[str]:
    """The ids of all jobs that it waits for, also through others."""
    found: set[str] = set()
    waiting = list(job.needs)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += jobs[name].needs
    return frozenset(found)


def _interface(node: YamlNode | None, path: str) -> CallInterface | None:
    if isinstance(node, YamlScalar | YamlSequence):
        return CallInterface({}, {}, {}) if "workflow_call" in names_at(node, path, "on") else None
    value = None if node is None else node.get("workflow_call")
    if value is None:
        return None
    body = mapping_at(value, path, "workflow_call")
    refuse_others(body, {"inputs", "secrets", "outputs"}, path, "workflow_call")
    inputs, secrets, outputs = (
        mapping_at(part, path, name).entries if (part := body.get(name)) is not None else ()
        for name in ("inputs", "secrets", "outputs")
    )
    return CallInterface(
        {key.text: _input(key, value, path) for key, value in inputs},
        {key.text: _is_required(mapping_at(value, path, f"secret {key.text}"), path) for key, value in secrets},
        {key.text: _output(key, value, path) for key, value in outputs},
    )


def _input(key: YamlScalar, node: YamlNode, path: str) -> CallInput:
    body = mapping_at(node, path, f"input {key.text}")
    refuse_others(body, {"description", "type", "required", "default"}, path, f"input {key.text}")
    kind = body.text("type")
    if kind not in _INPUT_TYPES:
        raise MalformedData(f"{path}:{key.line}", f"input {key.text} has no type that is boolean, number or string")
    default = body.get("default")
    return CallInput(
        key.text, kind, _is_required(body, path), None if default is None else scalar_at(default, path, "default")
    )


def _is_required(body: YamlMapping, path: str) -> bool:
    refuse_others(body, {"description", "type", "required", "default"}, path, "it")
    node = body.get("required")
    if node is None:
        return False
    value = scalar_value(scalar_at(node, path, "required"))
    if not isinstance(value, bool):
        raise MalformedData(f"{path}:{node.line}", "required is not true or false")
    return value


def _output(key: YamlScalar, node: YamlNode, path: str) -> YamlScalar:
    body = mapping_at(node, path, f"output {key.text}")
    refuse_others(body, {"description", "value"}, path, f"output {key.text}")
    value = body.get("value")
    if not isinstance(value, YamlScalar) or value.style is ScalarStyle.EMPTY:
        raise MalformedData(f"{path}:{key.line}", f"output {key.text} has no value")
    return value
