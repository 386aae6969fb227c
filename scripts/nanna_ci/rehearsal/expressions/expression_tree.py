"""Expressions as trees, read by the precedence of their operators."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import NoReturn

from nanna_ci.foundation.errors import shorten
from nanna_ci.rehearsal.expressions.expression_tokens import Word, WordKind, refuse, words_of
from nanna_ci.rehearsal.expressions.expression_value import Value

MAX_DEPTH = 50
_COMPARISONS = (("==", "!="), ("<", "<=", ">", ">="))  # what binds more comes last


@dataclass(frozen=True, slots=True)
class LiteralNode:
    """A value as it is written."""

    value: Value


@dataclass(frozen=True, slots=True)
class ContextNode:
    """A context by its name."""

    name: str


@dataclass(frozen=True, slots=True)
class IndexNode:
    """A property or an item of `value`; `index` is None for `*`."""

    value: Node
    index: Node | None


@dataclass(frozen=True, slots=True)
class CallNode:
    """A function by its name in small letters."""

    name: str
    arguments: tuple[Node, ...]
    position: int


@dataclass(frozen=True, slots=True)
class NotNode:
    """`!`"""

    value: Node


@dataclass(frozen=True, slots=True)
class ComparisonNode:
    """One of ==, !=, <, <=, > and >=."""

    operator: str
    left: Node
    right: Node


@dataclass(frozen=True, slots=True)
class ChainNode:
    """Operands between && or between ||: two or more."""

    operator: str
    operands: tuple[Node, ...]


Node = LiteralNode | ContextNode | IndexNode | CallNode | NotNode | ComparisonNode | ChainNode


@dataclass(frozen=True, slots=True)
class ArgumentCounts:
    """How many arguments a function takes; `is_odd`: only odd numbers of them."""

    least: int
    most: int
    is_odd: bool = False


def read_expression(
    source: str, contexts: Collection[str], functions: Mapping[str, ArgumentCounts], *, level: int = 1
) -> Node:
    """The tree of an expression. The names of contexts ignore case; those of functions are given in small letters.

    `level`: the one on which the expression stands, if it is part of another.

    Raises:
        MalformedData: for bad syntax, nothing at all, more than 50 levels, and names that are not there.
    """
    return _Reader(source, {name.lower() for name in contexts}, functions).read(level)


def parts_of(node: Node) -> Iterator[Node]:
    """A node and all below it."""
    yield node
    for child in _children(node):
        yield from parts_of(child)


def _children(node: Node) -> tuple[Node, ...]:
    match node:
        case LiteralNode() | ContextNode():
            return ()
        case IndexNode():
            return (node.value,) if node.index is None else (node.value, node.index)
        case CallNode():
            return node.arguments
        case NotNode():
            return (node.value,)
        case ComparisonNode():
            return node.left, node.right
        case ChainNode():
            return node.operands


class _Reader:
    """Reads the words once, from left to right.

    Every reader of a part takes the level on which the part stands, so that no input can exhaust Python's stack.
    """

    def __init__(self, source: str, contexts: Collection[str], functions: Mapping[str, ArgumentCounts]) -> None:
        self.source = source
        self.contexts = contexts
        self.functions = functions
        self.words = words_of(source)
        self.index = 0

    def read(self, level: int) -> Node:
        node = self.expression(level)
        if self.next.kind is not WordKind.END:
            self.refuse_next()
        # what stands to the left, as in (a.b.c).d == e == f, is deeper in the tree than it was while it was read
        nodes: tuple[Node, ...] = (node,)
        while nodes:
            self.enter(level)
            nodes = tuple(child for one in nodes for child in _children(one))
            level += 1
        return node

    @property
    def next(self) -> Word:
        return self.words[self.index]

    def took(self, *operators: str) -> Word | None:
        word = self.next
        if not word.is_operator(*operators):
            return None
        self.index += 1
        return word

    def require(self, operator: str) -> None:
        if not self.took(operator):
            self.refuse_next()

    def refuse_next(self) -> NoReturn:
        word = self.next
        problem = "it ends too early" if word.kind is WordKind.END else f"unexpected {shorten(word.text)}"
        refuse(self.source, word.position, problem)

    def enter(self, level: int) -> int:
        if level > MAX_DEPTH:
            refuse(self.source, self.next.position, f"nested deeper than the {MAX_DEPTH} levels that GitHub reads")
        return level

    def expression(self, level: int) -> Node:
        return self.chain("||", self.enter(level))

    def chain(self, operator: str, level: int) -> Node:
        first = self.chain("&&", level) if operator == "||" else self.comparison(0, level)
        operands = [first]
        if self.next.is_operator(operator):
            level = self.enter(level + 1)
        while self.took(operator):
            operands.append(self.chain("&&", level) if operator == "||" else self.comparison(0, level))
        return ChainNode(operator, tuple(operands)) if len(operands) > 1 else first

    def comparison(self, precedence: int, level: int) -> Node:
        if precedence == len(_COMPARISONS):
            return self.negation(level)
        node = self.comparison(precedence + 1, level)
        while operator := self.took(*_COMPARISONS[precedence]):
            node = ComparisonNode(operator.text, node, self.comparison(precedence + 1, level))
        return node

    def negation(self, level: int) -> Node:
        if self.took("!"):
            return NotNode(self.negation(self.enter(level + 1)))
        return self.indexed(level)

    def indexed(self, level: int) -> Node:
        can_be_indexed = self.next.kind is WordKind.NAME or self.next.is_operator("(")
        node = self.primary(level)
        while can_be_indexed and (operator := self.took("[", ".")):
            index: Node | None
            if self.took("*"):
                index = None
            elif operator.text == "[":
                index = self.expression(level + 1)
            else:
                index = self.property_name()
            if operator.text == "[":
                self.require("]")
            node = IndexNode(node, index)
        return node

    def property_name(self) -> LiteralNode:
        word = self.next
        if word.kind is not WordKind.NAME:
            self.refuse_next()
        self.index += 1
        return LiteralNode(word.text)

    def primary(self, level: int) -> Node:
        if self.took("("):
            node = self.expression(level + 1)
            self.require(")")
            return node
        word = self.next
        if word.kind not in {WordKind.LITERAL, WordKind.NAME}:
            self.refuse_next()
        self.index += 1
        if word.kind is WordKind.LITERAL:
            return LiteralNode(word.value)
        if self.took("("):
            return self.call(word, level)
        if word.text.lower() not in self.contexts:
            refuse(self.source, word.position, f"no context {shorten(word.text)} is known here")
        return ContextNode(word.text)

    def call(self, word: Word, level: int) -> Node:
        arguments: list[Node] = []
        if not self.took(")"):
            arguments.append(self.expression(level + 1))
            while self.took(","):
                arguments.append(self.expression(level + 1))
            self.require(")")
        name = word.text.lower()
        counts = self.functions.get(name)
        if counts is None:
            refuse(self.source, word.position, f"no function {shorten(word.text)} is known here")
        self.check_count(word, counts, len(arguments))
        return CallNode(name, tuple(arguments), word.position)

    def check_count(self, word: Word, counts: ArgumentCounts, count: int) -> None:
        if not counts.least <= count <= counts.most:
            expected = f"{counts.least}" if counts.least == counts.most else f"{counts.least} to {counts.most}"
            refuse(self.source, word.position, f"{word.text} takes {expected} arguments, not {count}")
        if counts.is_odd and count % 2 == 0:
            refuse(self.source, word.position, f"{word.text} takes an odd number of arguments, not {count}")
