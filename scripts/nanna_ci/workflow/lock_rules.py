"""The pipeline that GitHub calls is the one that `nix run .#ci` runs here: the commit of flake.lock."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from nanna_ci.foundation.errors import ConfigError
from nanna_ci.store.flake_lock import FlakeLock
from nanna_ci.workflow.pin_table import ActionPin, WorkflowPolicy
from nanna_ci.workflow.pipeline_pin import PipelinePin, pins_from
from nanna_ci.workflow.workflow_file import WorkflowFile
from nanna_ci.workflow.workflow_finding import WorkflowFinding, WorkflowRule

_TABLE_LINE: Final = re.compile(r'(?P<head>\s*(?P<key>commit|version|seen)\s*=\s*)(?:"[^"\\]*"|[\d-]+)(?P<tail>.*)')


def locked_pin(policy: WorkflowPolicy, lock: FlakeLock | None) -> PipelinePin | str | None:
    """What the lock has for the pipeline of the table; a text says why there is none; None without a pipeline."""
    if policy.pipeline is None:
        return None
    repository = _repository(policy.pipeline)
    if lock is None:
        return "there is no flake.lock"
    try:
        pins = pins_from(lock, repository)
    except ConfigError as error:
        return error.message
    if len(pins) != 1:
        return f"flake.lock has {'no input' if not pins else 'several commits'} of {repository}"
    return pins[0]


def find_lock_rules(
    workflows: Sequence[WorkflowFile], policy: WorkflowPolicy, locked: PipelinePin | str | None
) -> Iterator[WorkflowFinding]:
    """Each pin and each use of the pipeline's repository that is at another commit than the lock's."""
    if locked is None:
        return
    if isinstance(locked, str):
        yield WorkflowFinding(
            policy.path,
            1,
            WorkflowRule.PIPELINE_PIN,
            f"{locked}: nobody knows whether GitHub runs what nix run .#ci runs",
            "add the flake's input and run nix flake lock, then workflow init --force",
        )
        return
    for pin in policy.pins.values():
        if is_of(pin.action, locked) and pin.commit != locked.commit:
            yield _other(policy.path, pin.line, pin.action, locked)
    for workflow in workflows:
        for _, use in workflow.uses():
            if use is not None and is_of(use.name, locked) and use.ref != locked.commit:
                yield _other(workflow.path, use.scalar.line, use.name, locked)


def is_of(action: str, locked: PipelinePin) -> bool:
    """Whether something is of the pipeline's repository."""
    return _repository(action).lower() == locked.repository.lower()


def mend_table(text: str, pins: Sequence[ActionPin], locked: PipelinePin) -> str:
    """The text of the table with the pins of the pipeline's repository at the lock's commit."""
    values = {"commit": f'"{locked.commit}"', "version": f'"{locked.version}"', "seen": locked.seen.isoformat()}
    lines = text.splitlines(keepends=True)
    for pin in pins:
        if not is_of(pin.action, locked) or pin.commit == locked.commit:
            continue
        number = pin.line
        while number < len(lines) and not lines[number].lstrip().startswith("["):
            line = lines[number].rstrip("\r\n")
            if found := _TABLE_LINE.fullmatch(line):
                lines[number] = found["head"] + values[found["key"]] + found["tail"] + lines[number][len(line) :]
            number += 1
    return "".join(lines)


def _repository(action: str) -> str:
    return "/".join(action.split("/")[:2])


def _other(path: str, line: int, action: str, locked: PipelinePin) -> WorkflowFinding:
    return WorkflowFinding(
        path,
        line,
        WorkflowRule.PIPELINE_PIN,
        f"{action} is not at the commit that flake.lock has: GitHub runs another pipeline than nix run .#ci",
        f"write {locked.commit} # {locked.version}; after nix flake update, workflow check --fix does it",
        is_fixable=True,
    )
