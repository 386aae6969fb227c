"""Runs one step after the other: conditions, time limits, scripts and actions, what a step leaves to later ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from nanna_ci.foundation.context import Ports
from nanna_ci.foundation.errors import CommandTimedOut, Interrupted, MalformedData, NannaError
from nanna_ci.rehearsal.expressions.expression import JobStatus, Scope, holds, interpolate
from nanna_ci.rehearsal.expressions.expression_value import Value, as_text, is_truthy
from nanna_ci.rehearsal.steps.action_call import ActionCall, ActionFailed, ActionResult, KnownAction
from nanna_ci.rehearsal.steps.job_log import JobLog
from nanna_ci.rehearsal.steps.known_actions import KNOWN_ACTIONS
from nanna_ci.rehearsal.steps.rehearsal_services import RehearsalServices
from nanna_ci.rehearsal.steps.runner_machine import make_command_files
from nanna_ci.rehearsal.steps.running_job import RunningJob
from nanna_ci.rehearsal.steps.script_step import ScriptFailed, prepare_script
from nanna_ci.rehearsal.steps.step_definition import StepDefinition
from nanna_ci.rehearsal.steps.step_files import take_files
from nanna_ci.rehearsal.steps.workflow_commands import CommandReader
from nanna_ci.rehearsal.yaml_values import node_text, node_value

CANCELLING_S: Final = 300.0  # what GitHub gives the steps that still run after a job was cancelled
_MINUTE_S: Final = 60.0
_ANY_CODE: Final = frozenset(range(-128, 256))
_SIGNAL_BASE: Final = 128


@dataclass(frozen=True, slots=True)
class StepOutcome:
    """A step: `outcome` before continue-on-error and `conclusion` after it: success, failure, cancelled or skipped.

    `stand_in` says what was stood in for, or is None.
    """

    name: str
    outcome: str
    conclusion: str
    seconds: float
    stand_in: str | None = None


@dataclass(frozen=True, slots=True)
class _Post:
    step: str
    known: KnownAction
    call: Callable[[float], ActionCall]
    state: Mapping[str, str]


class _NotKnown(Exception):
    """Around what the rehearsal does not know, apart from data of a step that is malformed."""

    def __init__(self, refusal: MalformedData) -> None:
        super().__init__(refusal.message)
        self.refusal = refusal


class StepRunner:
    """The steps of one job. `outcomes` and `summaries` grow as they run; the job's status is in `state`."""

    def __init__(
        self,
        state: RunningJob,
        log: JobLog,
        ports: Ports,
        services: RehearsalServices,
        *,
        permissions: Mapping[str, str],
        limit_s: float,
    ) -> None:
        self.outcomes: list[StepOutcome] = []
        self.summaries: list[str] = []
        self._state = state
        self._log = log
        self._ports = ports
        self._services = services
        self._permissions = permissions
        self._deadline = ports.clock() + limit_s
        self._limit_s = limit_s
        self._posts: list[_Post] = []
        self._notes: list[str] = []
        self._outputs: dict[str, str] = {}

    def run(self, step: StepDefinition) -> None:
        """Run a step, or skip it. Raises MalformedData for what the rehearsal does not know, and Interrupted."""
        began = self._ports.clock()
        self._notes, self._outputs = [], {}
        name = self._default_name(step)
        self._log.begin(name)
        self._state.github["action"] = step.id or f"__{'run' if step.action is None else step.action.replace('/', '_')}"
        files = make_command_files(self._state.machine, step.number)
        self._state.github.update({key: str(path) for key, path in files.items()})
        try:
            step_env = self._step_env(step)
            scope = self._state.scope(step_env)
            name = self._log.step = _name(step, scope) or name
            self._see_deadline()
            chosen = holds(step.condition, self._state.scope(step_env, condition=True))
        except MalformedData as error:
            self._log.annotate("error", f"The template is not valid. {error.message}")
            self._end(step, name, "failure", "failure", began)
            return
        if not chosen or self._ports.clock() >= self._deadline + CANCELLING_S:
            self._end(step, name, "skipped", "skipped", began)
            return
        try:
            outcome = self._attempt(step, name, step_env, files)
        except _NotKnown as error:
            raise error.refusal from None
        conclusion = outcome
        if outcome == "failure" and self._continues(step, step_env):
            conclusion = "success"
        self._end(step, name, outcome, conclusion, began)

    def run_posts(self) -> None:
        """What actions do at the job's end, the last action first."""
        for post in reversed(self._posts):
            if post.known.post is None or not (post.known.post_always or self._state.status is JobStatus.SUCCESS):
                continue
            began, outcome = self._ports.clock(), "success"
            self._log.begin(f"Post {post.step}")
            try:
                post.known.post(post.call(CANCELLING_S), post.state)
            except (ActionFailed, OSError) as error:
                self._log.annotate("error", str(error))
                outcome = "failure"
                self._fail()
            self.outcomes.append(StepOutcome(self._log.step, outcome, outcome, self._ports.clock() - began))

    def _end(self, step: StepDefinition, name: str, outcome: str, conclusion: str, began: float) -> None:
        self._state.record(step, self._outputs, outcome, conclusion)
        if conclusion == "failure":
            self._fail()
        notes = "; ".join(dict.fromkeys(self._notes)) or None
        self.outcomes.append(StepOutcome(name, outcome, conclusion, self._ports.clock() - began, notes))
        self._log.flush()

    def _fail(self) -> None:
        if self._state.status is JobStatus.SUCCESS:
            self._state.status = JobStatus.FAILURE

    def _see_deadline(self) -> None:
        """A job whose time is over is cancelled; steps that run all the same have five minutes."""
        if self._ports.clock() >= self._deadline and self._state.status is not JobStatus.CANCELLED:
            minutes = self._limit_s / _MINUTE_S
            self._log.annotate("error", f"The job has exceeded the maximum execution time of {minutes:g} minutes.")
            self._state.status = JobStatus.CANCELLED

    @staticmethod
    def _default_name(step: StepDefinition) -> str:
        if step.action is not None:
            return f"Run {step.action}@{step.reference}"
        first = (step.script or "").strip().split("\n", 1)[0]
        return f"Run {first}"

    def _step_env(self, step: StepDefinition) -> dict[str, str]:
        if step.env is None:
            return {}
        scope = self._state.scope()
        return {key.text: node_text(value, scope) for key, value in step.env.entries}

    def _continues(self, step: StepDefinition, step_env: Mapping[str, str]) -> bool:
        try:
            return is_truthy(node_value(step.continue_on_error, self._state.scope(step_env)))
        except MalformedData as error:
            self._log.annotate("error", f"Whether to continue on error cannot be evaluated: {error.message}")
            return False

    def _attempt(self, step: StepDefinition, name: str, step_env: Mapping[str, str], files: Mapping[str, Path]) -> str:
        """Run a step that is not skipped: its outcome."""
        failed = False
        minutes = 0.0
        try:
            scope = self._state.scope(step_env)
            minutes = _minutes(node_value(step.timeout_minutes, scope))
            limit_s = self._limit(step, step_env, minutes)
            if step.action is None:
                failed = self._run_script(step, scope, step_env, limit_s)
            else:
                self._run_action(step, name, scope, step_env, limit_s)
        except CommandTimedOut:
            self._see_deadline()
            if self._state.status is JobStatus.CANCELLED:
                self._log.annotate("error", "The operation was canceled.")
                take_files(files, self._state, self._log, self._outputs, self.summaries)
                return "cancelled"
            self._log.annotate("error", f"The action '{name}' has timed out after {minutes:g} minutes.")
            failed = True
        except MalformedData as error:
            self._log.annotate("error", f"The template is not valid. {error.message}")
            failed = True
        except Interrupted:
            raise
        except (ScriptFailed, ActionFailed, NannaError, OSError) as error:
            self._log.annotate("error", str(error))
            failed = True
        return (
            "failure"
            if take_files(files, self._state, self._log, self._outputs, self.summaries) or failed
            else "success"
        )

    def _limit(self, step: StepDefinition, step_env: Mapping[str, str], minutes: float) -> float:
        """The seconds that a step has: its own limit, and the job's, which a step for a cancelled job outlives."""
        now = self._ports.clock()
        before = self._state.status
        self._state.status = JobStatus.CANCELLED
        try:
            outlives = holds(step.condition, self._state.scope(step_env, condition=True))
        except MalformedData:
            outlives = False
        finally:
            self._state.status = before
        left = self._deadline - now + (CANCELLING_S if outlives else 0)
        return max(0.0, min(left, minutes * _MINUTE_S) if minutes > 0 else left)

    def _run_script(self, step: StepDefinition, scope: Scope, step_env: Mapping[str, str], limit_s: float) -> bool:
        """Run a script: whether it failed."""
        text = as_text(interpolate(step.script or "", scope))
        folder = as_text(interpolate(step.working_directory or "", scope))
        environment = self._state.environment(step_env)
        script = prepare_script(step, text, folder, self._state.machine, environment)
        self._show(text, script.argv, step_env)
        reader = CommandReader(self._log, self._notes.append)
        try:
            done = self._ports.run(
                script.argv,
                timeout_s=limit_s,
                accept=_ANY_CODE,
                env=environment,
                cwd=script.folder,
                on_stdout=reader.line,
                on_stderr=reader.line,
            )
        finally:
            script.file.unlink(missing_ok=True)
            self._outputs.update(reader.outputs)
        if done.returncode != 0:
            code = done.returncode if done.returncode > 0 else _SIGNAL_BASE - done.returncode
            raise ScriptFailed(f"Process completed with exit code {code}.")
        return reader.failed

    def _show(self, script: str, arguments: Sequence[str], step_env: Mapping[str, str]) -> None:
        self._log.say(f"##[group]{self._log.step}")
        self._log.say(script.rstrip("\n"))
        self._log.say(f"shell: {' '.join(arguments[:-1])} {{0}}")
        if env := {**self._state.env, **step_env}:
            self._log.say("env:\n" + "\n".join(_shown(env)))
        self._log.say("##[endgroup]")

    def _run_action(
        self, step: StepDefinition, name: str, scope: Scope, step_env: Mapping[str, str], limit_s: float
    ) -> None:
        assert step.action is not None
        known = KNOWN_ACTIONS[step.action]
        given = {key: node_text(value, scope).strip() for key, value in step.inputs}
        inputs = {**known.inputs, **given}
        self._log.say(f"##[group]{self._log.step}")
        self._log.say("with:\n" + "\n".join(_shown(given)))
        self._log.say("##[endgroup]")

        def call(left_s: float) -> ActionCall:
            return ActionCall(
                step.action or "",
                inputs,
                self._state.environment(step_env),
                self._state.machine,
                self._state.github,
                self._permissions,
                self._services,
                self._ports,
                self._log,
                left_s,
                self._state.add_folder,
                self._state.env.__setitem__,
            )

        unknown = [key for key in known.unknown if inputs[key] != known.inputs[key]]
        if unknown:
            raise _NotKnown(call(limit_s).refuse(unknown[0], "does not know it"))
        state: Mapping[str, str] = {}
        try:
            result: ActionResult = known.run(call(limit_s))
            self._outputs.update(result.outputs)
            state = result.state
            self._notes += [] if result.stand_in is None else [result.stand_in]
        except MalformedData as error:
            raise _NotKnown(error) from error
        finally:
            if known.post is not None:
                self._posts.append(_Post(name, known, call, state))


def _name(step: StepDefinition, scope: Scope) -> str | None:
    """What the step is called where that can be told before it runs."""
    if step.name is None:
        return None
    try:
        return as_text(interpolate(step.name, scope))
    except MalformedData:
        return step.name


def _shown(values: Mapping[str, str]) -> list[str]:
    """Lines for the log; those of a value are indented below its name."""
    return ["  {}: {}".format(name, value.replace("\n", "\n    ")) for name, value in values.items()]


def _minutes(value: Value) -> float:
    return float(value) if isinstance(value, float | int) and not isinstance(value, bool) and value > 0 else 0.0
