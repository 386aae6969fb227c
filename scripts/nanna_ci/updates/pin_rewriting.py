"""New pins in the texts of the table of actions and of workflows; everything else stays as it is, byte for byte."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from nanna_ci.foundation.errors import NannaError
from nanna_ci.workflow.pin_table import ActionPin, parse_policy
from nanna_ci.workflow.workflow_file import read_workflow

_ENTRY: Final = re.compile(
    r"(?P<head>\s*(?P<key>version|commit|seen|using)\s*=\s*)(?:\"[^\"\\]*\"|'[^']*'|\d{4}-\d\d-\d\d)(?P<tail>[^\"']*)",
    re.DOTALL,
)
_VERSION: Final = re.compile(r"v?\d\S*")


def rewrite_table(text: str, path: str, pins: Mapping[str, ActionPin]) -> str:
    """The table's text with these pins in place of those of the same actions.

    Raises NannaError for a table that is written in a way that this cannot change.
    """
    lines = text.splitlines(keepends=True)
    before = parse_policy(text.encode(), path).pins
    for action, pin in pins.items():
        at = before[action].line  # counted from 1: this is the line behind [[pin]]
        while at < len(lines) and not lines[at].lstrip().startswith("["):
            if found := _ENTRY.fullmatch(lines[at]):
                value = getattr(pin, found["key"])
                shown = value.isoformat() if found["key"] == "seen" else f'"{value}"'
                lines[at] = f"{found['head']}{shown}{found['tail']}"
            at += 1
    rewritten = "".join(lines)
    after = parse_policy(rewritten.encode(), path).pins
    if after != {**before, **{name: replace(pin, line=before[name].line) for name, pin in pins.items()}}:
        raise NannaError(f"{path}: the pins cannot be rewritten", hint="write each as a [[pin]] with one key a line")
    return rewritten


def rewrite_workflow(text: str, path: str, pins: Mapping[str, ActionPin]) -> str:
    """The workflow's text with each use of these actions at the pin's commit, and its version behind it.

    Raises MalformedData for a workflow that cannot be read, NannaError for one that this cannot change.
    """
    lines = text.splitlines(keepends=True)
    workflow = read_workflow(text.encode(), path)
    for _, use in workflow.uses():
        if use is None or use.name not in pins:
            continue
        pin = pins[use.name]
        line = lines[use.scalar.line - 1]
        end = line[len(line.rstrip("\r\n")) :]
        code, said = line.rstrip("\r\n"), ""
        if use.comment is not None:
            code, said = line[: use.comment.column - 1], use.comment.text.strip()
        first, _, rest = said.partition(" ")
        kept = rest.strip() if _VERSION.fullmatch(first) else said
        code = code.rstrip().replace(f"{use.name}@{use.ref}", f"{use.name}@{pin.commit}")
        lines[use.scalar.line - 1] = f"{code} # {pin.version}{f' {kept}' if kept else ''}{end}"
    rewritten = "".join(lines)
    uses = [use for _, use in read_workflow(rewritten.encode(), path).uses() if use is not None and use.name in pins]
    if any(use.ref != pins[use.name].commit for use in uses):
        raise NannaError(
            f"{path}: an action's commit cannot be rewritten", hint="write uses: and its value on one line"
        )
    return rewritten
