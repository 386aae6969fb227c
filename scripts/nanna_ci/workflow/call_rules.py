"""A job that calls a workflow hands over what that one needs: permissions, secrets, inputs; no less and no more."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from nanna_ci.workflow.call_graph import CALL, LEVELS, CallGraph, WorkflowCall, declared, levels_of, local_path
from nanna_ci.workflow.caller_files import PIPELINE, PIPELINE_INPUTS, POST, example_caller
from nanna_ci.workflow.pin_table import WorkflowPolicy
from nanna_ci.workflow.workflow_file import WorkflowFile, WorkflowJob
from nanna_ci.workflow.workflow_finding import WorkflowFinding, WorkflowRule
from nanna_ci.workflow.yaml_nodes import YamlMapping, YamlScalar


@dataclass(frozen=True, slots=True)
class _Needs:
    """What a called workflow needs of a caller. `inputs` and `secrets`: name to whether it must be given."""

    name: str
    permissions: Mapping[str, str]
    secrets: Mapping[str, bool]
    inputs: Mapping[str, bool]


def find_call_rules(graph: CallGraph, policy: WorkflowPolicy) -> Iterator[WorkflowFinding]:
    """Over all workflows of a repository: each call that GitHub would refuse, or that hands over too much."""
    for call in graph.calls():
        if call.called is None or not call.called.starts_on(CALL):
            yield _no_target(call)
        elif graph.reaches(call.called, call.called):
            yield WorkflowFinding(
                call.caller.path,
                call.uses.line,
                WorkflowRule.CALL_TARGET,
                f"{call.called.path} calls itself, maybe by way of others: GitHub runs none of it",
                "let it call another",
            )
        else:
            needs = _Needs(
                call.called.path,
                graph.needed_permissions(call.called),
                declared(call.called, "secrets"),
                declared(call.called, "inputs"),
            )
            yield from _call(call.caller, call.job, needs)
    for workflow in graph.workflows:
        for job in workflow.jobs:
            if (path := called_pipeline(job, policy)) is not None:
                yield from _call(workflow, job, _needs_of_ours(path))


def called_pipeline(job: WorkflowJob, policy: WorkflowPolicy) -> str | None:
    """PIPELINE or POST, where a job calls that of the pipeline's repository; else None."""
    name = (job.body.text("uses") or "").partition("@")[0]
    if policy.pipeline is None or not name:
        return None
    beside = policy.pipeline.rpartition("/")[0] + POST[POST.rindex("/") :]
    return {policy.pipeline: PIPELINE, beside: POST}.get(name)


def _needs_of_ours(path: str) -> _Needs:
    """By the caller that `workflow init` writes."""
    (job,) = example_caller(path).jobs
    secrets = job.body.mapping("secrets")
    return _Needs(
        path,
        levels_of(job.body.mapping("permissions")),
        {key.text: False for key, _ in (secrets.entries if secrets is not None else ())},
        dict.fromkeys(PIPELINE_INPUTS, False) if path == PIPELINE else {},
    )


def _no_target(call: WorkflowCall) -> WorkflowFinding:
    what = "is not there" if call.called is None else "has no on: workflow_call"
    return WorkflowFinding(
        call.caller.path,
        call.uses.line,
        WorkflowRule.CALL_TARGET,
        f"job {call.job.id} calls {call.uses.text[2:]}, which {what}",
        "name a workflow of .github/workflows that others may call",
    )


def _call(workflow: WorkflowFile, job: WorkflowJob, needs: _Needs) -> Iterator[WorkflowFinding]:
    yield from _permissions(workflow, job, needs)
    yield from _secrets(workflow, job, needs)
    yield from _inputs(workflow, job, needs)


def _permissions(workflow: WorkflowFile, job: WorkflowJob, needs: _Needs) -> Iterator[WorkflowFinding]:
    mapping = job.body.mapping("permissions")
    granted = levels_of(mapping)
    for name in sorted({*granted, *needs.permissions}):
        has, wants = granted.get(name, "none"), needs.permissions.get(name, "none")
        if LEVELS[has] == LEVELS[wants]:
            continue
        key = mapping.key(name) if mapping is not None else None
        too_little = LEVELS[has] < LEVELS[wants]
        yield WorkflowFinding(
            workflow.path,
            job.key.line if key is None else key.line,
            WorkflowRule.CALL_PERMISSIONS,
            f"job {job.id} grants {name}: {has} to {needs.name}, which needs {wants}"
            + (": GitHub starts no job of a run that asks for more than it was given" if too_little else ""),
            f"write {name}: {wants}" if wants != "none" else f"take {name} away",
        )


def _secrets(workflow: WorkflowFile, job: WorkflowJob, needs: _Needs) -> Iterator[WorkflowFinding]:
    node = job.body.get("secrets")
    if node is not None and not isinstance(node, YamlMapping):  # `inherit`, which secret-scope names
        return
    given = {key.text: (key, value) for key, value in (node.entries if node is not None else ())}
    for name in sorted({*given, *needs.secrets}):
        key, value = given.get(name, (job.key, None))
        wanted = f"${{{{ secrets.{name} }}}}"
        if name not in needs.secrets:
            says, fix = f"hands over the secret {name}, which {needs.name} does not take", "take it away"
        elif not isinstance(value, YamlScalar) or value.text != wanted:
            says, fix = f"does not hand {name} over to {needs.name} by its name", f"write {name}: {wanted}"
        else:
            continue
        yield WorkflowFinding(workflow.path, key.line, WorkflowRule.CALL_SECRETS, f"job {job.id} {says}", fix)


def _inputs(workflow: WorkflowFile, job: WorkflowJob, needs: _Needs) -> Iterator[WorkflowFinding]:
    mapping = job.body.mapping("with")
    given = {key.text: key for key, _ in (mapping.entries if mapping is not None else ())}
    for name in sorted({*given, *(name for name, is_required in needs.inputs.items() if is_required)}):
        if name in given and name in needs.inputs:
            continue
        takes = "which it must have" if name not in given else "which it does not take"
        yield WorkflowFinding(
            workflow.path,
            given.get(name, job.key).line,
            WorkflowRule.CALL_INPUTS,
            f"job {job.id} gives {needs.name} {'no' if name not in given else 'an'} input {name}, {takes}",
            f"its inputs are {', '.join(sorted(needs.inputs)) or 'none'}",
        )


def find_local_actions(files: Sequence[WorkflowFile], actions: frozenset[str]) -> Iterator[WorkflowFinding]:
    """Each step that uses an action of the repository which is not there, or where nobody looks into it."""
    for workflow in files:
        for job in workflow.jobs:
            for step in job.steps:
                uses = step.body.get("uses")
                path = local_path(uses.text) if isinstance(uses, YamlScalar) else None
                if path is None or not isinstance(uses, YamlScalar):
                    continue
                if not {f"{path.rstrip('/')}/action{suffix}" for suffix in (".yml", ".yaml")} & actions:
                    yield WorkflowFinding(
                        workflow.path,
                        uses.line,
                        WorkflowRule.CALL_TARGET,
                        f"step {step.name!r} uses {path}, which is no action in a folder of .github/actions",
                        "keep actions of your own there, so that their steps are held to these rules too",
                    )
