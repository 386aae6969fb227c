"""The values of GitHub's expressions: as text, as numbers, true or false, compared, and what they hold."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

from nanna_ci.foundation.json_data import JsonValue

Value = None | bool | float | str | list["Value"] | dict[str, "Value"]

_JS_WHITESPACE = "\t\n\v\f\r \u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff"
_AROUND = re.compile(rf"\A[{_JS_WHITESPACE}]+|[{_JS_WHITESPACE}]+\Z")
_DECIMAL = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?", re.ASCII)
_SMALL_DOTLESS_I = "\u0131"


class CaseSensitiveObject(dict[str, Value]):
    """An object whose properties are looked up as they are written: `env` on Linux and macOS.

    Every other object ignores the case of its properties.
    """


class FilteredList(list[Value]):
    """What `.*` gives: a property or an index of it is taken of each item that has one."""


def value_of_json(data: JsonValue) -> Value:
    """JSON as a value. Of keys that differ only in case, the first gives the name and the last the value."""
    if data is None or isinstance(data, bool | str):
        return data
    if isinstance(data, int | float):
        return _float_of(data)
    if isinstance(data, Mapping):
        names: dict[str, str] = {}
        return {names.setdefault(key.lower(), key): value_of_json(item) for key, item in data.items()}
    return [value_of_json(item) for item in data]


def as_text(value: Value) -> str:
    """A value as GitHub puts it into text: null is empty, and lists and objects give the names of their kinds.

    Numbers have 15 significant digits, as .NET's G15 writes them: 1E+15, 0.1, -1.5E-07.
    """
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
    if math.isfinite(value):
        return f"{value:.15g}".replace("e", "E") if value else "0"
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def as_number(value: Value) -> float:
    """A value as a number: null is 0, lists and objects are NaN."""
    if value is None:
        return 0.0
    if isinstance(value, str):
        return number_of_text(value)
    return math.nan if isinstance(value, list | dict) else _float_of(value)


def number_of_text(text: str) -> float:
    """A text as a number: decimal, 0x… and 0o… of 32 signed bits, Infinity. Empty text is 0, anything else is NaN."""
    text = _AROUND.sub("", text)
    if not text:
        return 0.0
    if _DECIMAL.fullmatch(text):
        return float(text)
    for prefix, base, digits in (("0x", 16, r"[0-9a-fA-F]+"), ("0o", 8, r"[0-7]+")):
        if text.startswith(prefix) and re.fullmatch(digits, text[2:]):
            number = int(text[2:], base)
            return math.nan if number >= 1 << 32 else float(number if number < 1 << 31 else number - (1 << 32))
    infinities = {"Infinity": math.inf, "+Infinity": math.inf, "-Infinity": -math.inf}
    return infinities.get(text, math.nan)


def is_truthy(value: Value) -> bool:
    """Whether a value counts as true: all but null, false, 0, NaN and the empty text."""
    if value is None or isinstance(value, bool):
        return bool(value)
    if isinstance(value, float | int):
        return value != 0 and not math.isnan(value)
    return value != "" if isinstance(value, str) else True


def is_primitive(value: Value) -> bool:
    """Whether a value is neither a list nor an object."""
    return not isinstance(value, list | dict)


def is_equal(left: Value, right: Value) -> bool:
    """`==`: texts ignore case, kinds that differ are compared as numbers, lists and objects equal only themselves."""
    left, right = _coerced(left, right)
    if isinstance(left, list | dict) or isinstance(right, list | dict):
        return left is right
    if isinstance(left, str) and isinstance(right, str):
        return upper_case(left) == upper_case(right)
    return left == right  # both null, both booleans or both numbers: NaN equals nothing


def is_greater(left: Value, right: Value) -> bool:
    """`>`; `<` is the same with its sides exchanged."""
    left, right = _coerced(left, right)
    if isinstance(left, str) and isinstance(right, str):
        return _utf16(upper_case(left)) > _utf16(upper_case(right))
    if isinstance(left, int | float) and isinstance(right, int | float):
        return left > right
    return False


def upper_case(text: str) -> str:
    """What texts are compared by. The small dotless i stays, or it would equal an i."""
    return _SMALL_DOTLESS_I.join(part.upper() for part in text.split(_SMALL_DOTLESS_I))


def property_of(value: dict[str, Value], name: str) -> tuple[Value, bool]:
    """A property of an object, and whether it is there."""
    if name in value:
        return value[name], True
    if isinstance(value, CaseSensitiveObject):
        return None, False
    wanted = name.lower()
    for key, item in value.items():
        if key.lower() == wanted:
            return item, True
    return None, False


def item_of(value: list[Value], index: Value) -> tuple[Value, bool]:
    """An item of a list, and whether there is one; the index is rounded down."""
    number = as_number(index)
    if not 0 <= number < len(value):
        return None, False
    return value[math.floor(number)], True


def _coerced(left: Value, right: Value) -> tuple[Value, Value]:
    """Both sides as they are compared: null and booleans beside another kind are numbers, and so is text beside one."""
    if _kind(left) == _kind(right):
        return left, right
    if left is None or isinstance(left, bool):
        return _coerced(as_number(left), right)
    if right is None or isinstance(right, bool):
        return _coerced(left, as_number(right))
    if is_primitive(left) and is_primitive(right):
        return as_number(left), as_number(right)
    return left, right


def _kind(value: Value) -> type:
    for kind in (bool, str, list, dict):
        if isinstance(value, kind):
            return kind
    return type(None) if value is None else float


def _utf16(text: str) -> bytes:
    return text.encode("utf-16-be", "surrogatepass")  # JavaScript and .NET order by these units, not by characters


def _float_of(number: float) -> float:
    try:
        return float(number)
    except OverflowError:  # an int of JSON that is larger than any float
        return math.inf if number > 0 else -math.inf
