"""Who sees a secret: one step, in a job with an environment, and never a pull request. And what stands beside them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from nanna_ci.report.github import TOKEN_VARIABLE
from nanna_ci.workflow.hardening_rules import excludes_pull_requests, is_writing
from nanna_ci.workflow.workflow_file import WorkflowFile, WorkflowJob
from nanna_ci.workflow.workflow_finding import WorkflowFinding, WorkflowRule
from nanna_ci.workflow.yaml_nodes import YamlMapping, YamlNode, YamlScalar, scalars_in

_SECRET: Final = re.compile(rf"\bsecrets\b(?!\.{TOKEN_VARIABLE}\b)", re.IGNORECASE)
_ONE_SECRET: Final = re.compile(r"\bsecrets\.\w+", re.IGNORECASE)
_CACHE: Final = re.compile(r"(?:^|[/-])cache(?:$|[/-])")
_STEP_SCOPES: Final = {"env", "with"}


def find_secret_rules(workflow: WorkflowFile) -> Iterator[WorkflowFinding]:
    """Each secret that more see than must, and each cache in a job that may write."""
    for key, value in workflow.root.entries:
        if key.text not in {"jobs", "on"}:
            yield from (_scope(workflow, found) for found in _secrets(value))
    for job in workflow.jobs:
        for key, value in job.body.entries:
            is_call = key.text == "secrets" and isinstance(value, YamlMapping)
            if key.text == "secrets" and not is_call:
                yield _scope(workflow, key)
            elif key.text != "steps" and not is_call:
                yield from (_scope(workflow, found) for found in _secrets(value))
        yield from _steps(workflow, job)


def _secrets(node: YamlNode | None) -> Iterator[YamlScalar]:
    for scalar in scalars_in(node):
        if "${{" in scalar.text and _SECRET.search(scalar.text):
            yield scalar


def _scope(workflow: WorkflowFile, place: YamlScalar) -> WorkflowFinding:
    return WorkflowFinding(
        workflow.path,
        place.line,
        WorkflowRule.SECRET_SCOPE,
        "more than one step sees a secret, or all secrets are handed on",
        "name the one secret in the `env:` of the one step that needs it",
    )


def _steps(workflow: WorkflowFile, job: WorkflowJob) -> Iterator[WorkflowFinding]:
    for step in job.steps:
        for key, value in step.body.entries:
            for found in _secrets(value):
                names_one = _SECRET.sub("", _ONE_SECRET.sub("", found.text)) == _ONE_SECRET.sub("", found.text)
                if key.text not in _STEP_SCOPES or not names_one:
                    yield _scope(workflow, found)
                if job.body.get("environment") is None:
                    yield WorkflowFinding(
                        workflow.path,
                        found.line,
                        WorkflowRule.SECRET_ENVIRONMENT,
                        f"job {job.id} uses a secret that every branch can read",
                        "keep the secret in an environment of the main branch, and give the job `environment:`",
                    )
                conditions = (job.condition, step.body.text("if") or "")
                if workflow.serves_pull_requests and not any(map(excludes_pull_requests, conditions)):
                    yield WorkflowFinding(
                        workflow.path,
                        found.line,
                        WorkflowRule.SECRET_ON_PULL_REQUEST,
                        f"step {step.name!r} has a secret on pull requests too",
                        "give the step `if: github.event_name == 'push'`",
                    )
        if is_writing(job) and _CACHE.search(step.action or ""):
            yield WorkflowFinding(
                workflow.path,
                step.body.line,
                WorkflowRule.CACHE_BESIDE_WRITE,
                f"job {job.id} may write, and restores a cache that other runs have written",
                "publish from a job without that cache",
            )
