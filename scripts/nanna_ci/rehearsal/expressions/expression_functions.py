"""The functions that every expression may call.

They take their arguments unevaluated, because GitHub's runner evaluates only those that it needs: the branches of
`case` that are not taken, or an argument that a format does not name, may be in error.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from types import MappingProxyType
from typing import Final

from nanna_ci.foundation.errors import MalformedData, shorten
from nanna_ci.foundation.json_data import load_json
from nanna_ci.rehearsal.expressions.expression_tree import ArgumentCounts
from nanna_ci.rehearsal.expressions.expression_value import (
    Value,
    as_text,
    is_equal,
    is_primitive,
    upper_case,
    value_of_json,
)

MAX_TEXT = 10 * 1024 * 1024
MAX_ARGUMENTS = 255

Arguments = Sequence[Callable[[], Value]]
Function = Callable[[Arguments], Value]

_IN_FORMATS = re.compile(r"\{\{|\}\}|\{([0-9]+)\}|[{}]")
_ESCAPED_BY_NEWTONSOFT = {0x85: "\\u0085", 0x2028: "\\u2028", 0x2029: "\\u2029"}


class FunctionRefusal(Exception):
    """A function cannot answer; the message says why, without naming the function."""


def joined(parts: Sequence[str], separator: str = "") -> str:
    """Texts as one, bounded: formats of formats grow exponentially."""
    if sum(map(len, parts)) + len(separator) * len(parts) > MAX_TEXT:
        raise FunctionRefusal(f"it would give a text of more than {MAX_TEXT} characters")
    return separator.join(parts)


def _case(arguments: Arguments) -> Value:
    for condition, result in zip(arguments[:-1:2], arguments[1::2], strict=True):
        value = condition()
        if not isinstance(value, bool):
            raise FunctionRefusal(f"each condition must be true or false, and {shorten(as_text(value))} is neither")
        if value:
            return result()
    return arguments[-1]()


def _contains(arguments: Arguments) -> Value:
    searched = arguments[0]()
    if isinstance(searched, list):
        if not searched:
            return False
        wanted = arguments[1]()
        return any(is_equal(wanted, item) for item in searched)
    texts = _two_texts(searched, arguments[1])
    return texts is not None and texts[1].lower() in texts[0].lower()


def _starts_with(arguments: Arguments) -> Value:
    texts = _two_texts(arguments[0](), arguments[1])
    return texts is not None and upper_case(texts[0]).startswith(upper_case(texts[1]))


def _ends_with(arguments: Arguments) -> Value:
    texts = _two_texts(arguments[0](), arguments[1])
    return texts is not None and upper_case(texts[0]).endswith(upper_case(texts[1]))


def _two_texts(first: Value, second: Callable[[], Value]) -> tuple[str, str] | None:
    """Both as texts, or None if one of them is a list or an object."""
    if not is_primitive(first):
        return None
    other = second()
    return (as_text(first), as_text(other)) if is_primitive(other) else None


def _format(arguments: Arguments) -> Value:
    form = as_text(arguments[0]())
    values: dict[int, str] = {}
    parts, index = list[str](), 0
    for found in _IN_FORMATS.finditer(form):
        parts.append(form[index : found.start()])
        index = found.end()
        if found[0] in {"{{", "}}"}:
            parts.append(found[0][0])
        elif found[1] is None:
            raise FunctionRefusal(
                f"a {found[0]} at {found.start() + 1} in {shorten(form)}: write {found[0] * 2} or {{0}}"
            )
        else:
            number = int(found[1][:4]) + 1  # 4 digits: there are at most 255 arguments
            if number >= len(arguments):
                raise FunctionRefusal(f"{shorten(form)} asks for {found[0]}, and there is no such argument")
            if number not in values:  # else formats of formats take exponential time
                values[number] = as_text(arguments[number]())
            parts.append(values[number])
    return joined([*parts, form[index:]])


def _join(arguments: Arguments) -> Value:
    items = arguments[0]()
    if not isinstance(items, list):
        return as_text(items) if is_primitive(items) else ""
    separator = arguments[1]() if len(items) > 1 and len(arguments) > 1 else ","
    return joined([as_text(item) for item in items], as_text(separator) if is_primitive(separator) else ",")


def _to_json(arguments: Arguments) -> Value:
    return joined([json_text(arguments[0]())])


def json_text(value: Value, indent: str = "") -> str:
    """A value as toJSON writes it: two spaces a level, numbers as in texts (NaN too, which then is no JSON)."""
    if value is None:
        return "null"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).translate(_ESCAPED_BY_NEWTONSOFT)
    if not isinstance(value, list | dict):
        return as_text(value)
    inner = f"{indent}  "
    if isinstance(value, list):
        items = [json_text(item, inner) for item in value]
        begin, end = "[", "]"
    else:
        items = [f"{json_text(key)}: {json_text(item, inner)}" for key, item in value.items()]
        begin, end = "{", "}"
    between = f",\n{inner}"
    return f"{begin}\n{inner}{between.join(items)}\n{indent}{end}" if items else begin + end


def _from_json(arguments: Arguments) -> Value:
    data = as_text(arguments[0]()).encode("utf-8", "surrogatepass")
    try:
        return value_of_json(load_json(data, "its text"))
    except MalformedData as error:
        raise FunctionRefusal(str(error)) from None


FUNCTIONS: Final = MappingProxyType(
    {
        "case": (ArgumentCounts(3, MAX_ARGUMENTS, is_odd=True), _case),
        "contains": (ArgumentCounts(2, 2), _contains),
        "endswith": (ArgumentCounts(2, 2), _ends_with),
        "format": (ArgumentCounts(1, MAX_ARGUMENTS), _format),
        "fromjson": (ArgumentCounts(1, 1), _from_json),
        "join": (ArgumentCounts(1, 2), _join),
        "startswith": (ArgumentCounts(2, 2), _starts_with),
        "tojson": (ArgumentCounts(1, 1), _to_json),
    }
)
