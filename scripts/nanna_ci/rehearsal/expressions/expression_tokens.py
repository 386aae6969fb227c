"""The words of an expression, each with its place."""

from __future__ import annotations

import enum
import math
import re
from dataclasses import dataclass
from typing import NoReturn

from nanna_ci.foundation.errors import MalformedData, shorten
from nanna_ci.rehearsal.expressions.expression_value import Value, number_of_text

MAX_LENGTH = 21_000

_BLANK = re.compile(r"[ \t\r\n]+")
_OPERATOR = re.compile(r"&&|\|\||==|!=|<=|>=|[!<>()\[\],.*]")
_STRING = re.compile(r"'((?:[^']|'')*)'(?!')")
_BOUNDARY = r"\s\ufeff(\[)\],.!><=&|"
_WORD = re.compile(rf"[{_BOUNDARY}]?[^{_BOUNDARY}]*")  # at least one character, also where that is a boundary
_NUMBER = re.compile(rf".[^{_BOUNDARY.replace('.', '')}]*", re.DOTALL)
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_CONSTANTS: dict[str, Value] = {"true": True, "false": False, "null": None, "NaN": math.nan, "Infinity": math.inf}
_BEFORE_A_PROPERTY = {")", "]", "*"}


class WordKind(enum.Enum):
    """What a word is; of an operator and of punctuation the text says which."""

    OPERATOR = "operator"
    LITERAL = "literal"
    NAME = "name"
    END = "end"


@dataclass(frozen=True, slots=True)
class Word:
    """`value`: of a literal. `position` counts from 1."""

    kind: WordKind
    text: str
    position: int
    value: Value = None

    def is_operator(self, *texts: str) -> bool:
        """Whether this is one of the operators."""
        return self.kind is WordKind.OPERATOR and self.text in texts


def refuse(source: str, position: int, problem: str) -> NoReturn:
    """Raise MalformedData for an expression, with the place in it."""
    raise MalformedData(f"expression {shorten(source)}", f"at position {position}: {problem}")


def words_of(source: str) -> list[Word]:
    """The words of an expression; the last is of the kind END.

    Raises:
        MalformedData: for what is not a word, and for more than 21,000 characters.
    """
    if len(source) > MAX_LENGTH:
        refuse(source, MAX_LENGTH + 1, f"longer than the {MAX_LENGTH} characters that GitHub reads")
    words: list[Word] = []
    index = 0
    while index < len(source):
        if blank := _BLANK.match(source, index):
            index = blank.end()
            continue
        word = _word_at(source, index, words[-1] if words else None)
        words.append(word)
        index += len(word.text)
    words.append(Word(WordKind.END, "", len(source) + 1))
    return words


def _word_at(source: str, index: int, before: Word | None) -> Word:
    first, position = source[index], index + 1
    if first == "'":
        found = _STRING.match(source, index)
        if not found:
            refuse(source, position, "a text without its closing '")
        return Word(WordKind.LITERAL, found[0], position, found[1].replace("''", "'"))
    if first in "+-0123456789" or (first == "." and not _is_a_property_next(before)):
        text = _matched(_NUMBER, source, index)
        number = number_of_text(text)
        if math.isnan(number):
            refuse(source, position, f"{shorten(text)} is not a number")
        return Word(WordKind.LITERAL, text, position, number)
    if operator := _OPERATOR.match(source, index):
        return Word(WordKind.OPERATOR, operator[0], position)
    text = _matched(_WORD, source, index)
    if not _NAME.fullmatch(text):
        refuse(source, position, f"unexpected {shorten(text)}")
    if text in _CONSTANTS and not (before and before.is_operator(".")):
        return Word(WordKind.LITERAL, text, position, _CONSTANTS[text])
    return Word(WordKind.NAME, text, position)


def _is_a_property_next(before: Word | None) -> bool:
    """Whether a dot after this word asks for a property; elsewhere it begins a number."""
    return before is not None and (before.kind is WordKind.NAME or before.is_operator(*_BEFORE_A_PROPERTY))


def _matched(pattern: re.Pattern[str], source: str, index: int) -> str:
    found = pattern.match(source, index)
    assert found, "both patterns match any character"
    return found[0]
