"""Expressions of a workflow, evaluated: alone, inside of text, and as the condition of a job or a step."""

from __future__ import annotations

import enum
import functools
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from nanna_ci.foundation.errors import MalformedData, shorten
from nanna_ci.rehearsal.expressions.expression_functions import (
    FUNCTIONS,
    MAX_ARGUMENTS,
    Arguments,
    Function,
    FunctionRefusal,
    joined,
)
from nanna_ci.rehearsal.expressions.expression_tokens import MAX_LENGTH, refuse
from nanna_ci.rehearsal.expressions.expression_tree import (
    ArgumentCounts,
    CallNode,
    ChainNode,
    ComparisonNode,
    ContextNode,
    IndexNode,
    LiteralNode,
    Node,
    NotNode,
    parts_of,
    read_expression,
)
from nanna_ci.rehearsal.expressions.expression_value import (
    FilteredList,
    Value,
    as_text,
    is_equal,
    is_greater,
    is_truthy,
    item_of,
    property_of,
)

STATUS_FUNCTIONS = frozenset({"success", "failure", "cancelled", "always"})

_OPENING = "${{"
_EXPRESSION = re.compile(r"\$\{\{((?:'[^']*'|[^'])*?)\}\}")  # a }} inside of quotes ends nothing
_QUOTED = re.compile(r"'((?:[^']|'')*)'")


class JobStatus(enum.Enum):
    """What success(), failure(), cancelled() and always() answer from.

    SKIPPED: of a job that waits for one that was skipped; neither success() nor failure() holds there.
    """

    SUCCESS = "success"
    FAILURE = "failure"
    CANCELLED = "cancelled"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Scope:
    """What an expression may refer to where it stands.

    `contexts` by name (github, env, …). Without `status` the functions success, failure, cancelled and always are
    refused, without `hash_files` the function hashFiles, as GitHub refuses them in most places.
    """

    contexts: Mapping[str, Value]
    status: JobStatus | None = None
    hash_files: Callable[[Sequence[str]], str] | None = None


def evaluate(source: str, scope: Scope) -> Value:
    """The value of one expression, written without `${{ }}`.

    Raises:
        MalformedData: naming the expression and the place in it, for bad syntax, an unknown context or function, and
            functions that refuse their arguments. A property that a context lacks is null.
    """
    return _Expression(source, scope).evaluate()


def interpolate(text: str, scope: Scope) -> Value:
    """`${{ x }}` alone gives the value of x; text with expressions in it gives text.

    Raises:
        MalformedData: as `evaluate` does, for a `${{` without an end, and for text that is longer than GitHub allows
            where expressions stand in it.
    """
    return _value_of_parts(text, _parsed_parts(text, scope))


def holds(condition: str | None, scope: Scope) -> bool:
    """Whether an `if` is true, written with or without `${{ }}`; None stands for none at all.

    As on GitHub, a condition that calls no status function is `success() && (…)`; and one with anything around its
    `${{ }}`, be it a line's end, is a text and thus true. The scope must have a status.

    Raises:
        MalformedData: as `interpolate` does.
    """
    assert scope.status is not None, "an if depends on a status"
    source, parts = _parsed_condition(condition, scope)
    if not any(part.asks_for_status() for part in parts if not isinstance(part, str)):
        return scope.status is JobStatus.SUCCESS and (not parts or is_truthy(_value_of_parts(source, parts)))
    return is_truthy(_value_of_parts(source, parts))


def check_text(text: str, scope: Scope) -> None:
    """Raise MalformedData as `interpolate` does for what can be seen without values: only the names in `scope` count.

    A status or a function for hashFiles in the scope says that its functions may be called there.
    """
    _parsed_parts(text, scope)


def check_condition(condition: str | None, scope: Scope) -> None:
    """Raise MalformedData as `holds` does, for what can be seen without values."""
    _parsed_condition(condition, scope)


class _Expression:
    """One expression and the scope that it stands in, parsed at once."""

    def __init__(self, source: str, scope: Scope, *, level: int = 1) -> None:
        self.source = source
        self.scope = scope
        self.contexts = {name.lower(): value for name, value in scope.contexts.items()}
        self.functions = {**FUNCTIONS, **_functions_of(scope)}
        counts = {name: counts for name, (counts, _) in self.functions.items()}
        self.node = read_expression(source, self.contexts, counts, level=level)

    def asks_for_status(self) -> bool:
        return any(isinstance(part, CallNode) and part.name in STATUS_FUNCTIONS for part in parts_of(self.node))

    def evaluate(self) -> Value:
        return self.value(self.node)

    def value(self, node: Node) -> Value:
        match node:
            case LiteralNode():
                return node.value
            case ContextNode():
                return self.contexts[node.name.lower()]
            case IndexNode():
                return self.indexed(node)
            case CallNode():
                return self.called(node)
            case NotNode():
                return not is_truthy(self.value(node.value))
            case ComparisonNode():
                return _compared(node.operator, self.value(node.left), self.value(node.right))
            case ChainNode():
                return self.chained(node)

    def chained(self, node: ChainNode) -> Value:
        """The operand that decides: the first that is false for &&, the first that is true for ||, else the last."""
        value: Value = None
        for operand in node.operands:
            value = self.value(operand)
            if is_truthy(value) == (node.operator == "||"):
                break
        return value

    def indexed(self, node: IndexNode) -> Value:
        value = self.value(node.value)
        if not isinstance(value, list | dict):
            return FilteredList() if node.index is None else None
        if isinstance(value, FilteredList):
            if node.index is None:
                return FilteredList(item for one in value for item in _items(one))
            index = self.value(node.index)
            return FilteredList(item for one in value for item, is_there in [_member(one, index)] if is_there)
        return FilteredList(_items(value)) if node.index is None else _member(value, self.value(node.index))[0]

    def called(self, node: CallNode) -> Value:
        _, function = self.functions[node.name]
        try:
            return function([functools.partial(self.value, argument) for argument in node.arguments])
        except FunctionRefusal as refusal:
            refuse(self.source, node.position, f"{self.source[node.position - 1 :][: len(node.name)]}: {refusal}")


def _functions_of(scope: Scope) -> dict[str, tuple[ArgumentCounts, Function]]:
    """The functions that are there only in this scope."""
    functions: dict[str, tuple[ArgumentCounts, Function]] = {}
    if scope.status is not None:
        none = ArgumentCounts(0, 0)
        functions["always"] = (none, lambda _: True)
        for name, status in (
            ("success", JobStatus.SUCCESS),
            ("failure", JobStatus.FAILURE),
            ("cancelled", JobStatus.CANCELLED),
        ):
            functions[name] = (none, functools.partial(_is_status, scope.status, status))
    if scope.hash_files is not None:
        functions["hashfiles"] = (
            ArgumentCounts(1, MAX_ARGUMENTS),
            functools.partial(_hash_files, scope.hash_files),
        )
    return functions


def _is_status(status: JobStatus, wanted: JobStatus, _: Arguments) -> bool:
    return status is wanted


def _hash_files(hash_files: Callable[[Sequence[str]], str], arguments: Arguments) -> str:
    return hash_files([as_text(argument()) for argument in arguments])


def _compared(operator: str, left: Value, right: Value) -> bool:
    match operator:
        case "==" | "!=":
            return is_equal(left, right) == (operator == "==")
        case ">" | ">=":
            return is_greater(left, right) or (operator == ">=" and is_equal(left, right))
        case _:
            return is_greater(right, left) or (operator == "<=" and is_equal(left, right))


def _items(value: Value) -> Iterator[Value]:
    if isinstance(value, list):
        yield from value
    elif isinstance(value, dict):
        yield from value.values()


def _member(value: Value, index: Value) -> tuple[Value, bool]:
    """A property of an object or an item of a list, and whether it is there."""
    if isinstance(value, dict) and not isinstance(index, list | dict):
        return property_of(value, as_text(index))
    return item_of(value, index) if isinstance(value, list) else (None, False)


def _parsed_parts(text: str, scope: Scope) -> list[str | _Expression]:
    """Literal text and expressions, in order; empty texts are left out."""
    if text.find(_OPENING) < 0:
        return [text]
    sources, index = list[tuple[str, bool]](), 0
    while (begin := text.find(_OPENING, index)) >= 0:
        found = _EXPRESSION.match(text, begin)
        if not found:
            raise MalformedData(f"text {shorten(text)}", f"no }}}} ends the expression at position {begin + 1}")
        sources += [(text[index:begin], False), (found[1].strip(), True)]
        if not sources[-1][0]:
            raise MalformedData(f"text {shorten(text)}", f"the expression at position {begin + 1} is empty")
        index = found.end()
    sources = [part for part in [*sources, (text[index:], False)] if part[0]]
    if len(sources) > 1:
        _check_limits(text, sources)
    level = 1 if len(sources) == 1 else 2
    return [_Expression(part, scope, level=level) if is_expression else part for part, is_expression in sources]


def _check_limits(text: str, parts: Sequence[tuple[str, bool]]) -> None:
    """GitHub makes one call of format out of a text with expressions in it, which has the limits of an expression."""
    expressions = [part for part, is_expression in parts if is_expression]
    literal = "".join(part for part, is_expression in parts if not is_expression)
    length = len("format('')") + len(literal) + sum(map(literal.count, "{}'"))
    length += sum(len(f"{{{index}}}, {part}") for index, part in enumerate(expressions))
    if length > MAX_LENGTH or len(expressions) >= MAX_ARGUMENTS:
        limit = (
            f"GitHub makes one expression out of it, and reads {MAX_LENGTH} characters, {MAX_ARGUMENTS - 1} arguments"
        )
        raise MalformedData(f"text {shorten(text)}", f"{length} characters, {len(expressions)} expressions: {limit}")


def _parsed_condition(condition: str | None, scope: Scope) -> tuple[str, list[str | _Expression]]:
    """What a condition is evaluated from, and its parts; none: it is always true."""
    text = condition or ""
    parts = _parsed_parts(text, scope) if _OPENING in text else []
    if len(parts) == 1 and (quoted := _QUOTED.fullmatch(text[3:-2].strip())):
        text, parts = quoted[1].replace("''", "'"), []  # GitHub takes ${{ 'x' }} for the text x
    if not parts and text.strip():
        parts = [_Expression(text, scope)]
    return text, parts


def _value_of_parts(text: str, parts: Sequence[str | _Expression]) -> Value:
    values = [part if isinstance(part, str) else part.evaluate() for part in parts]
    if len(values) == 1:
        return values[0]
    try:
        return joined([as_text(value) for value in values])
    except FunctionRefusal as refusal:
        raise MalformedData(f"text {shorten(text)}", str(refusal)) from None
