"""A workflow's YAML as values of expressions: scalars get their types, and what is written as `${{ }}` is evaluated."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from nanna_ci.foundation.errors import MalformedData, shorten
from nanna_ci.rehearsal.expressions.expression import Scope, interpolate
from nanna_ci.rehearsal.expressions.expression_value import Value
from nanna_ci.workflow.yaml_nodes import ScalarStyle, YamlMapping, YamlNode, YamlScalar, YamlSequence

_NULL: Final = frozenset({"", "null", "Null", "NULL", "~"})
_TRUE: Final = frozenset({"true", "True", "TRUE"})
_FALSE: Final = frozenset({"false", "False", "FALSE"})
_NUMBER: Final = re.compile(r"[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?")
_WHOLE: Final = re.compile(r"0x[0-9a-fA-F]+|0o[0-7]+")


def typed(scalar: YamlScalar) -> Value:
    """What a scalar means in YAML's core schema, which GitHub reads: quoted and block scalars are always text."""
    text = scalar.text
    if scalar.style not in (ScalarStyle.PLAIN, ScalarStyle.EMPTY):
        return text
    if text in _NULL:
        return None
    if text in _TRUE or text in _FALSE:
        return text in _TRUE
    if _NUMBER.fullmatch(text):
        return float(text)
    return float(int(text, 0)) if _WHOLE.fullmatch(text) else text


def evaluated(node: YamlNode, scope: Scope, path: str) -> Value:
    """The value of a node, with all expressions in it; MalformedData names the line of the one that is wrong."""
    match node:
        case YamlScalar():
            value = typed(node)
            if not isinstance(value, str) or "${{" not in value:
                return value
            try:
                return interpolate(value, scope)
            except MalformedData as error:
                raise at_line(error, path, node.line) from None
        case YamlSequence():
            return [evaluated(item, scope, path) for item in node.items]
        case YamlMapping():
            return {key.text: evaluated(value, scope, path) for key, value in node.entries}


def at_line(error: MalformedData, path: str, line: int) -> MalformedData:
    """The error with the place in the workflow before it."""
    return MalformedData(f"{path}:{line}", error.message, hint=error.hint)


def refuse_others(mapping: YamlMapping, known: Iterable[str], path: str, what: str) -> None:
    """MalformedData for the first key that is not known: a construct that is left out would change what runs."""
    names = frozenset(known)
    for key, _ in mapping.entries:
        if key.text not in names:
            raise MalformedData(
                f"{path}:{key.line}",
                f"{what} has the key {shorten(key.text)}, which the rehearsal does not know",
                hint=f"it knows {', '.join(sorted(names))}",
            )


def mapping_at(node: YamlNode, path: str, what: str) -> YamlMapping:
    """The node, which must be a mapping; a value that is not there is an empty one."""
    if isinstance(node, YamlScalar) and node.style is ScalarStyle.EMPTY:
        return YamlMapping((), is_flow=False, line=node.line, column=node.column)
    if not isinstance(node, YamlMapping):
        raise MalformedData(f"{path}:{node.line}", f"{what} is not a mapping of keys to values")
    return node


def scalar_at(node: YamlNode, path: str, what: str) -> YamlScalar:
    """The node, which must be a scalar."""
    if not isinstance(node, YamlScalar):
        raise MalformedData(f"{path}:{node.line}", f"{what} is not one value")
    return node


def names_at(node: YamlNode | None, path: str, what: str) -> tuple[str, ...]:
    """One name, or a list of names; nothing where there is no node."""
    if node is None:
        return ()
    items = node.items if isinstance(node, YamlSequence) else (node,)
    return tuple(scalar_at(item, path, what).text for item in items)
