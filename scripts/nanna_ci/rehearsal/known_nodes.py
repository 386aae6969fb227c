"""Nodes of a workflow as what they must be: mappings with known keys, lists of names, values with their expressions."""

from __future__ import annotations

from collections.abc import Iterable

from nanna_ci.foundation.errors import MalformedData, shorten
from nanna_ci.rehearsal.expressions.expression import Scope
from nanna_ci.rehearsal.expressions.expression_value import Value
from nanna_ci.rehearsal.yaml_values import node_value
from nanna_ci.workflow.yaml_nodes import ScalarStyle, YamlMapping, YamlNode, YamlScalar, YamlSequence


def evaluated(node: YamlNode, scope: Scope, path: str) -> Value:
    """The value of a node, with all expressions in it; MalformedData names the line at which the node begins."""
    try:
        return node_value(node, scope)
    except MalformedData as error:
        raise at_line(error, path, node.line) from None


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
