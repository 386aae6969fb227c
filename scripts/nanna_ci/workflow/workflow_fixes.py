"""What `--fix` changes: the pipeline's commit, versions behind known pins, checkouts that keep no token. No guesses."""

from __future__ import annotations

import difflib

from nanna_ci.workflow.lock_rules import is_of
from nanna_ci.workflow.pin_rules import comment_is_good
from nanna_ci.workflow.pin_table import WorkflowPolicy
from nanna_ci.workflow.pipeline_pin import PipelinePin
from nanna_ci.workflow.step_rules import CHECKOUT
from nanna_ci.workflow.workflow_file import WorkflowFile, WorkflowStep
from nanna_ci.workflow.yaml_nodes import YamlMapping


def mend(text: str, workflow: WorkflowFile, policy: WorkflowPolicy, locked: PipelinePin | None = None) -> str:
    """The text with all that is fixable mended; its line ends stay as they are.

    `locked` is the pipeline of flake.lock: what is called of its repository gets its commit, by the table.
    """
    lines = text.splitlines(keepends=True)
    for _, use in workflow.uses():
        pin = policy.pins.get(use.name) if use is not None else None
        if use is None or pin is None:
            continue
        is_ours = locked is not None and is_of(use.name, locked) and pin.commit == locked.commit
        is_moved = is_ours and use.ref != pin.commit
        if is_moved or (use.ref == pin.commit and not comment_is_good(use, pin)):
            line = lines[use.scalar.line - 1]
            end = line[len(line.rstrip("\r\n")) :]
            kept = line if use.comment is None else line[: use.comment.column - 1]
            kept = kept.replace(f"{use.name}@{use.ref}", f"{use.name}@{pin.commit}")
            lines[use.scalar.line - 1] = f"{kept.rstrip()} # {pin.version}{end}"
    added = [one for job in workflow.jobs for step in job.steps if (one := _addition(step)) is not None]
    for after, indent, texts in sorted(added, reverse=True):
        end = "\r\n" if lines[after - 1].endswith("\r\n") else "\n"
        if not lines[after - 1].endswith("\n"):
            lines[after - 1] += end
        lines[after:after] = [f"{' ' * indent}{one}{end}" for one in texts]
    return "".join(lines)


def _addition(step: WorkflowStep) -> tuple[int, int, tuple[str, ...]] | None:
    """What a checkout lacks: behind which line, how far indented, and the lines."""
    uses, inputs = step.body.key("uses"), step.body.get("with")
    if step.action != CHECKOUT or uses is None or step.body.is_flow:
        return None
    if inputs is None:
        return uses.line, uses.column - 1, ("with:", "  persist-credentials: false")
    key = step.body.key("with")
    if not isinstance(inputs, YamlMapping) or inputs.is_flow or inputs.get("persist-credentials") or key is None:
        return None
    return key.line, inputs.column - 1, ("persist-credentials: false",)


def difference(before: str, after: str, path: str) -> str:
    """A unified diff of the file, "" if nothing changes."""
    pair = (before.splitlines(keepends=True), after.splitlines(keepends=True))
    return "".join(difflib.unified_diff(*pair, f"a/{path}", f"b/{path}"))
