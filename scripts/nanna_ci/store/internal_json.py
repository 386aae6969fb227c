"""`nix … --log-format internal-json`: one line of stderr to one event, and the errors in it to failed derivations.

The numbers are Nix's own (nix: src/libutil/include/nix/util/logging.hh) and have only ever been added to.
`build_log.BuildLog` folds the events.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import IntEnum

from nanna_ci.foundation.errors import MalformedData
from nanna_ci.foundation.json_data import as_count, as_list, as_object, as_text, load_json
from nanna_ci.store.store_path import BASE_NAME_PATTERN, StorePath, parse_store_path

PREFIX = b"@nix "
SOURCE = "nix internal-json"
ERROR_LEVEL = 0
WARNING_LEVEL = 1
_MAX_REASON_CHARACTERS = 2000


class ActivityType(IntEnum):
    """What a `start` begins. The comment gives its fields."""

    UNKNOWN = 0
    COPY_PATH = 100  # store path, from, to
    FILE_TRANSFER = 101  # URL
    REALISE = 102  # none: everything that one `nix build` does
    COPY_PATHS = 103  # none: all substitutions; its progress counts them
    BUILDS = 104  # none: all builds; its progress counts them
    BUILD = 105  # derivation, machine ("" is this one), round, rounds
    SUBSTITUTE = 108  # store path, substituter
    POST_BUILD_HOOK = 110  # derivation


class ResultType(IntEnum):
    """What a `result` reports. The comment gives its fields."""

    BUILD_LOG_LINE = 101  # line
    SET_PHASE = 104  # phase
    PROGRESS = 105  # done, expected, running, failed
    SET_EXPECTED = 106  # activity type, expected
    POST_BUILD_LOG_LINE = 107  # line


Field = int | str


@dataclass(frozen=True, slots=True)
class Start:
    """An activity begins. `activity` is an `Activity` value, or a number that this Nix has and we do not know."""

    id: int
    activity: int
    text: str
    fields: tuple[Field, ...]


@dataclass(frozen=True, slots=True)
class Stop:
    """An activity ended, well or not: that is reported elsewhere."""

    id: int


@dataclass(frozen=True, slots=True)
class Result:
    """News of an activity. `type` is a `ResultType` value or an unknown number."""

    id: int
    type: int
    fields: tuple[Field, ...]


@dataclass(frozen=True, slots=True)
class Message:
    """A message of Nix itself, without colours; `level` 0 is an error, 1 a warning, 3 the usual, up to 7 with -v."""

    level: int
    text: str


Event = Start | Stop | Result | Message


def parse_line(line: bytes) -> Event | None:
    """Read one line of stderr, without its newline; None if it is plain output (does not begin `@nix `).

    Raises:
        MalformedData: for a line that begins `@nix ` and is not an event that Nix writes.
    """
    if not line.startswith(PREFIX):
        return None
    event = as_object(load_json(line[len(PREFIX) :], SOURCE), SOURCE, "the event")
    action = event.get("action")
    if action == "msg":
        return Message(
            level=as_count(event.get("level"), SOURCE, "level"),
            text=plain_text(as_text(event.get("msg"), SOURCE, "msg")),
        )
    identity = as_count(event.get("id"), SOURCE, "id")
    if action == "stop":
        return Stop(identity)
    fields = _parse_fields(event.get("fields", []))
    kind = as_count(event.get("type"), SOURCE, "type")
    if action == "start":
        return Start(identity, kind, plain_text(as_text(event.get("text"), SOURCE, "text")), fields)
    if action == "result":
        return Result(identity, kind, fields)
    raise MalformedData(SOURCE, "the action is not start, stop, result or msg")


def _parse_fields(value: object) -> tuple[Field, ...]:
    fields: list[Field] = []
    for field in as_list(value, SOURCE, "fields"):  # type: ignore[arg-type]
        if isinstance(field, bool) or not isinstance(field, int | str):
            raise MalformedData(SOURCE, "a field is neither a number nor a string")
        fields.append(field)
    return tuple(fields)


# CSI and OSC sequences, then any other escape; what is left of control characters goes too, but for tab and newline.
_ESCAPES = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b.?|[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def plain_text(text: str) -> str:
    """`text` without terminal escapes and control characters; tabs and newlines stay."""
    return _ESCAPES.sub("", text)


@dataclass(frozen=True, slots=True)
class BuildFailure:
    """A derivation that will not be there, and why; `dependency`: it was never tried, for what it needs failed."""

    derivation: StorePath
    dependency: bool
    reason: str


_DERIVATION = re.compile(rf"'(/nix/store/{BASE_NAME_PATTERN}\.drv)(?:\^[^']*)?'")
# "1 dependencies of derivation '…' failed to build" to Nix 2.28; "Reason: 1 dependency failed." from 2.29 on.
_DEPENDENCY = re.compile(r"\b\d+ dependenc(?:y|ies) of derivation '|\bReason: \d+ dependenc(?:y|ies) failed")


def parse_failure(message: str) -> BuildFailure | None:
    """Read an error message of Nix: the failure of the one derivation that it names.

    None if it names no derivation, or several ("build of 'a', 'b' failed", a summary). Hash mismatches, time-outs, a
    missing output, a system that cannot be built here and lost substitutes all name the derivation, and count.
    """
    named = {match[1] for match in _DERIVATION.finditer(message)}
    if len(named) != 1:
        return None
    try:
        derivation = parse_store_path(named.pop(), SOURCE)
    except MalformedData:
        return None
    reason = message.removeprefix("error:").strip()
    return BuildFailure(derivation, _DEPENDENCY.search(message) is not None, reason[:_MAX_REASON_CHARACTERS])
