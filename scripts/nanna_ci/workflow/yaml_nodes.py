"""What a YAML file holds, with the place of everything: lines and columns count from 1."""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping
from dataclasses import dataclass


class ScalarStyle(enum.Enum):
    """How a scalar is written. EMPTY: a value that is not there, as after `pull_request:`."""

    EMPTY = "empty"
    PLAIN = "plain"
    SINGLE_QUOTED = "single-quoted"
    DOUBLE_QUOTED = "double-quoted"
    LITERAL = "literal"
    FOLDED = "folded"


@dataclass(frozen=True, slots=True)
class YamlScalar:
    """A text; what it means (a number, true) is for its reader. `line` is where it begins."""

    text: str
    style: ScalarStyle
    line: int
    column: int


@dataclass(frozen=True, slots=True)
class YamlSequence:
    """A list; `is_flow`: written in brackets."""

    items: tuple[YamlNode, ...]
    is_flow: bool
    line: int
    column: int


@dataclass(frozen=True, slots=True)
class YamlMapping:
    """Keys and values in the order of the file, no key twice; `is_flow`: written in braces."""

    entries: tuple[tuple[YamlScalar, YamlNode], ...]
    is_flow: bool
    line: int
    column: int

    def get(self, name: str) -> YamlNode | None:
        """The value of a key, or None."""
        return next((value for key, value in self.entries if key.text == name), None)

    def key(self, name: str) -> YamlScalar | None:
        """The key itself, for its place, or None."""
        return next((key for key, _ in self.entries if key.text == name), None)

    def text(self, name: str) -> str | None:
        """The value of a key if it is a scalar, else None."""
        value = self.get(name)
        return value.text if isinstance(value, YamlScalar) else None

    def mapping(self, name: str) -> YamlMapping | None:
        """The value of a key if it is a mapping, else None."""
        value = self.get(name)
        return value if isinstance(value, YamlMapping) else None


YamlNode = YamlScalar | YamlSequence | YamlMapping


@dataclass(frozen=True, slots=True)
class YamlComment:
    """A comment without its `#` and the spaces around; `stands_alone`: nothing else is on the line."""

    text: str
    column: int
    stands_alone: bool


@dataclass(frozen=True, slots=True)
class YamlDocument:
    """A file's one document, and its comments by line."""

    root: YamlNode
    comments: Mapping[int, YamlComment]


def scalars_in(node: YamlNode | None) -> Iterator[YamlScalar]:
    """Every scalar value below a node, in the order of the file; keys are left out."""
    match node:
        case YamlScalar():
            yield node
        case YamlSequence():
            for item in node.items:
                yield from scalars_in(item)
        case YamlMapping():
            for _, value in node.entries:
                yield from scalars_in(value)
