"""The values of GitHub's expressions, and how each kind is read as text, as a number and as true or false."""

from __future__ import annotations

import math

Value = None | bool | float | str | list["Value"] | dict[str, "Value"]


class CaseSensitiveObject(dict[str, Value]):
    """An object whose properties are looked up as they are written: `env` on Linux and macOS.

    Every other object ignores the case of its properties.
    """


def as_text(value: Value) -> str:
    """A value as GitHub puts it into text: null is empty, and lists and objects give the names of their kinds."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return "Array"
    if isinstance(value, dict):
        return "Object"
    return f"{value:.15g}"


def is_truthy(value: Value) -> bool:
    """Whether a value counts as true: all but null, false, 0, NaN and the empty text."""
    if value is None or isinstance(value, bool):
        return bool(value)
    if isinstance(value, float | int):
        return value != 0 and not math.isnan(value)
    return value != "" if isinstance(value, str) else True
