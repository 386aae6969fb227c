"""Every event that there is a plan for starts the pipeline, whole: no filter keeps a required check from coming."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from nanna_ci.pipeline.job_plan import Event
from nanna_ci.workflow.workflow_file import WorkflowFile
from nanna_ci.workflow.workflow_finding import WorkflowFinding, WorkflowRule
from nanna_ci.workflow.yaml_nodes import YamlMapping, scalars_in

_FILTERS: Final = ("branches", "branches-ignore", "paths", "paths-ignore")
_RUN: Final = "workflow_run"


def find_events(workflow: WorkflowFile) -> Iterator[WorkflowFinding]:
    """Of the workflow that runs the plan, or calls the one that does: each event of a plan that does not start it."""
    for event in Event:
        if not workflow.starts_on(event.value):
            yield _finding(
                workflow, "on", f"no {event.value} starts it, for which there is a plan", f"add {event.value}"
            )
    triggers = workflow.root.mapping("on")
    push, release = (_mapping(triggers, event.value) for event in (Event.PUSH, Event.RELEASE))
    if push is not None and push.get("branches") is not None and push.get("tags") is None:
        yield _finding(workflow, Event.PUSH, "no tag starts it: nothing would ever be released", 'write tags: ["v*"]')
    for name in (one for one in ("paths", "paths-ignore") if push is not None and push.get(one) is not None):
        yield _finding(
            workflow, Event.PUSH, f"{name} leaves pushes out", "take it away: Nix skips what has not changed"
        )
    types = {one.text for one in scalars_in(release.get("types") if release is not None else None)}
    if workflow.starts_on(Event.RELEASE) and types != {"published"}:
        yield _finding(
            workflow, Event.RELEASE, "drafts and edits of a release start it too", "write types: [published]"
        )
    for event in (Event.PULL_REQUEST, Event.MERGE_GROUP):
        mapping = _mapping(triggers, event.value)
        for name in (one for one in _FILTERS if mapping is not None and mapping.get(one) is not None):
            says = f"{name} leaves some out: the required check would never come, and they could never be merged"
            yield _finding(workflow, event, says, "take it away: Nix skips what has not changed")


def find_run_sources(workflows: Sequence[WorkflowFile]) -> Iterator[WorkflowFinding]:
    """Each `workflow_run` that waits for a workflow which nobody has: it would never start."""
    known = {workflow.root.text("name") or workflow.path for workflow in workflows}
    for workflow in workflows:
        mapping = _mapping(workflow.root.mapping("on"), _RUN)
        for one in scalars_in(mapping.get("workflows") if mapping is not None else None):
            if one.text not in known:
                yield WorkflowFinding(
                    workflow.path,
                    one.line,
                    WorkflowRule.EVENT,
                    f"workflow_run waits for {one.text}, which is the name of no workflow: it never starts",
                    f"name one of {', '.join(sorted(known))}",
                )


def _mapping(triggers: YamlMapping | None, event: str) -> YamlMapping | None:
    return triggers.mapping(event) if triggers is not None else None


def _finding(workflow: WorkflowFile, name: str, says: str, fix: str) -> WorkflowFinding:
    triggers = workflow.root.mapping("on")
    key = (triggers.key(name) if triggers is not None else None) or workflow.root.key("on")
    line = workflow.root.line if key is None else key.line
    return WorkflowFinding(workflow.path, line, WorkflowRule.EVENT, says, f"{fix} in on:")
