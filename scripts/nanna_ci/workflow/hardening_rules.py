"""What every workflow must keep to, whatever it runs: permissions, triggers, checkouts, scripts, limits, images."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from nanna_ci.workflow.workflow_file import WorkflowFile, WorkflowJob, WorkflowStep
from nanna_ci.workflow.workflow_finding import WorkflowFinding, WorkflowRule
from nanna_ci.workflow.yaml_nodes import YamlMapping, YamlNode, YamlScalar

CHECKOUT: Final = "actions/checkout"
LONGEST_MINUTES: Final = 360
"""What GitHub gives a job at most."""

_PULL_REQUESTS_ONLY: Final = "${{ github.event_name == 'pull_request' }}"
_SKIPS_OF_THE_PLAN: Final = {"${{ matrix.skippable }}", "${{ contains(matrix.skips, matrix.scan) }}"}
_EVENTS_OF_STRANGERS: Final = ("pull_request_target", "workflow_run", "issue_comment", "issues", "discussion_comment")
_ONE_EVENT: Final = re.compile(r"github\.event_name == '(?!pull_request)\w+'", re.IGNORECASE)
_FETCHES_PULL: Final = re.compile(r"\bgh pr checkout\b|\brefs/pull/|\bpull/\S+/(?:head|merge)\b")
_DIGEST: Final = re.compile(r"[^@\s${}]+@sha256:[0-9a-f]{64}")


def excludes_pull_requests(condition: str) -> bool:
    """Whether an `if` holds for one named event only, which is no pull request: that, and maybe more, joined by &&."""
    parts = [part.strip() for part in re.sub(r"^\$\{\{|}}$", "", condition.strip()).split("&&")]
    return any(map(_ONE_EVENT.fullmatch, parts)) and "||" not in condition


def find_hardening(workflow: WorkflowFile) -> Iterator[WorkflowFinding]:
    """Each broken rule, in the order of the file's parts."""
    yield from _triggers(workflow)
    yield from _default_permissions(workflow)
    yield from _concurrency(workflow)
    for job in workflow.jobs:
        yield from _permissions(workflow, job)
        yield from _time_limit(workflow, job)
        yield from _images(workflow, job)
        yield from _failures(workflow, job.body)
        for step in job.steps:
            yield from _failures(workflow, step.body)
            yield from _scripts(workflow, step)
            yield from _checkouts(workflow, step)


def is_writing(job: WorkflowJob) -> bool:
    """Whether a job may write anything with its token."""
    permissions = job.body.mapping("permissions")
    return permissions is not None and any(permissions.text(key.text) == "write" for key, _ in permissions.entries)


def _triggers(workflow: WorkflowFile) -> Iterator[WorkflowFinding]:
    for name, place in workflow.triggers:
        if name == "pull_request_target":
            yield WorkflowFinding(
                workflow.path,
                place.line,
                WorkflowRule.DANGEROUS_TRIGGER,
                "pull_request_target gives code of strangers the token and secrets of the base branch",
                "start on pull_request; comment from a workflow_run workflow that checks nothing out",
            )


def _default_permissions(workflow: WorkflowFile) -> Iterator[WorkflowFinding]:
    node = workflow.root.get("permissions")
    if not isinstance(node, YamlMapping) or node.entries:
        yield WorkflowFinding(
            workflow.path,
            _line(workflow.root, "permissions"),
            WorkflowRule.NO_DEFAULT_PERMISSIONS,
            "the workflow does not take all permissions from its jobs",
            "write `permissions: {}` above `jobs:`, and give each job its own",
        )


def _concurrency(workflow: WorkflowFile) -> Iterator[WorkflowFinding]:
    if [name for name, _ in workflow.triggers] == ["workflow_call"]:  # its caller's
        return
    group = workflow.root.get("concurrency")
    cancel = group.text("cancel-in-progress") if isinstance(group, YamlMapping) else None
    named = group.text("group") if isinstance(group, YamlMapping) else workflow.root.text("concurrency")
    only_pulls = [name for name, _ in workflow.triggers] == ["pull_request"]
    problem = None
    if not named or "github." not in named:
        problem = "no concurrency group with the branch or the run in its name: runs pile up, or stop each other"
    elif cancel not in {None, "false", _PULL_REQUESTS_ONLY} and not only_pulls:
        problem = "a run that is no pull request's can be cancelled by the next"
    if problem:
        yield WorkflowFinding(
            workflow.path,
            _line(workflow.root, "concurrency"),
            WorkflowRule.CONCURRENCY,
            problem,
            f"give concurrency a group with github.ref in it, and `cancel-in-progress: {_PULL_REQUESTS_ONLY}`",
        )


def _permissions(workflow: WorkflowFile, job: WorkflowJob) -> Iterator[WorkflowFinding]:
    node = job.body.get("permissions")
    if not isinstance(node, YamlMapping):
        yield WorkflowFinding(
            workflow.path,
            job.key.line if node is None else node.line,
            WorkflowRule.JOB_PERMISSIONS,
            f"job {job.id} does not name its permissions one by one",
            "give it `permissions:` with what its steps need, as `contents: read # to check out`",
        )
        return
    for key, value in node.entries:
        level = value.text if isinstance(value, YamlScalar) else ""
        if level not in {"read", "write", "none"}:
            yield WorkflowFinding(
                workflow.path,
                key.line,
                WorkflowRule.JOB_PERMISSIONS,
                f"permission {key.text} of job {job.id} is neither read, write nor none",
                "name one of them",
            )
        if key.line not in workflow.document.comments:
            yield WorkflowFinding(
                workflow.path,
                key.line,
                WorkflowRule.PERMISSION_REASON,
                f"permission {key.text} of job {job.id} has no reason beside it",
                "say in a comment on its line what needs it",
            )
    is_call = job.body.get("uses") is not None  # what it calls names for each job what that needs of these
    serves = workflow.serves_pull_requests and not is_call
    if serves and is_writing(job) and not excludes_pull_requests(job.condition):
        yield WorkflowFinding(
            workflow.path,
            node.line,
            WorkflowRule.WRITE_ON_PULL_REQUEST,
            f"job {job.id} may write, and pull requests run it",
            "give the job `if: github.event_name == 'push'`, or take the permission away",
        )


def _time_limit(workflow: WorkflowFile, job: WorkflowJob) -> Iterator[WorkflowFinding]:
    limit = job.body.text("timeout-minutes") or ""
    is_good = limit.isascii() and limit.isdigit() and 0 < int(limit[:9]) <= LONGEST_MINUTES
    if not is_good and job.body.get("uses") is None:
        yield WorkflowFinding(
            workflow.path,
            job.key.line,
            WorkflowRule.TIME_LIMIT,
            f"job {job.id} has no time limit from 1 to {LONGEST_MINUTES} minutes: if it hangs, it hangs for hours",
            "give it `timeout-minutes:`, about twice what it takes",
        )


def _images(workflow: WorkflowFile, job: WorkflowJob) -> Iterator[WorkflowFinding]:
    nodes = [job.body.get("container")]
    services = job.body.mapping("services")
    nodes += [value for _, value in services.entries] if services is not None else []
    images = [node.get("image") if isinstance(node, YamlMapping) else node for node in nodes]
    found = [(node.text, node.line) for node in images if isinstance(node, YamlScalar)]
    for step in job.steps:
        uses = step.body.get("uses")
        if isinstance(uses, YamlScalar) and uses.text.startswith("docker://"):
            found.append((uses.text, uses.line))
    for text, line in found:
        if not _DIGEST.fullmatch(text):
            yield WorkflowFinding(
                workflow.path,
                line,
                WorkflowRule.IMAGE_DIGEST,
                f"the image of job {job.id} is not pinned: a tag can move",
                "put its digest behind it: NAME:TAG@sha256:…",
            )


def _failures(workflow: WorkflowFile, body: YamlMapping) -> Iterator[WorkflowFinding]:
    text = body.text("continue-on-error")
    if text is not None and text != "false" and text not in _SKIPS_OF_THE_PLAN:
        yield WorkflowFinding(
            workflow.path,
            _line(body, "continue-on-error"),
            WorkflowRule.HIDDEN_FAILURE,
            "continue-on-error makes a failure green",
            f"take it away, or leave it to the plan: {' or '.join(sorted(_SKIPS_OF_THE_PLAN))}",
        )


def _scripts(workflow: WorkflowFile, step: WorkflowStep) -> Iterator[WorkflowFinding]:
    inputs = step.body.mapping("with")
    scripts: list[YamlNode | None] = [step.body.get("run"), step.body.get("shell")]
    scripts += [] if inputs is None else [inputs.get("script")]
    for script in scripts:
        if isinstance(script, YamlScalar) and "${{" in script.text:
            offset = script.text[: script.text.index("${{")].count("\n") + (script.style.value in {"literal", "folded"})
            yield WorkflowFinding(
                workflow.path,
                script.line + offset,
                WorkflowRule.EXPRESSION_IN_SCRIPT,
                f"step {step.name!r} has an expression in its script: its value is run as code",
                'hand it over with `env:` and use "$NAME"',
            )


def _checkouts(workflow: WorkflowFile, step: WorkflowStep) -> Iterator[WorkflowFinding]:
    inputs = step.body.mapping("with")
    if step.action == CHECKOUT and (inputs is None or inputs.text("persist-credentials") != "false"):
        uses = step.body.get("uses")
        missing = step.body.get("with") is None or (inputs is not None and not inputs.is_flow)
        yield WorkflowFinding(
            workflow.path,
            step.body.line if uses is None else uses.line,
            WorkflowRule.PERSISTED_CREDENTIALS,
            "the checkout leaves its token in .git/config, for every later step and artifact",
            "give it `persist-credentials: false`",
            is_fixable=missing and (inputs is None or inputs.get("persist-credentials") is None),
        )
    if not workflow.starts_on(*_EVENTS_OF_STRANGERS):
        return
    asked = [inputs.text(name) or "" for name in ("ref", "repository")] if inputs is not None else []
    fetches = _FETCHES_PULL.search(step.body.text("run") or "")
    if (step.action == CHECKOUT and any("${{" in text for text in asked)) or fetches:
        yield WorkflowFinding(
            workflow.path,
            step.body.line,
            WorkflowRule.FOREIGN_CHECKOUT,
            f"step {step.name!r} fetches code that a stranger chose, beside a token that may write",
            "run that code in a pull_request workflow, and hand over its results as an artifact",
        )


def _line(body: YamlMapping, name: str) -> int:
    """Where a key is, or what should have it."""
    key = body.key(name)
    return body.line if key is None else key.line
