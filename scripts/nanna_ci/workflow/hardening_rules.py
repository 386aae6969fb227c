"""What every workflow must keep to, whatever it runs: permissions, triggers, limits, images."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from nanna_ci.workflow.workflow_file import WorkflowFile, WorkflowJob
from nanna_ci.workflow.workflow_finding import WorkflowFinding, WorkflowRule
from nanna_ci.workflow.yaml_nodes import YamlMapping, YamlScalar

LONGEST_MINUTES: Final = 360
"""What GitHub gives a job at most."""

_PULL_REQUESTS_ONLY: Final = "${{ github.event_name == 'pull_request' }}"
_ONE_EVENT: Final = re.compile(
    r"github\.event_name == '(?!pull_request)\w+'"
    r"|github\.event\.workflow_run\.event == '\w+'",  # no other event has a workflow_run
    re.IGNORECASE,
)
_DIGEST: Final = re.compile(r"[^@\s${}]+@sha256:[0-9a-f]{64}")


def excludes_pull_requests(condition: str) -> bool:
    """Whether an `if` holds for named events only, none of them a pull request.

    Each alternative between || must have one, and maybe more, joined by &&; with brackets around || it counts as no.
    """
    alternatives = re.sub(r"^\$\{\{|}}$", "", condition.strip()).split("||")
    return all(any(_ONE_EVENT.fullmatch(part.strip()) for part in one.split("&&")) for one in alternatives)


def find_hardening(workflow: WorkflowFile) -> Iterator[WorkflowFinding]:
    """Each broken rule, in the order of the file's parts."""
    yield from _triggers(workflow)
    yield from _default_permissions(workflow)
    yield from _concurrency(workflow)
    for job in workflow.jobs:
        yield from _permissions(workflow, job)
        yield from _time_limit(workflow, job)
        yield from _images(workflow, job)


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
            line_of(workflow.root, "permissions"),
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
            line_of(workflow.root, "concurrency"),
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


def line_of(body: YamlMapping, name: str) -> int:
    """Where a key is, or what should have it."""
    key = body.key(name)
    return body.line if key is None else key.line
