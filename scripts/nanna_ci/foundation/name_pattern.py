"""Patterns of store path names: the part of Python's regular expressions that no name can make slow.

A name is searched for the pattern, as `grep -E` does. Python tries one way to match after another, so what multiplies
ways is limited: no group is repeated, and choices and repetitions are few. Names have at most 211 characters.
"""

from __future__ import annotations

import math
import re
from typing import Final

LIMIT_BYTES: Final = 200
_WAYS: Final = 2048  # the slowest pattern then takes well below a second
_REPEAT_WAYS: Final = 16  # the cost of * and +: two of them leave 8 for all other choices
_REPEATS: Final = 2
_SLOW: Final = "can take exponential time to match"
_SEVERAL: Final = "write several patterns instead: a name needs to match one"
# an escaped character, a class, or any other character
_ATOM: Final = re.compile(r"\\.|\[\^?\]?[^]]*\]|.")


class PatternProblem(ValueError):
    """Why a text is not a pattern, in `says`; `hint` says how to fix it."""

    def __init__(self, says: str, hint: str) -> None:
        super().__init__(f"{says}; {hint}")
        self.says = says
        self.hint = hint


def compile_name_pattern(text: str) -> re.Pattern[str]:
    """The pattern, for `search` in a name. Raises PatternProblem."""
    if len(text.encode("utf-8", "surrogatepass")) > LIMIT_BYTES:
        raise PatternProblem(f"has more than {LIMIT_BYTES} bytes, which {_SLOW}", _SEVERAL)
    if re.fullmatch("[!-~]+", text) is None:
        raise PatternProblem("is not a regular expression of printable ASCII characters", "names have no others")
    atoms = _ATOM.findall(text)
    bare = "".join("x" if len(atom) > 1 else atom for atom in atoms)
    if any(map(_is_read_differently, atoms)) or "(?" in bare or "{" in bare or re.search("[*+?]{2}", bare):
        raise PatternProblem(
            "uses more of regular expressions than . * + ? ( ) | ^ $ and classes", "a digit is [0-9], two of a aa"
        )
    if re.search(r"\)[*+]", bare):
        raise PatternProblem(f"repeats a group, which {_SLOW}", "repeat one character or class, as in [a-z]+")
    repeats = len(re.findall("[*+]", bare))
    alternatives = math.prod(part.count("|") + 1 for part in re.split("[()]", bare))
    if repeats > _REPEATS or alternatives * 2 ** bare.count("?") * _REPEAT_WAYS**repeats > _WAYS:
        raise PatternProblem(f"has too many of * + ? |, so that it {_SLOW}", _SEVERAL)
    try:
        pattern = re.compile(text, re.ASCII)
    except re.error as error:
        place = f" at byte {error.pos + 1}" if error.pos is not None else ""
        raise PatternProblem(f"is not a regular expression{place}", "any text is .*, a dot \\.") from None
    # matches every name, even the empty text: unlike ^$, which matches none
    if pattern.search("") and pattern.search("\0"):
        raise PatternProblem("matches every name", "leave out the empty alternative")
    return pattern


def _is_read_differently(atom: str) -> bool:
    """Whether grep and Python read it differently: `\\d`, a class by name or with a backslash in it."""
    if atom.startswith("\\"):
        return atom[1:].isalnum()
    return len(atom) > 1 and ("\\" in atom or "[" in atom[1:])
