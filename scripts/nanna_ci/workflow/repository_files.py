"""What `workflow check` reads of a repository: workflows, composite actions, the table of pins, the lock, pages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from nanna_ci.foundation.errors import ConfigError, MalformedData, UsageError
from nanna_ci.foundation.guarded_read import MEBIBYTE, read_file
from nanna_ci.store.flake_lock import FlakeLock, parse_flake_lock
from nanna_ci.workflow.caller_files import POLICY
from nanna_ci.workflow.lock_rules import locked_pin, mend_table
from nanna_ci.workflow.pin_table import WorkflowPolicy, parse_policy
from nanna_ci.workflow.pipeline_pin import LOCK, PipelinePin
from nanna_ci.workflow.workflow_file import WorkflowFile, read_action, read_workflow
from nanna_ci.workflow.workflow_fixes import mend

WORKFLOWS: Final = ".github/workflows"
ACTIONS: Final = ".github/actions"
LIMIT_BYTES: Final = 4 * MEBIBYTE
_YAML: Final = {".yml", ".yaml"}


@dataclass(frozen=True, slots=True)
class RepositoryFiles:
    """Texts by path, line ends as they are; `table` is None where there is no table of pins.

    `judged` are the workflows that were named, None if all are judged.
    """

    workflow_texts: Mapping[str, str]
    action_texts: Mapping[str, str]
    table: str | None
    lock: FlakeLock | None
    pages: Mapping[str, str]
    judged: frozenset[str] | None

    @property
    def workflows(self) -> tuple[WorkflowFile, ...]:
        """Raises MalformedData for what is no workflow."""
        return tuple(read_workflow(text.encode(), path) for path, text in self.workflow_texts.items())

    @property
    def actions(self) -> tuple[WorkflowFile, ...]:
        """Each action of the repository's own as a workflow of one job. Raises MalformedData."""
        return tuple(read_action(text.encode(), path) for path, text in self.action_texts.items())

    @property
    def policy(self) -> WorkflowPolicy:
        """The table; an empty one where there is none, so that each action is named with what to write."""
        return WorkflowPolicy(POLICY) if self.table is None else parse_policy(self.table.encode(), POLICY)

    @property
    def locked(self) -> PipelinePin | str | None:
        """The pipeline in flake.lock, as `locked_pin` gives it."""
        return locked_pin(self.policy, self.lock)

    def mended(self) -> RepositoryFiles:
        """With all that is fixable mended, in what is judged: the table first, workflows by it."""
        policy, locked = self.policy, self.locked
        table = self.table
        if table is not None and isinstance(locked, PipelinePin) and self.judged is None:
            table = mend_table(table, tuple(policy.pins.values()), locked)
            policy = parse_policy(table.encode(), POLICY)
        pin = locked if isinstance(locked, PipelinePin) else None
        texts = dict(self.workflow_texts)
        for workflow in self.workflows:
            if self.judged is None or workflow.path in self.judged:
                texts[workflow.path] = mend(texts[workflow.path], workflow, policy, pin)
        actions = {action.path: mend(self.action_texts[action.path], action, policy, pin) for action in self.actions}
        return replace(self, workflow_texts=texts, action_texts=actions, table=table)

    def texts(self) -> dict[str, str]:
        """All that `mended` may change, by path."""
        table = {} if self.table is None else {POLICY: self.table}
        return {**self.workflow_texts, **self.action_texts, **table}


def read_repository(folder: Path, named: Sequence[str]) -> RepositoryFiles:
    """The files of a repository's own folder; `named` are the workflows to judge, which may lie elsewhere.

    UsageError where there is no workflow or a named one cannot be read, MalformedData for what is no UTF-8, ConfigError
    for a table or a lock that cannot be read.
    """
    paths = _yaml_files(folder, WORKFLOWS)
    if not paths and not named:
        raise UsageError(f"{WORKFLOWS} has no workflow", hint="workflow init writes one; or name one with --file")
    actions = [path for path in _yaml_files(folder, ACTIONS) if Path(path).stem == "action"]
    pages = [path for path in (folder / "README.md", *sorted((folder / "docs").glob("*.md"))) if path.is_file()]
    return RepositoryFiles(
        {path: _read(folder, path) for path in dict.fromkeys([*named, *paths])},
        {path: _read(folder, path) for path in actions},
        _read_table(folder),
        read_lock(folder),
        {path.relative_to(folder).as_posix(): read_file(path, LIMIT_BYTES).decode(errors="replace") for path in pages},
        frozenset(named) if named else None,
    )


def _yaml_files(folder: Path, below: str) -> list[str]:
    pattern = "*" if below == WORKFLOWS else "*/*"
    found = sorted(path for path in (folder / below).glob(pattern) if path.suffix in _YAML)
    return [path.relative_to(folder).as_posix() for path in found]


def _read(folder: Path, name: str) -> str:
    try:
        return read_file(folder / name, LIMIT_BYTES).decode()
    except OSError as error:
        raise UsageError(f"{name}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise MalformedData(name, f"is not UTF-8 at byte {error.start}") from None


def _read_table(folder: Path) -> str | None:
    try:
        return read_file(folder / POLICY, LIMIT_BYTES).decode()
    except FileNotFoundError:
        return None
    except UnicodeDecodeError:
        raise ConfigError(POLICY, "is not UTF-8") from None
    except OSError as error:
        raise ConfigError(POLICY, f"cannot be read: {error.strerror}") from error


def read_lock(folder: Path) -> FlakeLock | None:
    """The lock of a flake, None where there is none. Raises MalformedData and ConfigError."""
    try:
        return parse_flake_lock(read_file(folder / LOCK, LIMIT_BYTES), LOCK)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ConfigError(LOCK, f"cannot be read: {error.strerror}") from error
