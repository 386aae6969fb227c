"""Runs the steps of one job, in order, and says what became of each."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from nanna_ci.foundation.context import Ports
from nanna_ci.foundation.errors import MalformedData
from nanna_ci.foundation.redact import Redactor, known_secrets
from nanna_ci.rehearsal.expressions.expression import JobStatus
from nanna_ci.rehearsal.expressions.expression_value import Value, as_text
from nanna_ci.rehearsal.steps.job_log import Annotation, JobLog
from nanna_ci.rehearsal.steps.known_actions import check_action
from nanna_ci.rehearsal.steps.rehearsal_services import RehearsalServices
from nanna_ci.rehearsal.steps.runner_machine import prepare_machine, write_event
from nanna_ci.rehearsal.steps.running_job import RunningJob, check_expressions
from nanna_ci.rehearsal.steps.secret_masks import SecretMasks
from nanna_ci.rehearsal.steps.step_definition import StepDefinition, read_env, read_steps
from nanna_ci.rehearsal.steps.step_runner import StepOutcome, StepRunner
from nanna_ci.rehearsal.yaml_values import node_text, node_value
from nanna_ci.workflow.yaml_nodes import YamlMapping

DEFAULT_LIMIT_MINUTES: Final = 360.0
_MINUTE_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class JobRequest:
    """A job that is to run here.

    `name` is the job's id, `path` the workflow file for messages, `body` the job as it was read. `contexts` are github,
    vars, secrets, inputs, needs, matrix, strategy, job (workflow_*), and `env` of the workflow's level. `defaults` are
    those of the workflow. `folder` is the job's own: workspace/, temp/, home/, log are made in it. `permissions` are
    those of the token by name (read, write, none); None: those that the body names.
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
class JobOutcome:
    """What became of a job: `result` is success, failure or cancelled; `summary` is what its steps wrote as theirs."""

    result: str
    outputs: dict[str, str]
    steps: tuple[StepOutcome, ...]
    summary: str
    annotations: tuple[Annotation, ...] = field(default=())


def check_job(path: str, body: YamlMapping, defaults: YamlMapping | None) -> list[StepDefinition]:
    """The steps of a job, as far as anything of them can be seen before it runs.

    Raises:
        MalformedData: what the rehearsal does not know, by file and line.
    """
    steps = read_steps(path, body, defaults, check_action)
    read_env(path, body)
    check_expressions(path, body, steps)
    return steps


def run_steps(request: JobRequest) -> JobOutcome:
    """Run the steps of a job.

    Raises:
        MalformedData: what the rehearsal does not know; nearly all of it before anything runs.
        Interrupted: a signal came; no process is left.
    """
    steps = check_job(request.path, request.body, request.defaults)
    request.folder.mkdir(parents=True, exist_ok=True)
    machine = prepare_machine(request.folder, request.ports.environ)
    with contextlib.closing(JobLog(request.folder / "log", SecretMasks(_secrets(request)))) as log:
        github = request.contexts.get("github")
        context: dict[str, Value] = dict(github) if isinstance(github, dict) else {}
        context.setdefault("job", request.name)
        context.setdefault("token", request.services.token)
        context["workspace"] = str(machine.workspace)
        context["event_path"] = str(write_event(machine, context))
        state = RunningJob(request.contexts, context, machine, request.services.environment)
        return _run(request, state, log, steps)


def _secrets(request: JobRequest) -> Iterator[str]:
    """What no line of the log may show."""
    secrets = request.contexts.get("secrets")
    if isinstance(secrets, dict):
        yield from map(as_text, secrets.values())
    yield request.services.token
    yield from known_secrets(request.ports.environ)


def _run(request: JobRequest, state: RunningJob, log: JobLog, steps: Sequence[StepDefinition]) -> JobOutcome:
    log.begin("Set up job")
    _set_env(request, state)
    limit = node_value(request.body.get("timeout-minutes"), state.scope())
    minutes = float(limit) if isinstance(limit, float | int) and limit > 0 else DEFAULT_LIMIT_MINUTES
    runner = StepRunner(
        state, log, request.ports, request.services, permissions=_permissions(request), limit_s=minutes * _MINUTE_S
    )
    for step in steps:
        runner.run(step)
    runner.run_posts()
    log.begin("Complete job")
    outputs = _outputs(request, state, log)
    return JobOutcome(
        state.status.value, outputs, tuple(runner.outcomes), "\n".join(runner.summaries), tuple(log.annotations)
    )


def _set_env(request: JobRequest, state: RunningJob) -> None:
    """The variables of the workflow, and over them those of the job. Raises MalformedData."""
    ours = request.contexts.get("env")
    state.env = {name: as_text(value) for name, value in ours.items()} if isinstance(ours, dict) else {}
    env = read_env(request.path, request.body)
    scope = state.scope()
    state.env |= {} if env is None else {key.text: node_text(value, scope) for key, value in env.entries}


def _permissions(request: JobRequest) -> Mapping[str, str]:
    if request.permissions is not None:
        return request.permissions
    named = request.body.mapping("permissions")
    return {} if named is None else {key.text: named.text(key.text) or "" for key, _ in named.entries}


def _outputs(request: JobRequest, state: RunningJob, log: JobLog) -> dict[str, str]:
    """The job's outputs; what may hold a secret is withheld, and what is empty is not there."""
    found: dict[str, str] = {}
    declared = request.body.mapping("outputs")
    scope, redactor = state.scope(), Redactor()
    for key, node in () if declared is None else declared.entries:
        try:
            value = node_text(node, scope)
        except MalformedData as error:
            log.annotate("error", f"Fail to evaluate job outputs: {error.message}")
            if state.status is JobStatus.SUCCESS:
                state.status = JobStatus.FAILURE
            return {}
        # a mask of a secret that shows by its shape came here redacted, as every line of output does
        if log.masks.finds(value) or log.masks.finds(redactor.redact_text(value)):
            log.annotate("warning", f"Skip output '{key.text}' since it may contain secret.")
        elif value:
            found[key.text] = value
    return found
