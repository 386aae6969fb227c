"""The steps of a job as its workflow states them, read strictly: what is not known is refused with file and line."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, NoReturn

from nanna_ci.foundation.errors import MalformedData, shorten
from nanna_ci.workflow.yaml_nodes import YamlMapping, YamlNode, YamlScalar, YamlSequence

SHELLS: Final = ("bash", "sh", "python")
_KEYS: Final = frozenset(
    ("id", "name", "if", "uses", "with", "run", "shell", "working-directory", "env", "continue-on-error")
) | {"timeout-minutes"}
_OF_RUN: Final = ("shell", "working-directory")
_ID: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_USES: Final = re.compile(r"(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9._-]+)+)@(?P<ref>\S+)")
_GENERATED: Final = "__"  # how the names begin that GitHub gives to steps without one


@dataclass(frozen=True, slots=True)
class StepDefinition:
    """A step. What may hold expressions is as it was written; `number` counts from 1.

    `templates` are its name, script and folder for the check of their expressions.
    Either `action` (owner/repository/path, without its version) with `inputs` by lower-case name, or `script`.
    `shell` is one of SHELLS, or None: then bash with `-e` alone.
    """

    number: int
    line: int
    id: str | None
    name: str | None
    condition: str | None
    action: str | None
    reference: str
    inputs: tuple[tuple[str, YamlScalar], ...]
    script: str | None
    shell: str | None
    working_directory: str | None
    env: YamlMapping | None
    continue_on_error: YamlScalar | None
    timeout_minutes: YamlScalar | None
    templates: tuple[YamlScalar, ...] = ()


@dataclass(frozen=True, slots=True)
class RunDefaults:
    """`defaults.run` of the workflow and the job, the job's before the workflow's."""

    shell: str | None = None
    working_directory: str | None = None


@dataclass(frozen=True, slots=True)
class InputProblem:
    """What is wrong with the use of an action, and at which of its inputs; None: at all of it."""

    says: str
    at: YamlScalar | None = None


InputCheck = Callable[[str, tuple[tuple[str, YamlScalar], ...]], InputProblem | None]


def read_steps(path: str, body: YamlMapping, defaults: YamlMapping | None, check: InputCheck) -> list[StepDefinition]:
    """The steps of a job's body.

    `check` is given an action and its inputs, and answers what is wrong with them, or None.

    Raises:
        MalformedData: unknown keys, shells, actions and inputs, a step that both runs and uses, an id used twice.
    """
    reader = _Reader(path, read_defaults(path, defaults, body.get("defaults")), check)
    node = body.get("steps")
    if not isinstance(node, YamlSequence) or not node.items:
        reader.refuse(node or body, "the job has no list of steps")
    steps = [reader.step(number, item) for number, item in enumerate(node.items, 1)]
    seen: dict[str, int] = {}
    for step in steps:
        if step.id is not None and seen.setdefault(step.id.lower(), step.line) != step.line:
            raise MalformedData(path, f"line {step.line}: the id {step.id} is that of another step")
    return steps


def read_defaults(path: str, *levels: YamlNode | None) -> RunDefaults:
    """`defaults.run`, later levels before earlier ones. Raises MalformedData for what is not known in them."""
    shell = folder = None
    reader = _Reader(path, RunDefaults(), lambda _action, _inputs: None)
    for level in levels:
        if level is None:
            continue
        reader.keys(level, {"run"}, "defaults")
        run = level.get("run") if isinstance(level, YamlMapping) else None
        if run is None:
            continue
        reader.keys(run, set(_OF_RUN), "defaults.run")
        assert isinstance(run, YamlMapping)
        shell = reader.shell(run) or shell
        folder = reader.text(run, "working-directory") or folder
    return RunDefaults(shell, folder)


class _Reader:
    def __init__(self, path: str, defaults: RunDefaults, check: InputCheck) -> None:
        self._path = path
        self._defaults = defaults
        self._check = check

    def refuse(self, node: YamlNode, problem: str) -> NoReturn:
        raise MalformedData(self._path, f"line {node.line}: {problem}")

    def keys(self, node: YamlNode, known: set[str] | frozenset[str], what: str) -> None:
        if not isinstance(node, YamlMapping):
            self.refuse(node, f"{what} is not a mapping of keys to values")
        for key, _ in node.entries:
            if key.text not in known:
                self.refuse(key, f"the rehearsal does not know the key {shorten(key.text)} of {what}")

    def text(self, body: YamlMapping, name: str) -> str | None:
        scalar = self.scalar(body, name)
        return None if scalar is None else scalar.text

    def scalar(self, body: YamlMapping, name: str) -> YamlScalar | None:
        node = body.get(name)
        if node is not None and not isinstance(node, YamlScalar):
            self.refuse(node, f"{name} is not a single value")
        return node

    def shell(self, body: YamlMapping) -> str | None:
        scalar = self.scalar(body, "shell")
        if scalar is not None and scalar.text not in SHELLS:
            self.refuse(scalar, f"the rehearsal runs {', '.join(SHELLS)}, not the shell {shorten(scalar.text)}")
        return None if scalar is None else scalar.text

    def step(self, number: int, node: YamlNode) -> StepDefinition:
        self.keys(node, _KEYS, f"step {number}")
        assert isinstance(node, YamlMapping)
        uses, script = self.scalar(node, "uses"), self.scalar(node, "run")
        if (uses is None) == (script is None):
            self.refuse(node, f"step {number} has {'neither' if uses is None else 'both'} uses and run")
        for name in _OF_RUN if script is None else ("with",):
            if (key := node.key(name)) is not None:
                self.refuse(key, f"{name} does not go with {'uses' if script is None else 'run'}")
        action, reference, inputs = None, "", self._inputs(node)
        if uses is not None:
            found = _USES.fullmatch(uses.text)
            if found is None:
                self.refuse(uses, f"the rehearsal does not know {shorten(uses.text)}: it knows some OWNER/NAME@REF")
            action, reference = found["name"].lower(), found["ref"]
            if problem := self._check(action, inputs):
                self.refuse(problem.at or uses, problem.says)
        return StepDefinition(
            number=number,
            line=node.line,
            id=self._id(node),
            name=self.text(node, "name"),
            condition=self.text(node, "if"),
            action=action,
            reference=reference,
            inputs=inputs,
            script=None if script is None else script.text,
            shell=self.shell(node) or self._defaults.shell,
            working_directory=self.text(node, "working-directory") or self._defaults.working_directory,
            env=read_env(self._path, node),
            continue_on_error=self.scalar(node, "continue-on-error"),
            timeout_minutes=self.scalar(node, "timeout-minutes"),
            templates=tuple(
                scalar for name in ("name", "run", "working-directory") if (scalar := self.scalar(node, name))
            ),
        )

    def _id(self, body: YamlMapping) -> str | None:
        scalar = self.scalar(body, "id")
        if scalar is None:
            return None
        if not _ID.fullmatch(scalar.text) or scalar.text.startswith(_GENERATED):
            self.refuse(scalar, f"{shorten(scalar.text)} is not the id of a step")
        return scalar.text

    def _inputs(self, body: YamlMapping) -> tuple[tuple[str, YamlScalar], ...]:
        node = body.get("with")
        if node is None:
            return ()
        if not isinstance(node, YamlMapping):
            self.refuse(node, "with is not a mapping of inputs to values")
        found: dict[str, YamlScalar] = {}
        for key, value in node.entries:
            if not isinstance(value, YamlScalar):
                self.refuse(value, f"the input {shorten(key.text)} is not a single value")
            if key.text.lower() in found:
                self.refuse(key, f"the input {shorten(key.text)} is there twice")
            found[key.text.lower()] = value
        return tuple(found.items())


def read_env(path: str, body: YamlMapping) -> YamlMapping | None:
    """The `env` of a job or a step. Raises MalformedData unless it is a mapping of names to single values."""
    node = body.get("env")
    if node is None:
        return None
    values = [value for _, value in node.entries] if isinstance(node, YamlMapping) else [node]
    if not isinstance(node, YamlMapping) or not all(isinstance(value, YamlScalar) for value in values):
        raise MalformedData(path, f"line {node.line}: env is not a mapping of names to single values")
    return node
