"""Workflow commands in the output of a step: `::name key=value::data`, and `##[name key=value]data` of old."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Final

from nanna_ci.rehearsal.steps.job_log import LEVELS, JobLog

_REFUSED: Final = ("set-env", "add-path")
_DEPRECATED: Final = ("set-output", "save-state")
_MATCHERS: Final = ("add-matcher", "remove-matcher")
_KNOWN: Final = frozenset(
    {*LEVELS, *_REFUSED, *_DEPRECATED, *_MATCHERS, "add-mask", "debug", "group", "endgroup", "echo", "stop-commands"}
)
_DISABLED: Final = (
    "The `{}` command is disabled. Please upgrade to using Environment Files or opt into unsecure command execution "
    "by setting the `ACTIONS_ALLOW_UNSECURE_COMMANDS` environment variable to `true`."
)
_DATA: Final = (("%0D", "\r"), ("%0A", "\n"), ("%25", "%"))
_PROPERTY: Final = (("%0D", "\r"), ("%0A", "\n"), ("%3A", ":"), ("%2C", ","), ("%25", "%"))
_OLD: Final = (("%3B", ";"), ("%0D", "\r"), ("%0A", "\n"), ("%5D", "]"), ("%25", "%"))
_LONGEST_SHOWN_TOKEN: Final = 6  # a longer one that stops commands is hidden


@dataclass(frozen=True, slots=True)
class WorkflowCommand:
    """A command; `name` and the names of properties in lower case."""

    name: str
    properties: dict[str, str]
    data: str


def parse_command(line: str, known: Collection[str] = _KNOWN) -> WorkflowCommand | None:
    """The command in a line of output, or None. Only names that are `known` make one."""
    text = line.lstrip()
    if text.startswith("::") and (end := text.find("::", 2)) >= 0:
        head, data = _head(text[2:end], ",", _PROPERTY), text[end + 2 :]
        if head[0] in known:
            return WorkflowCommand(*head, _unescaped(data, _DATA))
    start = line.find("##[")
    end = line.find("]", start)
    if start < 0 or end < 0:
        return None
    head = _head(line[start + 3 : end], ";", _OLD)
    return WorkflowCommand(*head, _unescaped(line[end + 1 :], _OLD)) if head[0] in known else None


def _head(text: str, separator: str, escapes: tuple[tuple[str, str], ...]) -> tuple[str, dict[str, str]]:
    """A command's name, in lower case, and its properties."""
    name, _, rest = text.partition(" ")
    properties = {}
    for pair in rest.strip().split(separator):
        key, _, value = pair.partition("=")
        if key and value:
            properties[key.lower()] = _unescaped(value, escapes)
    return name.lower(), properties


def _unescaped(text: str, mapping: tuple[tuple[str, str], ...]) -> str:
    for escaped, character in mapping:
        text = text.replace(escaped, character)
    return text


class CommandReader:
    """The output of one step: lines to the log, commands obeyed.

    `outputs` and `state` are what the deprecated commands set, which runners still obey; `failed` whether a command
    was refused, which fails the step.
    """

    def __init__(self, log: JobLog, stand_in: Callable[[str], None]) -> None:
        self.outputs: dict[str, str] = {}
        self.state: dict[str, str] = {}
        self.failed = False
        self._log = log
        self._stand_in = stand_in
        self._token: str | None = None
        self._echoes = False

    def line(self, data: bytes) -> None:
        """One line of output."""
        if b"::" in data or b"##[" in data:
            text = data.decode("utf-8", "replace")
            known = _KNOWN if self._token is None else {*_KNOWN, self._token}
            command = parse_command(text, known)
            if command is not None and self._obey(command, text):
                return
        self._log.write(data)

    def _obey(self, command: WorkflowCommand, text: str) -> bool:
        if self._token is not None:
            if command.name != self._token:
                return False
            self._token = None
            self._log.say(text)
            return True
        name = command.name
        if self._echoes and name not in {*LEVELS, "add-mask", "debug"}:
            self._log.say(text)
        if name in LEVELS:
            self._annotate(command)
        elif name in _DEPRECATED:
            self._deprecated(command)
        elif name in _REFUSED:
            self._refuse(text, _DISABLED.format(name))
        elif name in _MATCHERS:
            self._stand_in(f"{name}: problem matchers make no annotations here")
        else:
            self._do(command, text)
        return True

    def _do(self, command: WorkflowCommand, text: str) -> None:
        match command.name:
            case "add-mask":
                if not command.data.strip():
                    self._log.annotate("warning", "Can't add secret mask for empty string in ##[add-mask] command.")
                self._log.masks.add(command.data)
            case "group" | "endgroup":
                self._log.say(f"##[{command.name}]{command.data if command.name == 'group' else ''}")
            case "echo":
                self._set_echo(command.data)
            case "stop-commands":
                self._stop(command.data, text)
            case _:  # debug: shown only where debugging is on
                pass

    def _refuse(self, text: str, problem: str) -> None:
        self.failed = True
        self._log.annotate("error", f"Unable to process command '{text}' successfully.")
        self._log.annotate("error", problem)

    def _set_echo(self, data: str) -> None:
        if data.strip().lower() not in {"on", "off"}:
            self._refuse(f"::echo::{data}", "Invalid echo command value. Possible values can be: 'on', 'off'.")
        self._echoes = data.strip().lower() == "on"

    def _stop(self, token: str, text: str) -> None:
        if not token or token.lower() in _KNOWN or token.lower() == "pause-logging":
            self._refuse(
                text, "You cannot use a endToken that is an empty string, 'pause-logging', or a workflow command."
            )
            return
        self._token = token.lower()
        if len(token) > _LONGEST_SHOWN_TOKEN:
            self._log.masks.add(token)
        self._log.say(text)

    def _deprecated(self, command: WorkflowCommand) -> None:
        self._log.annotate(
            "warning",
            f"The `{command.name}` command is deprecated and will be disabled soon. "
            "Please upgrade to using Environment Files.",
        )
        name = command.properties.get("name")
        if not name:
            self._refuse(command.name, f"Required field 'name' is missing in ##[{command.name}] command.")
            return
        (self.outputs if command.name == "set-output" else self.state)[name] = command.data

    def _annotate(self, command: WorkflowCommand) -> None:
        line = command.properties.get("line") or command.properties.get("endline") or ""
        self._log.annotate(
            command.name,
            command.data,
            title=command.properties.get("title"),
            file=command.properties.get("file"),
            line=int(line) if line.isdecimal() and line.isascii() else None,
        )
