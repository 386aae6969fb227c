"""What a plain YAML scalar means to GitHub, and nodes of a workflow with their expressions evaluated."""

from __future__ import annotations

import re
from typing import Final

from nanna_ci.rehearsal.expressions.expression import Scope, interpolate
from nanna_ci.rehearsal.expressions.expression_value import Value, as_text
from nanna_ci.workflow.yaml_nodes import ScalarStyle, YamlMapping, YamlNode, YamlScalar, YamlSequence

_NULLS: Final = frozenset({"", "~", "null", "Null", "NULL"})
_TRUE: Final = frozenset({"true", "True", "TRUE"})
_FALSE: Final = frozenset({"false", "False", "FALSE"})
_NUMBER: Final = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_OTHER_BASES: Final = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_SPECIAL: Final = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")


def scalar_value(scalar: YamlScalar) -> Value:
    """A scalar as YAML's core schema reads it: `3.10` is a number, and as text 3.1; what is quoted is text."""
    text = scalar.text
    if scalar.style not in {ScalarStyle.PLAIN, ScalarStyle.EMPTY}:
        return text
    if text in _NULLS:
        return None
    if text in _TRUE or text in _FALSE:
        return text in _TRUE
    if _NUMBER.fullmatch(text):
        return float(text)
    if _OTHER_BASES.fullmatch(text):
        return float(int(text, 0))
    if _SPECIAL.fullmatch(text):
        return float(text.lower().replace(".", ""))
    return text


def node_value(node: YamlNode | None, scope: Scope) -> Value:
    """A node and all below it, each `${{ }}` in it evaluated. Raises MalformedData as `interpolate` does."""
    match node:
        case None:
            return None
        case YamlScalar():
            value = scalar_value(node)
            return interpolate(value, scope) if isinstance(value, str) and "${{" in value else value
        case YamlSequence():
            return [node_value(item, scope) for item in node.items]
        case YamlMapping():
            return {as_text(node_value(key, scope)): node_value(value, scope) for key, value in node.entries}


def node_text(node: YamlNode | None, scope: Scope) -> str:
    """`node_value` as text."""
    return as_text(node_value(node, scope))
