"""Typed values as JSON and back: dataclasses of text, numbers, paths, enums, tuples and each other.

For a process of our own that runs elsewhere. Keys are the fields' names; a field with a default may be left out.
"""

from __future__ import annotations

import dataclasses
import enum
import types
import typing
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

from nanna_ci.foundation.errors import MalformedData
from nanna_ci.foundation.json_data import JsonValue, as_count, as_list, as_object, as_text, describe

Value = TypeVar("Value")


def to_json(value: object) -> Any:
    """What `json.dumps` takes, and `from_json` reads."""
    if dataclasses.is_dataclass(value):
        return {field.name: to_json(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, tuple):
        return [to_json(item) for item in value]
    if isinstance(value, enum.Enum):
        return value.value
    return str(value) if isinstance(value, Path) else value


def from_json(kind: type[Value], value: JsonValue, source: str) -> Value:
    """The dataclass that `to_json` wrote. Raises MalformedData for anything else, and for what `kind` refuses."""
    item = as_object(value, source, kind.__name__)
    hints = typing.get_type_hints(kind)
    values = {}
    for field in dataclasses.fields(kind):  # type: ignore[arg-type]
        if field.name in item or field.default is dataclasses.MISSING:
            values[field.name] = _read(hints[field.name], item.get(field.name), source, field.name)
    try:
        return kind(**values)
    except ValueError as error:
        raise MalformedData(source, str(error)) from None


def _read(hint: Any, value: JsonValue, source: str, what: str) -> Any:
    arguments: Sequence[Any] = typing.get_args(hint)
    if isinstance(hint, types.UnionType):  # with None: there is no other
        return None if value is None else _read(arguments[0], value, source, what)
    if typing.get_origin(hint) is tuple:
        return tuple(_read(arguments[0], item, source, what) for item in as_list(value, source, what))
    if dataclasses.is_dataclass(hint):
        return from_json(hint, value, source)  # type: ignore[arg-type]
    if hint is int:
        return as_count(value, source, what)
    if hint is float:
        return _number(value, source, what)
    if hint not in (str, Path) and not issubclass(hint, enum.Enum):
        raise TypeError(f"{what} is {hint}, which is not carried")
    try:
        return hint(as_text(value, source, what))
    except ValueError as error:
        raise MalformedData(source, str(error)) from None


def _number(value: JsonValue, source: str, what: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
        raise MalformedData(source, f"{what} is {describe(value)}, not a number of 0 or more")
    return float(value)
