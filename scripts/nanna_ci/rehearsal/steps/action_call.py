"""What an action is given, what it answers, and what the table says of an action that the rehearsal knows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from nanna_ci.foundation.context import Ports
from nanna_ci.foundation.errors import MalformedData
from nanna_ci.rehearsal.expressions.expression_value import Value, as_text
from nanna_ci.rehearsal.steps.job_log import JobLog
from nanna_ci.rehearsal.steps.rehearsal_services import RehearsalServices
from nanna_ci.rehearsal.steps.runner_machine import RunnerMachine

_TRUE: Final = frozenset({"true", "True", "TRUE"})
_FALSE: Final = frozenset({"false", "False", "FALSE"})


class ActionFailed(Exception):
    """Why an action fails, as it would say it on GitHub."""


@dataclass(frozen=True, slots=True)
class ActionCall:
    """One use of an action.

    `inputs` are all that the action has, by lower-case name, defaults filled in and blanks around them removed.
    `environment` is that of the step. `permissions` are the token's. `limit_s` is the time that is left. `add_path` and
    `set_variable` do for later steps what the runner's files do.
    """

    action: str
    inputs: Mapping[str, str]
    environment: Mapping[str, str]
    machine: RunnerMachine
    github: Mapping[str, Value]
    permissions: Mapping[str, str]
    services: RehearsalServices
    ports: Ports
    log: JobLog
    limit_s: float
    add_path: Callable[[str], None]
    set_variable: Callable[[str, str], None]

    def boolean(self, name: str) -> bool:
        """An input that is true or false. Raises ActionFailed for anything else, as GitHub's library does."""
        text = self.inputs[name]
        if text not in _TRUE | _FALSE:
            raise ActionFailed(f'Input does not meet YAML 1.2 "Core Schema" specification: {name}')
        return text in _TRUE

    def text(self, name: str) -> str:
        """A text of the github context, "" where there is none."""
        return as_text(self.github.get(name))

    def refuse(self, name: str, why: str) -> MalformedData:
        """The error for a value that the action knows and the rehearsal does not."""
        return MalformedData(f"{self.action}, input {name}", f"{self.inputs[name]!r}: the rehearsal {why}")

    def need_permission(self, name: str) -> None:
        """Raise ActionFailed unless the token may write what the action needs."""
        if self.permissions.get(name) != "write":
            raise ActionFailed(f"Resource not accessible by integration: the job has no permission {name}: write")


@dataclass(frozen=True, slots=True)
class ActionResult:
    """What an action leaves: outputs, what was stood in for (None: nothing), and state for its post step."""

    outputs: Mapping[str, str] = field(default_factory=dict)
    stand_in: str | None = None
    state: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class KnownAction:
    """An action that the rehearsal plays.

    `inputs` names every input of the real one, with its default; those in `required` must be given. Those in `unknown`
    may not be given any value but the default. `post` runs at the job's end, with the state of the first run;
    `post_always`: also after a failure.
    """

    inputs: Mapping[str, str]
    run: Callable[[ActionCall], ActionResult]
    required: frozenset[str] = frozenset()
    unknown: frozenset[str] = frozenset()
    post: Callable[[ActionCall, Mapping[str, str]], None] | None = None
    post_always: bool = True
