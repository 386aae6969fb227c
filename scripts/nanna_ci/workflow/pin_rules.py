"""Every action by the commit of the project's table, with its version beside it; and the table itself."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator, Sequence
from typing import Final

from nanna_ci.workflow.pin_table import MODERN_RUNTIMES, ActionPin, WorkflowPolicy
from nanna_ci.workflow.workflow_file import ActionUse, WorkflowFile
from nanna_ci.workflow.workflow_finding import WorkflowFinding, WorkflowRule

_COMMIT: Final = re.compile(r"[0-9a-f]{40}")
_NOT_PINNED: Final = ("./", "$/", "docker://")  # at the workflow's own commit; images have a rule of their own


def find_pin_rules(
    workflows: Sequence[WorkflowFile], policy: WorkflowPolicy, today: datetime.date
) -> Iterator[WorkflowFinding]:
    """Each use that is not as the table has it, then what is wrong with the table."""
    used = set()
    for workflow in workflows:
        for scalar, use in workflow.uses():
            if use is not None and not scalar.text.startswith(_NOT_PINNED):
                used.add(use.name)
                yield from _use(workflow, use, policy)
            elif not scalar.text.startswith(_NOT_PINNED):
                yield WorkflowFinding(
                    workflow.path,
                    scalar.line,
                    WorkflowRule.PIN_COMMIT,
                    f"{scalar.text} names no version",
                    "write OWNER/REPOSITORY@COMMIT # VERSION",
                )
    ours = "/".join((policy.pipeline or "").split("/")[:2]) + "/"
    for pin in policy.pins.values():
        for found in _pin(pin, policy, today, is_used=pin.action in used):
            # the pipeline is as old as flake.lock has it: it runs here at that commit already
            if found.rule is not WorkflowRule.PIN_AGE or not pin.action.startswith(ours):
                yield found


def comment_is_good(use: ActionUse, pin: ActionPin) -> bool:
    """Whether the version stands behind the commit, and maybe more behind that."""
    return use.comment is not None and use.comment.text.split(" ")[0] == pin.version


def _use(workflow: WorkflowFile, use: ActionUse, policy: WorkflowPolicy) -> Iterator[WorkflowFinding]:
    place, pin = use.scalar.line, policy.pins.get(use.name)
    if pin is None:
        yield WorkflowFinding(
            workflow.path,
            place,
            WorkflowRule.PIN_KNOWN,
            f"{use.name} is not in the table of actions",
            f"look at what it does, then give it a [[pin]] in {policy.path}",
        )
    if pin is not None and use.ref != pin.commit:
        yield WorkflowFinding(
            workflow.path,
            place,
            WorkflowRule.PIN_COMMIT,
            f"{use.name} is not at the commit of {pin.version} in {policy.path}",
            f"write {use.name}@{pin.commit} # {pin.version}",
        )
    elif pin is None and not _COMMIT.fullmatch(use.ref):
        yield WorkflowFinding(
            workflow.path,
            place,
            WorkflowRule.PIN_COMMIT,
            f"{use.name} is at a tag or branch, which can move",
            "write the whole commit, and the version as a comment behind it",
        )
    elif pin is not None and not comment_is_good(use, pin):
        yield WorkflowFinding(
            workflow.path,
            place,
            WorkflowRule.PIN_COMMENT,
            f"the comment behind {use.name} does not say that this commit is {pin.version}",
            f"write # {pin.version} behind it",
            is_fixable=use.ref == pin.commit,
        )


def _pin(pin: ActionPin, policy: WorkflowPolicy, today: datetime.date, *, is_used: bool) -> Iterator[WorkflowFinding]:
    age_days = (today - pin.seen).days
    if age_days < policy.minimum_age_days:
        yield WorkflowFinding(
            policy.path,
            pin.line,
            WorkflowRule.PIN_AGE,
            f"{pin.action} {pin.version} is {age_days} days old, less than {policy.minimum_age_days}",
            "stay with the release before it until then",
        )
    if pin.using not in MODERN_RUNTIMES:
        yield WorkflowFinding(
            policy.path,
            pin.line,
            WorkflowRule.PIN_RUNTIME,
            f"{pin.action} {pin.version} runs on {pin.using}, which runners no longer have",
            "take a release that runs on node24",
        )
    if not is_used:
        yield WorkflowFinding(
            policy.path,
            pin.line,
            WorkflowRule.PIN_UNUSED,
            f"no workflow uses {pin.action}",
            "take its [[pin]] out",
        )
