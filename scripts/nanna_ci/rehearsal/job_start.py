"""Decides what becomes of a job once all that it needs has ended: it is skipped, or its entries begin."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from nanna_ci.foundation.errors import MalformedData
from nanna_ci.rehearsal.expressions.expression import Scope, holds
from nanna_ci.rehearsal.expressions.expression_value import Value, as_text
from nanna_ci.rehearsal.job_matrix import Combination, default_name, expand_matrix
from nanna_ci.rehearsal.key_contexts import OF_A_JOB, OF_AN_ENTRY
from nanna_ci.rehearsal.known_nodes import at_line, evaluated
from nanna_ci.rehearsal.running_workflow import RehearsedJob, RehearsedResult, RunningEntry, RunningWorkflow
from nanna_ci.rehearsal.this_machine import why_no_runner
from nanna_ci.rehearsal.workflow_library import LoadedWorkflow, checked_input
from nanna_ci.workflow.yaml_nodes import YamlMapping, YamlScalar

_EMPTY_OF_A_TYPE: Mapping[str, Value] = {"boolean": False, "number": 0.0, "string": ""}


@dataclass(frozen=True, slots=True)
class JobStart:
    """`host` is this machine's system double. `lost` are the jobs whose plans have lost all their entries."""

    host: str | None
    lost: set[int]

    def begin(self, job: RehearsedJob) -> None:
        """Skip the job, or give it its entries. What GitHub would refuse only now is a failure of the job."""
        try:
            self._begin(job)
        except MalformedData as error:
            job.entries.clear()
            job.end(RehearsedResult.FAILURE, error.message)

    def _begin(self, job: RehearsedJob) -> None:
        model = job.loaded.model
        contexts = {**job.workflow.contexts, "needs": job.workflow.needs_of(job)}
        condition = model.body.get("if")
        scope = Scope({name: contexts[name] for name in OF_A_JOB}, job.workflow.status_of(job))
        try:
            runs = holds(condition.text if isinstance(condition, YamlScalar) else None, scope)
        except MalformedData as error:
            raise at_line(error, job.node_path, model.line if condition is None else condition.line) from None
        if not runs:
            job.end(RehearsedResult.SKIPPED)
            return
        try:
            combinations = self._combinations(job, contexts)
        except MalformedData:
            if not any(id(job.workflow.jobs[need]) in self.lost for need in model.needs):
                raise
            job.end(RehearsedResult.UNAVAILABLE, "all entries of its matrix run on other machines")
            return
        for number, combination in enumerate(combinations):
            job.entries.append(self._entry(job, contexts, combination, number, len(combinations)))

    def _combinations(self, job: RehearsedJob, contexts: Mapping[str, Value]) -> list[Combination | None]:
        model = job.loaded.model
        strategy = model.strategy
        if strategy is None:
            return [None]
        if (node := strategy.get("fail-fast")) is not None:
            job.fail_fast = job.evaluate(node, contexts, *OF_A_JOB) is not False
        if (node := strategy.get("max-parallel")) is not None:
            limit = job.evaluate(node, contexts, *OF_A_JOB)
            if not isinstance(limit, float) or limit < 1:
                raise MalformedData(f"{job.node_path}:{node.line}", "max-parallel is not a number of 1 or more")
            job.at_once = int(limit)
        if (node := model.matrix) is None:
            return [None]
        value = job.evaluate(node, contexts, *OF_A_JOB)
        return [*expand_matrix(value, f"{job.node_path}:{node.line}")]

    def _entry(
        self, job: RehearsedJob, shared: Mapping[str, Value], combination: Combination | None, number: int, total: int
    ) -> RunningEntry:
        model = job.loaded.model
        contexts: dict[str, Value] = {
            **shared,
            "matrix": None if combination is None else {**combination},
            "strategy": {
                "fail-fast": job.fail_fast,
                "job-index": float(number),
                "job-total": float(total),
                "max-parallel": float(job.at_once or total),
            },
        }
        name_node = model.body.get("name")
        given = None if name_node is None else as_text(job.evaluate(name_node, contexts, *OF_AN_ENTRY))
        entry = RunningEntry(job, given or default_name(model.id, combination), combination, number, contexts)
        if (node := model.body.get("continue-on-error")) is not None:
            entry.runs_on_error = job.evaluate(node, contexts, *OF_AN_ENTRY) is True
        if (node := model.body.get("concurrency")) is not None:
            value = job.evaluate(node, contexts, *OF_AN_ENTRY)
            group = value.get("group") if isinstance(value, dict) else value
            entry.group = as_text(group) or None
        if (node := model.body.get("environment")) is not None:
            job.evaluate(node, contexts, *OF_AN_ENTRY, "secrets")
        if job.loaded.called is not None:
            entry.called = self._called(entry, job.loaded.called)
        elif (reason := self._why_not_here(entry)) is not None:
            entry.result, entry.reason = RehearsedResult.UNAVAILABLE, reason
        return entry

    def _why_not_here(self, entry: RunningEntry) -> str | None:
        body = entry.job.loaded.model.body
        runs_on = body.get("runs-on")
        assert runs_on is not None  # the model refuses such a job
        reason = why_no_runner(entry.job.evaluate(runs_on, entry.contexts, *OF_AN_ENTRY), self.host)
        for key in ("container", "services"):
            node = body.get(key)
            if (
                reason is None
                and node is not None
                and entry.job.evaluate(node, entry.contexts, *OF_AN_ENTRY, "secrets")
            ):
                reason = f"runs in a container ({key}), which the rehearsal does not make"
        return reason

    def _called(self, entry: RunningEntry, called: LoadedWorkflow) -> RunningWorkflow:
        job, interface = entry.job, called.model.interface
        assert interface is not None  # the library refuses such a call
        given = job.loaded.model.body.mapping("with") or YamlMapping((), is_flow=False, line=0, column=0)
        caller = job.workflow.contexts
        inputs: dict[str, Value] = {}
        for name, declared in interface.inputs.items():
            node = given.get(name)
            if node is not None:
                value = job.evaluate(node, entry.contexts, *OF_AN_ENTRY)
                inputs[name] = checked_input(value, declared.type, name, f"{job.node_path}:{node.line}")
            elif declared.default is not None:
                scope = Scope({"github": caller["github"], "vars": caller["vars"], "inputs": inputs})
                value = evaluated(declared.default, scope, called.model.path)
                inputs[name] = checked_input(value, declared.type, name, called.model.path)
            else:
                inputs[name] = _EMPTY_OF_A_TYPE[declared.type]
        contexts = {
            **caller,
            "inputs": inputs,
            "secrets": self._secrets(entry, caller["secrets"]),
            "job": called.source.context(called.model.path),
        }
        return RunningWorkflow(called, contexts, f"{entry.shown_name} / ")

    def _secrets(self, entry: RunningEntry, own: Value) -> Value:
        node = entry.job.loaded.model.body.get("secrets")
        if isinstance(node, YamlScalar):  # inherit
            return own
        named = entry.job.evaluate(node, entry.contexts, *OF_AN_ENTRY, "secrets") if node is not None else {}
        token = own.get("GITHUB_TOKEN") if isinstance(own, dict) else None
        return {"GITHUB_TOKEN": token, **(named if isinstance(named, dict) else {})}
