"""What a job has gathered so far: variables, folders of PATH, results of steps, and the contexts made of them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from nanna_ci.foundation.errors import MalformedData
from nanna_ci.rehearsal.expressions.expression import JobStatus, Scope, check_condition, check_text
from nanna_ci.rehearsal.expressions.expression_value import CaseSensitiveObject, Value
from nanna_ci.rehearsal.steps.glob_search import PatternRefused, hash_files
from nanna_ci.rehearsal.steps.runner_machine import RunnerMachine, context_variables
from nanna_ci.rehearsal.steps.step_definition import StepDefinition
from nanna_ci.workflow.yaml_nodes import YamlMapping, YamlNode, YamlScalar, scalars_in

# contexts that a step may name; those of the caller are a part of them
_CONTEXTS: Final = (
    "env",
    "github",
    "inputs",
    "job",
    "matrix",
    "needs",
    "runner",
    "secrets",
    "steps",
    "strategy",
    "vars",
)
_NOT_IN_CONDITIONS: Final = frozenset({"secrets"})


@dataclass(slots=True)
class RunningJob:
    """`contexts` are the caller's; `github` is theirs with what the runner adds. `env` is what holds for every step."""

    contexts: Mapping[str, Value]
    github: dict[str, Value]
    machine: RunnerMachine
    additions: Mapping[str, str]
    env: dict[str, str] = field(default_factory=dict)
    folders: list[str] = field(default_factory=list)
    steps: dict[str, Value] = field(default_factory=dict)
    status: JobStatus = JobStatus.SUCCESS

    def scope(self, step_env: Mapping[str, str] | None = None, *, condition: bool = False) -> Scope:
        """What expressions of a step may refer to; of a condition, not the secrets."""
        job = self.contexts.get("job")
        env: dict[str, Value] = {**self.env, **(step_env or {})}
        contexts: dict[str, Value] = {
            **{name: self.contexts.get(name) for name in _CONTEXTS},
            "env": CaseSensitiveObject(env),
            "github": self.github,
            "job": {**(job if isinstance(job, dict) else {}), "status": self.status.value},
            "runner": self.machine.context,
            "steps": self.steps,
        }
        if condition:
            contexts = {name: value for name, value in contexts.items() if name not in _NOT_IN_CONDITIONS}
        return Scope(contexts, self.status, self._hash)

    def add_folder(self, folder: str) -> None:
        """A folder to look for programs in before all others."""
        if folder in self.folders:
            self.folders.remove(folder)
        self.folders.append(folder)

    def environment(self, step_env: Mapping[str, str]) -> dict[str, str]:
        """The variables of a step's process. Those of the runner's contexts cannot be replaced by a workflow."""
        merged = {**self.machine.environment, **self.additions, **self.env, **step_env}
        merged["PATH"] = os.pathsep.join((*reversed(self.folders), merged["PATH"]))
        return {**merged, **context_variables(self.github, self.machine.context)}

    def record(self, step: StepDefinition, outputs: Mapping[str, str], outcome: str, conclusion: str) -> None:
        """A step has ended; later ones see it in the steps context if it has an id."""
        if step.id is not None:
            kept: dict[str, Value] = dict(outputs)
            self.steps[step.id] = {"outputs": kept, "outcome": outcome, "conclusion": conclusion}

    def _hash(self, patterns: Sequence[str]) -> str:
        try:
            return hash_files(patterns, self.machine.workspace, self.machine.home)
        except PatternRefused as error:
            raise MalformedData("hashFiles", str(error)) from error


def check_expressions(path: str, body: YamlMapping, steps: Sequence[StepDefinition]) -> None:
    """Refuse expressions that no run could evaluate. Raises MalformedData naming file and line."""
    every = dict.fromkeys(_CONTEXTS)
    scope = Scope(every, JobStatus.SUCCESS, lambda _patterns: "")
    in_conditions = Scope(
        {name: None for name in every if name not in _NOT_IN_CONDITIONS}, JobStatus.SUCCESS, lambda _patterns: ""
    )
    for node in (body.get("env"), body.get("outputs"), body.get("timeout-minutes")):
        for scalar in scalars_in(node):
            _check(path, scalar, scope)
    for step in steps:
        try:
            check_condition(step.condition, in_conditions)
        except MalformedData as error:
            raise MalformedData(path, f"line {step.line}: the step's if: {error.message}") from error
        for scalar in _scalars_of(step):
            _check(path, scalar, scope)


def _scalars_of(step: StepDefinition) -> Iterator[YamlScalar]:
    nodes: list[YamlNode | None] = [step.env, step.continue_on_error, step.timeout_minutes]
    for node in (*nodes, *(value for _, value in step.inputs)):
        yield from scalars_in(node)
    yield from step.templates


def _check(path: str, scalar: YamlScalar, scope: Scope) -> None:
    try:
        check_text(scalar.text, scope)
    except MalformedData as error:
        raise MalformedData(path, f"line {scalar.line}: {error.message}") from error
