"""Workflows with those that they call, read and checked before anything runs."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from nanna_ci.foundation.errors import MalformedData, shorten
from nanna_ci.rehearsal.expressions.expression_value import Value, as_text
from nanna_ci.rehearsal.key_contexts import check_job_expressions, check_workflow_expressions
from nanna_ci.rehearsal.known_nodes import mapping_at
from nanna_ci.rehearsal.token_permissions import DEFAULT, refuse_more
from nanna_ci.rehearsal.workflow_model import CallInterface, ModelJob, ModelWorkflow, parse_workflow
from nanna_ci.rehearsal.yaml_values import scalar_value
from nanna_ci.workflow.yaml_nodes import YamlMapping, YamlNode, YamlScalar

DEEPEST: Final = 10
_HERE: Final = re.compile(r"[.$]/(\.github/workflows/[^/\s]+\.ya?ml)")
_ELSEWHERE: Final = re.compile(r"([A-Za-z0-9][A-Za-z0-9-]*/[A-Za-z0-9._-]+)/(\.github/workflows/[^/\s]+\.ya?ml)@(\S+)")
_TYPES: Final[Mapping[str, type[bool] | type[float] | type[str]]] = {"boolean": bool, "number": float, "string": str}


@dataclass(frozen=True, slots=True)
class WorkflowSource:
    """Where a workflow is from: OWNER/NAME, its ref and commit. `read` gives a file of that commit, or None."""

    repository: str
    ref: str
    sha: str
    read: Callable[[str], bytes | None]

    def context(self, path: str) -> dict[str, Value]:
        """What the context `job` says of a workflow of it."""
        return {
            "workflow_ref": f"{self.repository}/{path}@{self.ref}",
            "workflow_sha": self.sha,
            "workflow_repository": self.repository,
            "workflow_file_path": path,
        }


@dataclass(frozen=True, slots=True)
class LoadedJob:
    """A job with what its token may do, and the workflow that it calls, if it does."""

    model: ModelJob
    permissions: Mapping[str, str]
    called: LoadedWorkflow | None


@dataclass(frozen=True, slots=True)
class LoadedWorkflow:
    """A workflow with all that it calls."""

    model: ModelWorkflow
    source: WorkflowSource
    jobs: Mapping[str, LoadedJob]


FindSource = Callable[[str, str], WorkflowSource]
"""The source of OWNER/NAME at a ref; raises MalformedData or NannaError for one that this machine lacks."""
CheckJob = Callable[[ModelWorkflow, ModelJob], None]
"""Raises MalformedData for a job whose steps are not known."""


@dataclass(frozen=True, slots=True)
class WorkflowLibrary:
    """Loads workflows. `find_source` is for those of other repositories, `check_job` looks at each job with steps."""

    find_source: FindSource
    check_job: CheckJob

    def load(
        self, model: ModelWorkflow, source: WorkflowSource, allowed: Mapping[str, str] | None = None, depth: int = 1
    ) -> LoadedWorkflow:
        """A workflow with those that it calls. `allowed` is what the job that calls it may do; None: nothing calls it.

        Raises:
            MalformedData: with file and line, for what GitHub would refuse before the run starts, or is not known.
        """
        if depth > DEEPEST:
            raise MalformedData(model.path, f"workflows call each other more than {DEEPEST} levels deep")
        check_workflow_expressions(model)
        jobs = {}
        for job in model.jobs.values():
            check_job_expressions(model, job)
            permissions = self._permissions(model, job, allowed)
            called = None
            if job.uses is None:
                self.check_job(model, job)
            else:
                called = self.load(*self._called(model, job, source), permissions, depth + 1)
            jobs[job.id] = LoadedJob(job, permissions, called)
        return LoadedWorkflow(model, source, jobs)

    def _permissions(self, model: ModelWorkflow, job: ModelJob, allowed: Mapping[str, str] | None) -> Mapping[str, str]:
        stated = job.permissions if job.permissions is not None else model.permissions
        if stated is None:
            return DEFAULT if allowed is None else allowed
        if allowed is not None:
            refuse_more(stated, allowed, model.path, job.line, job.id)
        return stated

    def _called(
        self, model: ModelWorkflow, job: ModelJob, source: WorkflowSource
    ) -> tuple[ModelWorkflow, WorkflowSource]:
        uses = job.uses
        assert uses is not None
        where = f"{model.path}:{uses.line}"
        if (here := _HERE.fullmatch(uses.text)) is not None:
            path = here[1]
        elif (elsewhere := _ELSEWHERE.fullmatch(uses.text)) is not None:
            source, path = self.find_source(elsewhere[1], elsewhere[3]), elsewhere[2]
        else:
            raise MalformedData(
                where,
                f"{shorten(uses.text)} names no workflow",
                hint="$/.github/workflows/FILE.yml, or OWNER/REPOSITORY/.github/workflows/FILE.yml@COMMIT",
            )
        data = source.read(path)
        if data is None:
            raise MalformedData(where, f"{source.repository} has no {path} at {source.sha[:12]}")
        called = parse_workflow(data, path)
        if called.interface is None:
            raise MalformedData(where, f"{path} cannot be called: it has no workflow_call")
        _check_call(job, called.interface, model.path)
        return called, source


def _check_call(job: ModelJob, interface: CallInterface, path: str) -> None:
    """What a job hands to the workflow that it calls, held against what that takes."""
    given = _members(job.body.get("with"), path, "with")
    for name, (key, value) in given.items():
        declared = interface.inputs.get(name)
        if declared is None:
            raise MalformedData(f"{path}:{key.line}", f"the called workflow has no input {shorten(name)}")
        if isinstance(value, YamlScalar) and "${{" not in value.text:
            checked_input(scalar_value(value), declared.type, name, f"{path}:{key.line}")
    for name, declared in interface.inputs.items():
        if declared.is_required and name not in given:
            raise MalformedData(f"{path}:{job.line}", f"job {job.id} does not give the input {name}, which is required")
    secrets = job.body.get("secrets")
    if isinstance(secrets, YamlScalar) and secrets.text == "inherit":
        return
    named = _members(secrets, path, "secrets")
    for name, (key, _) in named.items():
        if name not in interface.secrets:
            raise MalformedData(f"{path}:{key.line}", f"the called workflow has no secret {shorten(name)}")
    for name, is_required in interface.secrets.items():
        if is_required and name not in named:
            raise MalformedData(
                f"{path}:{job.line}", f"job {job.id} does not give the secret {name}, which is required"
            )


def _members(node: YamlNode | None, path: str, what: str) -> Mapping[str, tuple[YamlScalar, YamlNode]]:
    body = YamlMapping((), is_flow=False, line=0, column=0) if node is None else mapping_at(node, path, what)
    return {key.text: (key, value) for key, value in body.entries}


def checked_input(value: Value, kind: str, name: str, where: str) -> Value:
    """A value for an input of that type. MalformedData if it is of another: GitHub turns nothing into a boolean."""
    if kind == "string" and not isinstance(value, dict | list):
        return as_text(value)
    if not isinstance(value, _TYPES[kind]):
        raise MalformedData(where, f"the input {name} is {as_text(value)!r}, which is not a {kind}")
    return value
