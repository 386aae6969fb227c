"""Patterns of store path names: regular expressions of a kind that no name can make slow.

A name is searched for the pattern, as `grep -E` does. The language is the part that POSIX extended and Python's regular
expressions share, without braces, look-around and references back; nix/name-pattern.nix reads the same language and
refuses the same patterns with the same first problem in the same words (a test over many patterns holds this).

Python tries one way to match after another, so what multiplies ways is limited: a quantifier repeats one character or
class, never a group, and `_WAYS` bounds the product of all choices.
"""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass, field
from typing import Final

LIMIT_BYTES: Final = 200
_WAYS: Final = 2048  # names have at most 211 characters: the slowest pattern takes well below a second
_REPEAT_WAYS: Final = 16  # what * and + count for: two of them leave 8 for all other choices
_REPEATS: Final = 2
_LITERALS: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_=-.")
_ESCAPED: Final = frozenset(".+*?()|^$[]\\-")
_RANGE: Final = "[a-z]-[a-z]|[A-Z]-[A-Z]|[0-9]-[0-9]"
_CLASS: Final = re.compile(rf"\^?(-|-?({_RANGE}|[A-Za-z0-9+._?=^])+-?)")
_SEVERAL: Final = "write several patterns instead: a name needs to match one"


class PatternProblem(ValueError):
    """Why a text is no pattern, in `says`; `hint` says how to mend it, or is None."""

    def __init__(self, says: str, hint: str | None = None) -> None:
        super().__init__(says if hint is None else f"{says}; {hint}")
        self.says = says
        self.hint = hint


class _Before(enum.Enum):
    """What stands before the place that is read."""

    NOTHING = "nothing"  # the start, ( or |
    ANCHOR = "anchor"
    ATOM = "atom"
    GROUP = "group"
    REPEATED = "repeated"


@dataclass(slots=True)
class _Reader:
    """The pattern up to a place. `ways`: choices of the alternative that is read; `others`: of those before it."""

    before: _Before = _Before.NOTHING
    repeats: int = 0
    ways: int = 1
    others: int = 0
    outer: list[tuple[int, int]] = field(default_factory=list)  # ways and others, around each open group

    def multiply(self, factor: int) -> None:
        self.ways = min(self.ways * factor, _WAYS + 1)

    def end_alternative(self, at: int) -> None:
        if self.before is _Before.NOTHING:
            raise PatternProblem(f"the alternative before byte {at + 1} is empty, so that it matches every name")
        self.others = min(self.others + self.ways, _WAYS + 1)
        self.ways = 1


def parse_name_pattern(text: str) -> re.Pattern[str]:
    """The pattern, for `search` in a name.

    Raises:
        PatternProblem: the first thing that is wrong with it. It counts bytes from 1.
    """
    if len(text.encode("utf-8", "surrogatepass")) > LIMIT_BYTES:
        raise PatternProblem(f"it has more than {LIMIT_BYTES} bytes, which can take for ever to match", _SEVERAL)
    reader, at = _Reader(), 0
    while at < len(text):
        at += _read(reader, text, at)
    if reader.outer:
        raise PatternProblem("a ( is not closed", "the character itself is \\(")
    reader.end_alternative(len(text))
    if reader.others > _WAYS:
        raise PatternProblem("its choices multiply, so that it can take for ever to match", _SEVERAL)
    return re.compile(text, re.ASCII)


def _read(reader: _Reader, text: str, at: int) -> int:
    """Read what stands at a place; how many characters that is."""
    character, width = text[at], 1
    match character:
        case "*" | "+" | "?":
            _repeat(reader, character, at)
        case "(":
            reader.outer.append((reader.ways, reader.others))
            reader.ways, reader.others, reader.before = 1, 0, _Before.NOTHING
        case ")":
            _close(reader, at)
        case "|":
            reader.end_alternative(at)
            reader.before = _Before.NOTHING
        case "^" | "$":
            reader.before = _Before.ANCHOR
        case "[":
            width = _class_width(text, at)
            reader.before = _Before.ATOM
        case "\\":
            if text[at + 1 : at + 2] not in _ESCAPED:
                raise PatternProblem(
                    f"the \\ at byte {at + 1} stands before none of . + * ? ( ) | ^ $ [ ] \\ -",
                    "a digit is [0-9], a word [A-Za-z0-9_]+",
                )
            width = 2
            reader.before = _Before.ATOM
        case _ if character in _LITERALS:
            reader.before = _Before.ATOM
        case _:
            raise PatternProblem(
                f"the character at byte {at + 1} means nothing in a pattern",
                "names have A-Z a-z 0-9 + - . _ ? = only; there are no braces",
            )
    return width


def _repeat(reader: _Reader, quantifier: str, at: int) -> None:
    if reader.before is _Before.GROUP and quantifier != "?":
        raise PatternProblem(
            f"the {quantifier} at byte {at + 1} repeats a group, which can take for ever to match",
            "repeat one character or class, as in [a-z]+",
        )
    if reader.before not in {_Before.ATOM, _Before.GROUP}:
        raise PatternProblem(
            f"the {quantifier} at byte {at + 1} has nothing to repeat",
            "this is a regular expression: any text is .*, a dot \\.",
        )
    if quantifier == "?":
        reader.multiply(2)
    else:
        reader.repeats += 1
        reader.multiply(_REPEAT_WAYS)
    if reader.repeats > _REPEATS:
        raise PatternProblem(
            f"the {quantifier} at byte {at + 1} is the third of * and +, which can take for ever to match", _SEVERAL
        )
    reader.before = _Before.REPEATED


def _close(reader: _Reader, at: int) -> None:
    if not reader.outer:
        raise PatternProblem(f"the ) at byte {at + 1} closes nothing", "the character itself is \\)")
    reader.end_alternative(at)
    inner = reader.others
    reader.ways, reader.others = reader.outer.pop()
    reader.multiply(inner)
    reader.before = _Before.GROUP


def _class_width(text: str, at: int) -> int:
    end = text.find("]", at)
    body = text[at + 1 : max(end, at + 1)]
    ordered = all(found[0] <= found[2] for found in re.findall(_RANGE, body))
    if end < 0 or body == "^" or not ordered or _CLASS.fullmatch(body) is None:
        raise PatternProblem(
            f"the [ at byte {at + 1} begins no class",
            "a class is such as [a-z0-9] or [^.]: of A-Z a-z 0-9 + . _ ? = ^, with - last",
        )
    return end - at + 1
