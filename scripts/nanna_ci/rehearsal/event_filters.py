"""Which workflows an event starts: the filters below `on:`, by GitHub's patterns.

`*` is anything but a slash, `**` anything, `?` none or one of the character before, `+` one or more, `[]` a class; a
pattern that begins with `!` takes away what those before it let in.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from nanna_ci.foundation.errors import MalformedData, shorten
from nanna_ci.rehearsal.known_nodes import mapping_at, names_at, refuse_others
from nanna_ci.workflow.workflow_file import WorkflowFile
from nanna_ci.workflow.yaml_nodes import YamlMapping, YamlNode, YamlScalar, YamlSequence

_FILTERS: Final = {
    "push": {"branches", "branches-ignore", "tags", "tags-ignore", "paths", "paths-ignore"},
    "pull_request": {"types", "branches", "branches-ignore", "paths", "paths-ignore"},
    "merge_group": {"types", "branches", "branches-ignore"},
    "release": {"types"},
    "workflow_run": {"types", "workflows", "branches", "branches-ignore"},
}
_DEFAULT_TYPES: Final = {"pull_request": {"opened", "synchronize", "reopened"}}


@dataclass(frozen=True, slots=True)
class Occasion:
    """What the filters look at. `action` is "" for an event without types, `branch` or `tag` None for the other.

    `branch` is the one that a pull request would go to. `changed` gives the files that the event changes. `workflow`
    is the name of the workflow that has run, of workflow_run.
    """

    event: str
    action: str
    branch: str | None
    tag: str | None
    changed: Callable[[], Sequence[str]]
    workflow: str = ""


def is_started_by(workflow: WorkflowFile, occasion: Occasion) -> bool:
    """Whether the event starts it. MalformedData for a filter that is not known, with its place."""
    node = workflow.root.get("on")
    if isinstance(node, YamlScalar | YamlSequence):
        return occasion.event in names_at(node, workflow.path, "on")
    filters = None if node is None else node.get(occasion.event)
    if filters is None:
        return False
    if occasion.event == "schedule":
        return bool(crons(filters, workflow.path))
    if occasion.event not in _FILTERS:
        raise MalformedData(f"{workflow.path}:{filters.line}", f"the rehearsal knows no event {occasion.event}")
    body = mapping_at(filters, workflow.path, occasion.event)
    refuse_others(body, _FILTERS[occasion.event], workflow.path, occasion.event)
    return _fits(_Filters(body, workflow.path), occasion)


def crons(node: YamlNode, path: str) -> tuple[str, ...]:
    """The times of a schedule."""
    items = node.items if isinstance(node, YamlSequence) else ()
    found = []
    for item in items:
        body = mapping_at(item, path, "schedule")
        refuse_others(body, {"cron", "timezone"}, path, "schedule")
        found.append(body.text("cron") or "")
    if not found or not all(found):
        raise MalformedData(f"{path}:{node.line}", "schedule is not a list of cron: lines")
    return tuple(found)


@dataclass(frozen=True, slots=True)
class _Filters:
    body: YamlMapping
    path: str

    def get(self, name: str) -> tuple[str, ...] | None:
        node = self.body.get(name)
        return None if node is None else names_at(node, self.path, name)

    def lets_in(self, name: str, texts: Iterable[str]) -> bool | None:
        """What NAME and NAME-ignore say of any of the texts; None where neither is there."""
        wanted, ignored = self.get(name), self.get(f"{name}-ignore")
        if wanted is not None and ignored is not None:
            line = self.body.line
            raise MalformedData(f"{self.path}:{line}", f"{name} and {name}-ignore exclude each other")
        if wanted is not None:
            return any(_is_in(text, wanted, self.path) for text in texts)
        return None if ignored is None else not all(_is_in(text, ignored, self.path) for text in texts)


def _fits(filters: _Filters, occasion: Occasion) -> bool:
    types = filters.get("types")
    if occasion.action:
        known = set(types) if types is not None else _DEFAULT_TYPES.get(occasion.event)
        if known is not None and occasion.action not in known:
            return False
    if occasion.event == "workflow_run" and occasion.workflow not in (filters.get("workflows") or ()):
        return False
    branches, tags = filters.lets_in("branches", [occasion.branch or ""]), filters.lets_in("tags", [occasion.tag or ""])
    if occasion.tag is not None:  # a filter of branches alone lets no tag in, and the other way round
        return tags if tags is not None else branches is None
    if branches is False or (branches is None and tags is not None):
        return False
    if filters.get("paths") is None and filters.get("paths-ignore") is None:
        return True
    return bool(filters.lets_in("paths", occasion.changed()))


def _is_in(text: str, patterns: Sequence[str], path: str) -> bool:
    """Whether the last pattern that fits lets it in."""
    found = False
    for pattern in patterns:
        taken_away = pattern.startswith("!")
        if _expression(pattern.removeprefix("!"), path).fullmatch(text):
            found = not taken_away
    return found


@functools.cache
def _expression(pattern: str, path: str) -> re.Pattern[str]:
    parts: list[str] = []
    position = 0
    while position < len(pattern):
        if pattern.startswith("**/", position):
            parts.append("(?:.*/)?")
            position += 3
            continue
        if pattern.startswith("**", position):
            parts.append(".*")
            position += 2
            continue
        character = pattern[position]
        position += 1
        match character:
            case "*":
                parts.append("[^/]*")
            case "?" | "+" if parts:
                parts.append(character)
            case "\\" if position < len(pattern):
                parts.append(re.escape(pattern[position]))
                position += 1
            case "[" if (end := pattern.find("]", position)) > 0:
                parts.append(f"[{re.sub(r'[^A-Za-z0-9-]', '', pattern[position:end])}]")
                position = end + 1
            case _:
                parts.append(re.escape(character))
    try:
        return re.compile("".join(parts), re.DOTALL)
    except re.error:
        raise MalformedData(path, f"the pattern {shorten(pattern)} is not one that GitHub takes") from None
