"""A workflow as the rules look at it: triggers, jobs, steps, each with its place in the file."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from nanna_ci.foundation.errors import MalformedData
from nanna_ci.workflow.yaml_nodes import (
    YamlComment,
    YamlDocument,
    YamlMapping,
    YamlNode,
    YamlScalar,
    YamlSequence,
    scalars_in,
)
from nanna_ci.workflow.yaml_reader import read_yaml

_USES: Final = re.compile(r"(?P<name>[^@\s]+)@(?P<ref>\S+)")


@dataclass(frozen=True, slots=True)
class ActionUse:
    """A `uses:` of something outside of the repository: `name` as `owner/repository/path`, `ref` behind the @."""

    name: str
    ref: str
    scalar: YamlScalar
    comment: YamlComment | None


@dataclass(frozen=True, slots=True)
class WorkflowStep:
    """A step; `name` is for people."""

    body: YamlMapping
    name: str

    @property
    def action(self) -> str | None:
        """The action's name without its version, None for a step that runs something."""
        uses = self.body.text("uses")
        return None if uses is None else uses.partition("@")[0]


@dataclass(frozen=True, slots=True)
class WorkflowJob:
    """A job: its id and the id's place, what it holds, its steps (none where it calls a workflow)."""

    id: str
    key: YamlScalar
    body: YamlMapping
    steps: tuple[WorkflowStep, ...]

    @property
    def needs(self) -> tuple[str, ...]:
        """The ids of the jobs that it waits for."""
        return tuple(scalar.text for scalar in scalars_in(self.body.get("needs")))

    @property
    def condition(self) -> str:
        """Its `if`, "" without one."""
        return self.body.text("if") or ""


@dataclass(frozen=True, slots=True)
class WorkflowFile:
    """A workflow; `path` is how findings name the file."""

    path: str
    root: YamlMapping
    document: YamlDocument
    triggers: tuple[tuple[str, YamlScalar], ...]
    jobs: tuple[WorkflowJob, ...]

    def job(self, name: str) -> WorkflowJob | None:
        """The job of an id, or None."""
        return next((job for job in self.jobs if job.id == name), None)

    def starts_on(self, *events: str) -> bool:
        """Whether one of the events is a trigger."""
        return any(name in events for name, _ in self.triggers)

    @property
    def serves_pull_requests(self) -> bool:
        """Whether a pull request can start it; of a workflow that others call, nobody knows who does."""
        return self.starts_on("pull_request", "workflow_call")

    def uses(self) -> Iterator[tuple[YamlScalar, ActionUse | None]]:
        """Each `uses:`, of steps and of jobs; None for one that is not NAME@REF."""
        for job in self.jobs:
            for body in (job.body, *(step.body for step in job.steps)):
                scalar = body.get("uses")
                if isinstance(scalar, YamlScalar):
                    found = _USES.fullmatch(scalar.text)
                    comment = self.document.comments.get(scalar.line)
                    yield scalar, found and ActionUse(found["name"], found["ref"], scalar, comment)


def read_workflow(data: bytes, path: str) -> WorkflowFile:
    """A workflow's text. MalformedData for what is no YAML that is read, or no workflow."""
    document = read_yaml(data, path)
    root = _as_mapping(document.root, path, "the workflow")
    jobs = _as_mapping(root.get("jobs"), path, "jobs")
    return WorkflowFile(
        path,
        root,
        document,
        tuple(_triggers(root.get("on"), path)),
        tuple(_job(key, _as_mapping(value, path, f"job {key.text}"), path) for key, value in jobs.entries),
    )


def read_action(data: bytes, path: str) -> WorkflowFile:
    """An action's text as a workflow without triggers, with its steps as one job; none if it is no composite one."""
    document = read_yaml(data, path)
    root = _as_mapping(document.root, path, "the action")
    runs, key = _as_mapping(root.get("runs"), path, "runs"), root.key("runs")
    jobs = () if key is None or runs.text("using") != "composite" else (_job(key, runs, path),)
    return WorkflowFile(path, root, document, (), jobs)


def _triggers(node: YamlNode | None, path: str) -> Iterator[tuple[str, YamlScalar]]:
    if isinstance(node, YamlMapping):
        yield from ((key.text, key) for key, _ in node.entries)
        return
    names = list(scalars_in(node))
    if not names:
        raise MalformedData(path, "it has no triggers: on: is missing or empty")
    yield from ((name.text, name) for name in names)


def _job(key: YamlScalar, body: YamlMapping, path: str) -> WorkflowJob:
    steps = body.get("steps")
    if steps is None:
        return WorkflowJob(key.text, key, body, ())
    if not isinstance(steps, YamlSequence):
        raise MalformedData(path, f"line {steps.line}: the steps of job {key.text} are no list")
    bodies = [_as_mapping(item, path, f"a step of job {key.text}") for item in steps.items]
    return WorkflowJob(
        key.text,
        key,
        body,
        tuple(
            WorkflowStep(step, step.text("name") or (step.text("uses") or f"step {number}").partition("@")[0])
            for number, step in enumerate(bodies, 1)
        ),
    )


def _as_mapping(node: YamlNode | None, path: str, what: str) -> YamlMapping:
    if node is None:
        raise MalformedData(path, f"{what} is missing")
    if not isinstance(node, YamlMapping):
        raise MalformedData(path, f"line {node.line}: {what} is not a mapping of keys to values")
    return node
