"""Validation of plain tables: kinds of values, fields, and problems with the way to fix them.

A kind takes a path and a value and gives the problems, one by one as they are needed. A message names the key and the
rule, never the value: that may be a password in the wrong place.
"""

from __future__ import annotations

import datetime
import json
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nanna_ci.foundation.name_pattern import PatternProblem, compile_name_pattern

STRING_LIMIT_BYTES = 200
"""No string of the file may be longer: Nix's regular expressions overflow the stack on long ones."""


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong at a path such as `test[2].kind` or `[section]`; `hint` says how to fix it, or is None."""

    path: str
    says: str
    hint: str | None = None


Kind = Callable[[str, object], Iterable[Problem]]


@dataclass(frozen=True, slots=True)
class Field:
    """A key of a table. `default` stands for a missing key unless `required`; None waits for other fields."""

    name: str
    kind: Kind
    default: object = None
    required: bool = False


def required(name: str, kind: Kind) -> Field:
    """A field that must be given."""
    return Field(name, kind, required=True)


def quoted(word: str) -> str:
    """The word as JSON."""
    return json.dumps(word, ensure_ascii=False)


def distance(first: bytes, second: bytes) -> int:
    """Levenshtein distance."""
    row = list(range(len(second) + 1))
    for i, mine in enumerate(first):
        new = [i + 1]
        for j, other in enumerate(second):
            new.append(min(row[j + 1] + 1, new[j] + 1, row[j] + (mine != other)))
        row = new
    return row[-1]


def nearest(word: str, options: Sequence[str]) -> str | None:
    """The option within two edits of the word, the first of equals; None if nothing is near."""
    raw = word.encode()
    if len(raw) > 64:  # longer than any name: skip it
        return None
    near = [(distance(raw, option.encode()), index) for index, option in enumerate(options)]
    far, index = min(near, default=(len(raw), 0))
    return options[index] if far <= 2 and far < len(raw) else None


def suggest(word: str, options: Sequence[str], otherwise: str | None = None) -> str | None:
    """A hint that names the nearest option."""
    name = nearest(word, options)
    return otherwise if name is None else f"did you mean {quoted(name)}?"


def known(options: Collection[str]) -> str:
    """A hint that names all options."""
    return f"known: {', '.join(options)}" if options else "there is none"


def wrong_type(path: str, wanted: str, value: object) -> list[Problem]:
    """The value's type is not the wanted one."""
    return [Problem(path, f"must be {wanted}, not {_type_name(value)}")]


def _type_name(value: object) -> str:
    names: list[tuple[type | tuple[type, ...], str]] = [
        (bool, "a boolean"),
        (int, "an integer"),
        (float, "a float"),
        (str, "a string"),
        (list, "an array"),
        (dict, "a table"),
        ((datetime.date, datetime.time), "a date or time"),
    ]
    return next(name for kind, name in names if isinstance(value, kind))


def string(pattern: str, wanted: str) -> Kind:
    """A string that the pattern (POSIX extended, ASCII) matches as a whole."""
    compiled = re.compile(pattern)

    def check(path: str, value: object) -> list[Problem]:
        if not isinstance(value, str):
            return wrong_type(path, "a string", value)
        if len(value.encode()) <= STRING_LIMIT_BYTES and compiled.fullmatch(value):
            return []
        return [Problem(path, f"is not {wanted}")]

    return check


def name_pattern(path: str, value: object) -> list[Problem]:
    """A pattern of store path names."""
    if not isinstance(value, str):
        return wrong_type(path, "a string", value)
    try:
        compile_name_pattern(value)
    except PatternProblem as problem:
        return [Problem(path, problem.says, problem.hint)]
    return []


def choice(options: Sequence[str]) -> Kind:
    """One of the options."""

    def check(path: str, value: object) -> list[Problem]:
        if not isinstance(value, str):
            return wrong_type(path, "a string", value)
        if value in options:
            return []
        return [Problem(path, f"is not one of {', '.join(options)}", suggest(value, options))]

    return check


def boolean(path: str, value: object) -> list[Problem]:
    """true or false."""
    return [] if isinstance(value, bool) else wrong_type(path, "a boolean", value)


def word_for(program: str, word: Kind, reserved: Sequence[str]) -> Kind:
    """A word for a program, but those that it is given already: options, with or without `=value`."""

    def check(path: str, value: object) -> Iterable[Problem]:
        wrong = list(word(path, value))
        if wrong or not isinstance(value, str) or value.partition("=")[0] not in reserved:
            return wrong
        return [Problem(path, "cannot be set here", f"the pipeline itself gives {program} {', '.join(reserved)}")]

    return check


def variables(name_pattern: str, reserved: str, value_of: Kind) -> Kind:
    """A table of environment variables and their values, but of those that the pipeline sets itself."""

    def check(path: str, value: object) -> Iterator[Problem]:
        if not isinstance(value, dict):
            yield from wrong_type(path, "a table", value)
            return
        for name in sorted(value):
            at = f"{path}.{name}"
            if len(name) > STRING_LIMIT_BYTES or re.fullmatch(name_pattern, name) is None:
                yield Problem(at, "is not the name of a variable")
            elif re.fullmatch(reserved, name) is not None:
                yield Problem(at, "cannot be set here", "the pipeline sets it")
            else:
                yield from value_of(at, value[name])

    return check


def integer(least: int, most: int) -> Kind:
    """An integer in a closed range."""

    def check(path: str, value: object) -> list[Problem]:
        if not isinstance(value, int) or isinstance(value, bool):
            return wrong_type(path, "an integer", value)
        return [] if least <= value <= most else [Problem(path, f"must be from {least} to {most}")]

    return check


def number(least: int, most: int) -> Kind:
    """An integer or a float in a closed range; NaN is in none."""

    def check(path: str, value: object) -> list[Problem]:
        if not isinstance(value, int | float) or isinstance(value, bool):
            return wrong_type(path, "a number", value)
        return [] if least <= value <= most else [Problem(path, f"must be from {least} to {most}")]

    return check


def array_of(kind: Kind) -> Kind:
    """An array of values of a kind, each as often as one likes."""

    def check(path: str, value: object) -> Iterator[Problem]:
        if not isinstance(value, list):
            yield from wrong_type(path, "an array", value)
            return
        for i, item in enumerate(value):
            yield from kind(f"{path}[{i}]", item)

    return check


def list_of(kind: Kind) -> Kind:
    """An array of distinct values of a kind."""
    several = array_of(kind)

    def check(path: str, value: object) -> Iterator[Problem]:
        wrong = False
        for problem in several(path, value):
            wrong = True
            yield problem
        if not wrong and isinstance(value, list):
            yield from twice(lambda i: f"{path}[{i}]", value)

    return check


def some_of(kind: Kind) -> Kind:
    """An array of at least one distinct value of a kind."""
    several = list_of(kind)

    def check(path: str, value: object) -> Iterable[Problem]:
        return [Problem(path, "must not be empty")] if value == [] else several(path, value)

    return check


def twice(path: Callable[[int], str], values: Sequence[str]) -> Iterator[Problem]:
    """A problem for each value that came before."""
    seen: set[str] = set()
    for i, value in enumerate(values):
        if value in seen:
            yield Problem(path(i), "comes twice")
        seen.add(value)


def declared(path: str, what: str, options: Collection[str], word: str) -> Iterator[Problem]:
    """A problem if the word, which is a name, names nothing that the file declares."""
    if word not in options:
        yield Problem(path, f"{quoted(word)} is not one of {what}", suggest(word, list(options), known(options)))


def check_table(fields: Sequence[Field], path: str, table: object) -> Iterator[Problem]:
    """Unknown keys first, in the order of their names, then the fields in theirs."""
    if not isinstance(table, dict):
        yield from wrong_type(path, "a table", table)
        return
    names = [field.name for field in fields]
    for key in sorted(table):
        if key not in names:
            yield Problem(f"{path}.{key}", "unknown key", suggest(key, names, known(names)))
    for field in fields:
        if field.name in table:
            yield from field.kind(f"{path}.{field.name}", table[field.name])
        elif field.required:
            yield Problem(f"{path}.{field.name}", "is missing")


def fill(fields: Sequence[Field], table: Mapping[str, Any]) -> dict[str, Any]:
    """The table with a value for every field."""
    return {field.name: table.get(field.name, field.default) for field in fields}
