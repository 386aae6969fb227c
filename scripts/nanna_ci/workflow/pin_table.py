"""The project's own table of the actions that its workflows may use, `.github/workflow.toml`."""

from __future__ import annotations

import datetime
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from nanna_ci.foundation.errors import ConfigError, shorten

MODERN_RUNTIMES: Final = frozenset({"node24", "composite", "docker", "workflow"})
"""What an action may run on: Node 20 leaves the runners."""

_COMMIT: Final = re.compile(r"[0-9a-f]{40}")
_NAME: Final = re.compile(r"[A-Za-z0-9][\w.-]*(?:/[\w.-]+)+")
_PIN_KEYS: Final = {"action", "version", "commit", "seen", "using"}


@dataclass(frozen=True, slots=True)
class ActionPin:
    """A release of an action: its commit, and the day on which it was seen in public as that version.

    `using` is what its action.yml says that it runs on; `line` is where the table has it.
    """

    action: str
    version: str
    commit: str
    seen: datetime.date
    using: str
    line: int


@dataclass(frozen=True, slots=True)
class WorkflowPolicy:
    """The table, the least age of a pin, and the jobs that report and decide nothing.

    `pipeline` is the reusable workflow of another repository that runs the plan, None if one of our own does. `apps`
    are those of the flake that are none of our commands.
    """

    path: str
    pipeline: str | None = None
    minimum_age_days: int = 7
    reports: tuple[str, ...] = ()
    apps: tuple[str, ...] = ()
    pins: Mapping[str, ActionPin] = field(default_factory=dict)

    def is_of_pipeline(self, action: str) -> bool:
        """Whether something is of the repository that the pipeline is called from: flake.lock has its commit."""
        return self.pipeline is not None and repository_of(action).lower() == repository_of(self.pipeline).lower()


def repository_of(action: str) -> str:
    """OWNER/REPOSITORY of an action or a workflow, whose path in it may follow."""
    return "/".join(action.split("/")[:2])


def parse_policy(data: bytes, source: str) -> WorkflowPolicy:
    """The file's text. ConfigError names what is wrong in it."""
    try:
        text = data.decode()
        raw = tomllib.loads(text)
    except UnicodeDecodeError:
        raise ConfigError(source, "is not UTF-8") from None
    except (ValueError, RecursionError) as error:
        raise ConfigError(source, f"is not TOML: {error}") from None
    _refuse_unknown(raw, {"pipeline", "pins", "summary", "pin"}, source)
    pins, summary = _table(raw, "pins", source), _table(raw, "summary", source)
    _refuse_unknown(pins, {"minimum_age_days"}, f"{source}: [pins]")
    _refuse_unknown(summary, {"reports"}, f"{source}: [summary]")
    pipeline = _table(raw, "pipeline", source)
    _refuse_unknown(pipeline, {"workflow", "apps"}, f"{source}: [pipeline]")
    name = pipeline.get("workflow")
    if name is not None and not (isinstance(name, str) and _NAME.fullmatch(name)):
        raise ConfigError(f"{source}: pipeline.workflow", "must be OWNER/REPOSITORY/.github/workflows/FILE")
    age = pins.get("minimum_age_days", 7)
    if not isinstance(age, int) or isinstance(age, bool) or age < 0:
        raise ConfigError(f"{source}: pins.minimum_age_days", "must be a number of days, 0 or more")
    reports = _names(summary, "reports", f"{source}: summary.reports")
    apps = _names(pipeline, "apps", f"{source}: pipeline.apps")
    lines = [number for number, line in enumerate(text.splitlines(), 1) if line.strip().startswith("[[pin]]")]
    table = raw.get("pin", [])
    if not isinstance(table, list):
        raise ConfigError(f"{source}: [[pin]]", "must be tables: [[pin]]")
    found: dict[str, ActionPin] = {}
    for pin in _pins(table, lines, source):
        if pin.action in found:
            raise ConfigError(f"{source}: [[pin]]", f"{pin.action} is there twice")
        found[pin.action] = pin
    return WorkflowPolicy(source, name, age, reports, apps, found)


def _pins(table: list[Any], lines: list[int], source: str) -> Iterator[ActionPin]:
    for number, entry in enumerate(table):
        where = f"{source}: [[pin]] {number + 1}"
        if not isinstance(entry, dict):
            raise ConfigError(where, "must be a table")
        _refuse_unknown(entry, _PIN_KEYS, where)
        for key in sorted(_PIN_KEYS - {"seen"}):
            if not isinstance(entry.get(key), str) or not entry[key]:
                raise ConfigError(where, f"{key} is missing, or no text")
        if not _NAME.fullmatch(entry["action"]):
            raise ConfigError(where, f"action is {shorten(entry['action'])}, not OWNER/REPOSITORY or a path below it")
        if not _COMMIT.fullmatch(entry["commit"]):
            raise ConfigError(where, f"commit is {shorten(entry['commit'])}, not 40 hexadecimal digits")
        if type(entry.get("seen")) is not datetime.date:
            raise ConfigError(where, "seen must be a date, as 2026-08-31")
        line = lines[number] if len(lines) == len(table) else 1
        yield ActionPin(**{key: entry[key] for key in _PIN_KEYS}, line=line)


def _names(table: Mapping[str, Any], key: str, where: str) -> tuple[str, ...]:
    names = table.get(key, [])
    if not isinstance(names, list) or not all(isinstance(one, str) for one in names):
        raise ConfigError(where, "must be a list of names")
    return tuple(names)


def _table(raw: Mapping[str, Any], name: str, source: str) -> Mapping[str, Any]:
    table = raw.get(name, {})
    if not isinstance(table, dict):
        raise ConfigError(f"{source}: [{name}]", "must be a table")
    return table


def _refuse_unknown(table: Mapping[str, Any], known: set[str], where: str) -> None:
    unknown = next((key for key in table if key not in known), None)
    if unknown is not None:
        raise ConfigError(where, f"unknown key {shorten(unknown)}", hint=f"known: {', '.join(sorted(known))}")
