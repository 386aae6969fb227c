"""Which workflow calls which, among those of one repository: `uses: $/.github/workflows/NAME` of a job."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from nanna_ci.workflow.workflow_file import WorkflowFile, WorkflowJob
from nanna_ci.workflow.yaml_nodes import YamlMapping, YamlScalar

CALL: Final = "workflow_call"
LEVELS: Final = {"none": 0, "read": 1, "write": 2}
"""What a permission may be, least first."""

_LOCAL: Final = re.compile(r"[.$]/(?P<path>[^@]+)")


def local_path(uses: str) -> str | None:
    """The path in the repository of what a `uses:` names by `./` or `$/`, None for what is elsewhere."""
    found = _LOCAL.fullmatch(uses)
    return None if found is None else found["path"].removeprefix("./")


@dataclass(frozen=True, slots=True)
class WorkflowCall:
    """A job that calls a workflow of its own repository; `called` is None where there is none of that name."""

    caller: WorkflowFile
    job: WorkflowJob
    uses: YamlScalar
    called: WorkflowFile | None


@dataclass(frozen=True, slots=True)
class CallGraph:
    """The workflows of a repository. GitHub lets calls nest ten deep, and no workflow call itself."""

    workflows: Sequence[WorkflowFile]

    def find(self, path: str) -> WorkflowFile | None:
        """The workflow of a path, or None."""
        return next((one for one in self.workflows if one.path == path), None)

    def call_of(self, workflow: WorkflowFile, job: WorkflowJob) -> WorkflowCall | None:
        """The call that a job is, None for a job with steps and for a call of another repository's workflow."""
        uses = job.body.get("uses")
        path = local_path(uses.text) if isinstance(uses, YamlScalar) else None
        if path is None or not isinstance(uses, YamlScalar):
            return None
        return WorkflowCall(workflow, job, uses, self.find(path))

    def calls(self) -> Iterator[WorkflowCall]:
        """All of them, in the order of the files."""
        for workflow in self.workflows:
            for job in workflow.jobs:
                if (call := self.call_of(workflow, job)) is not None:
                    yield call

    def reaches(self, workflow: WorkflowFile, goal: WorkflowFile) -> bool:
        """Whether a workflow calls another, maybe by way of others."""
        seen: set[str] = set()
        ahead = [workflow]
        for one in ahead:  # grows while it is read
            called = [call.called for job in one.jobs if (call := self.call_of(one, job)) is not None]
            ahead += [next_one for next_one in called if next_one is not None and next_one.path not in seen]
            seen |= {next_one.path for next_one in called if next_one is not None}
        return goal.path in seen

    def needed_permissions(self, workflow: WorkflowFile) -> dict[str, str]:
        """What whoever calls a workflow must grant: of each permission the most that one of its jobs asks for.

        A job that calls another workflow may have no more than it names itself. GitHub counts jobs that `if` leaves
        out too.
        """
        return most_of(job.body.mapping("permissions") for job in workflow.jobs)


def most_of(permissions: Iterator[YamlMapping | None]) -> dict[str, str]:
    """Of each permission the highest level that is named."""
    most: dict[str, str] = {}
    for mapping in permissions:
        for key, level in levels_of(mapping).items():
            if LEVELS[level] > LEVELS[most.get(key, "none")]:
                most[key] = level
    return most


def levels_of(permissions: YamlMapping | None) -> dict[str, str]:
    """What a `permissions:` names, without what is no level."""
    entries = permissions.entries if permissions is not None else ()
    return {key.text: value.text for key, value in entries if isinstance(value, YamlScalar) and value.text in LEVELS}


def declared(workflow: WorkflowFile, kind: str) -> Mapping[str, bool]:
    """The `inputs` or `secrets` of a workflow that others call: name to whether a caller must give it."""
    triggers = workflow.root.mapping("on")
    call = triggers.mapping(CALL) if triggers is not None else None
    table = call.mapping(kind) if call is not None else None
    return {
        key.text: isinstance(value, YamlMapping) and value.text("required") == "true"
        for key, value in (table.entries if table is not None else ())
    }
