"""The texts of YAML's quoted scalars and blocks."""

from __future__ import annotations

import re
from typing import Final

from nanna_ci.foundation.errors import shorten
from nanna_ci.workflow.yaml_nodes import ScalarStyle

_SINGLE: Final = re.compile(r"'((?:[^']|'')*)'")
_DOUBLE: Final = re.compile(r'"((?:[^"\\]|\\.)*)"')
_ESCAPE: Final = re.compile(r"\\(?:x(..)|u(.{4})|U(.{8})|(.))")
_ESCAPES: Final = {
    "0": "\0",
    "a": "\a",
    "b": "\b",
    "t": "\t",
    "n": "\n",
    "v": "\v",
    "f": "\f",
    "r": "\r",
    "e": "\x1b",
    " ": " ",
    '"': '"',
    "/": "/",
    "\\": "\\",
    "N": "\x85",
    "_": "\xa0",
    "L": "\u2028",
    "P": "\u2029",
}


def read_quoted(rest: str) -> tuple[str, ScalarStyle, int]:
    """The quoted scalar that a line begins with: its text, its style, and how many characters it takes.

    ValueError says what is not read.
    """
    is_single = rest[0] == "'"
    found = (_SINGLE if is_single else _DOUBLE).match(rest)
    if found is None:
        raise ValueError("a quoted scalar that does not end on its line")
    if is_single:
        return found[1].replace("''", "'"), ScalarStyle.SINGLE_QUOTED, found.end()
    return _ESCAPE.sub(_unescaped, found[1]), ScalarStyle.DOUBLE_QUOTED, found.end()


def _unescaped(found: re.Match[str]) -> str:
    digits = found[1] or found[2] or found[3]
    if digits is None and found[4] in _ESCAPES:
        return _ESCAPES[found[4]]
    if digits is not None and re.fullmatch(r"[0-9A-Fa-f]+", digits):
        code = int(digits, 16)
        if code <= 0x10FFFF and not 0xD800 <= code <= 0xDFFF:
            return chr(code)
    raise ValueError(f"the escape {shorten(found[0])}")


def block_text(lines: list[str], chomping: str, *, folded: bool, at_end: bool) -> str:
    """The text of a block of lines without their indentation; `at_end`: the last is what follows the last break."""
    breaks = len(lines) - (1 if at_end else 0)
    while lines and not lines[-1]:
        lines = lines[:-1]
    if not lines:
        return "\n" * breaks if chomping == "+" else ""
    text = _fold(lines) if folded else "\n".join(lines)
    trailing = breaks - len(lines) + 1
    if chomping == "-" or trailing == 0:
        return text
    return text + "\n" * (trailing if chomping == "+" else 1)


def _fold(lines: list[str]) -> str:
    """Breaks between two lines of text become spaces; those beside empty or indented lines stay."""
    text, breaks, before = "", 0, None
    for line in lines:
        if not line:
            breaks += 1
            continue
        if before is None:
            text += "\n" * breaks
        elif before.startswith(" ") or line.startswith(" "):
            text += "\n" * (breaks + 1)
        else:
            text += "\n" * breaks or " "
        text, breaks, before = text + line, 0, line
    return text
