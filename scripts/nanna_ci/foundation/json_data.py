"""JSON from outside, checked while it is read: strict, bounded, and with errors that name the line."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import NoReturn

from nanna_ci.foundation.errors import MalformedData, shorten

JsonValue = None | bool | int | float | str | Sequence["JsonValue"] | Mapping[str, "JsonValue"]
JsonObject = Mapping[str, JsonValue]

MAX_DEPTH = 64
MAX_BYTES = 256 * 1024 * 1024
_DIGITS_ALIKE = bytes.maketrans(b"123456789E", b"000000000e")
_LARGE_NUMBERS = (b"0e000", b"0e+000", b"0" * 200)  # 10^200 times 10^99 still is a float


def load_json(data: bytes, source: str, *, every_value_checked: bool = False) -> JsonValue:
    """Read one JSON document of UTF-8, at most 256 MiB and 64 levels deep.

    `every_value_checked`: the caller refuses each value whose type it does not expect, each key that it does not know,
    and texts with half of a surrogate pair; then nothing is looked at twice.

    Raises:
        MalformedData: for anything else, and for NaN, infinities, repeated keys, numbers too long to read, and halves
            of surrogate pairs (they are not text, and would fail later, on output).
    """
    if len(data) > MAX_BYTES:
        raise MalformedData(source, f"{len(data)} bytes of JSON, more than the {MAX_BYTES} that are read")
    try:
        value: JsonValue = json.loads(
            data.decode("utf-8"),
            object_pairs_hook=_object_without_repeats,
            parse_constant=_refuse_constant,
            parse_float=_finite if _may_overflow(data) else float,
        )
    except json.JSONDecodeError as error:
        raise MalformedData(source, f"line {error.lineno} column {error.colno}: {error.msg}") from None
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise MalformedData(source, f"line {line}: not UTF-8 ({error.reason})") from None
    except RecursionError:
        raise MalformedData(source, f"nested deeper than {MAX_DEPTH} levels") from None
    except ValueError as error:
        raise MalformedData(source, str(error)) from None
    if not every_value_checked:
        _check_depth_and_text(value, source, has_escapes=b"\\u" in data)
    return value


def as_object(value: JsonValue, source: str, what: str) -> JsonObject:
    """`value`, which must be an object; `what` names it in the error."""
    if not isinstance(value, Mapping):
        raise MalformedData(source, f"{what} is {describe(value)}, not an object")
    return value


def as_list(value: JsonValue, source: str, what: str) -> Sequence[JsonValue]:
    """`value`, which must be an array."""
    if not isinstance(value, list):
        raise MalformedData(source, f"{what} is {describe(value)}, not an array")
    return value


def as_text(value: JsonValue, source: str, what: str) -> str:
    """`value`, which must be a string."""
    if not isinstance(value, str):
        raise MalformedData(source, f"{what} is {describe(value)}, not a string")
    return value


def as_texts(value: JsonValue, source: str, what: str) -> tuple[str, ...]:
    """`value`, which must be an array of strings."""
    return tuple(as_text(item, source, f"{what}[{index}]") for index, item in enumerate(as_list(value, source, what)))


def as_count(value: JsonValue, source: str, what: str) -> int:
    """`value`, which must be a whole number of 0 or more."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise MalformedData(source, f"{what} is {describe(value)}, not a number of 0 or more")
    return value


def describe(value: JsonValue) -> str:
    """A JSON value for an error message, never long."""
    if isinstance(value, str):
        return shorten(value)
    if isinstance(value, Mapping):
        return "an object"
    if isinstance(value, list):
        return "an array"
    return shorten(json.dumps(value))


def _object_without_repeats(pairs: list[tuple[str, JsonValue]]) -> dict[str, JsonValue]:
    result = dict(pairs)
    if len(result) != len(pairs):
        seen: set[str] = set()
        repeated = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise ValueError(f"the key {shorten(repeated)} occurs twice in one object")
    return result


def _finite(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise ValueError(f"{shorten(text)} is larger than a number can be")
    return value


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _may_overflow(data: bytes) -> bool:
    """Whether a number could be too large for a float: it has an exponent of three digits, or 200 digits.

    A call for each number would be a third of the time that reading takes.
    """
    shape = data.translate(_DIGITS_ALIKE)
    return any(form in shape for form in _LARGE_NUMBERS)


def _check_depth_and_text(value: JsonValue, source: str, *, has_escapes: bool) -> None:
    """Level by level. Only an escape (`\\ud800`) gives half of a surrogate pair: without any, no text is looked at."""
    level, depth = [value], 0
    while level:
        below: list[JsonValue] = []
        for item in level:
            if isinstance(item, str):
                _check_text(item, source)
            elif isinstance(item, dict | list):
                if depth == MAX_DEPTH:
                    raise MalformedData(source, f"nested deeper than {MAX_DEPTH} levels")
                inside = item.values() if isinstance(item, dict) else item
                if not has_escapes:
                    below.extend([one for one in inside if isinstance(one, dict | list)])
                    continue
                below.extend(inside)
                for key in item if isinstance(item, dict) else ():
                    _check_text(key, source)
        level, depth = below, depth + 1


def _check_text(text: str, source: str) -> None:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise MalformedData(source, f"{shorten(text)} holds half of a surrogate pair") from None
