"""Runs the steps of one job, in order, and says what became of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from nanna_ci.foundation.context import Ports
from nanna_ci.rehearsal.expressions.expression_value import Value
from nanna_ci.rehearsal.steps.job_log import Annotation
from nanna_ci.rehearsal.steps.rehearsal_services import RehearsalServices
from nanna_ci.workflow.yaml_nodes import YamlMapping


@dataclass(frozen=True, slots=True)
class JobRequest:
    """A job that is to run here.

    `name` is the job's id, `path` the workflow file for messages, `body` the job as it was read. `contexts` are github,
    vars, secrets, inputs, needs, matrix, strategy, job (workflow_*), and `env` of the workflow's level. `defaults` are
    those of the workflow. `folder` is the job's own: workspace/, temp/, log are made in it. `permissions` are those of
    the token by name (read, write, none); None: those that the body names.
    """

    name: str
    path: str
    body: YamlMapping
    contexts: Mapping[str, Value]
    defaults: YamlMapping | None
    folder: Path
    services: RehearsalServices
    ports: Ports
    permissions: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class StepOutcome:
    """A step: `outcome` before continue-on-error and `conclusion` after it, each success, failure, cancelled or
    skipped. `stand_in` says what was stood in for, or is None."""

    name: str
    outcome: str
    conclusion: str
    seconds: float
    stand_in: str | None = None


@dataclass(frozen=True, slots=True)
class JobOutcome:
    """What became of a job: `result` is success, failure or cancelled; `summary` is what it wrote for the run's page."""

    result: str
    outputs: dict[str, str]
    steps: tuple[StepOutcome, ...]
    summary: str
    annotations: tuple[Annotation, ...] = field(default=())


def run_steps(request: JobRequest) -> JobOutcome:
    """Run the steps of a job.

    Raises:
        MalformedData: a step that is not known, by file and line, before anything runs.
        Interrupted: a signal came; no process is left.
    """
    raise NotImplementedError(request.name)
