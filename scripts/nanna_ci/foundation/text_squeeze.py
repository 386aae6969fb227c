"""A text without what a terminal, a log or a writer puts between the bytes of a word, and the way back into the text.

Wrapping, indentation and colours split a word anywhere. To search is fast in the text without them; a place found
there is then looked up in the text as it is.
"""

from __future__ import annotations

import bisect
import re
from itertools import accumulate
from typing import Final

BLANKS: Final = b" \t\r\n\0"
FILLER: Final = b"\0"  # in place of each byte of an escape code: every place in the text stays where it is
# A line break as it is, or as JSON, Python and XML write it, with the indentation around it; or colours alone. A stream
# comes in lines, so that its end is a break as well.
BREAK: Final = rb"(?:[ \t\0]*(?:\r?\n|\r?\Z|\\{1,8}r\\{1,8}n|\\{1,8}n|&#(?:10|x[aA]);)[ \t\0]*|\0+)"
_BLOCK: Final = 1024
_ESCAPE_BYTES: Final = (b"\x1b", b"\\u001", b"\\x1", b"\\033", b"\\e[", b"&#27;", b"&#x1")
_ESCAPES: Final = re.compile(
    rb"(?:\x1b|\\{1,8}(?:u001[bB]|x1[bB]|033|e)|&#27;|&#x1[bB];)"
    rb"(?:\[[0-?]{0,32}[ -/]{0,4}[@-~]|\][^\x07\x1b\n]{0,1024}(?:\x07|\x1b\\)|[()][0-9AB])"
)
_WRITTEN_BREAKS: Final = re.compile(rb"\\{1,8}r\\{1,8}n|\\{1,8}[rnt]|\\|&#(?:9|10|13|x[9aAdD]);")


def without_colours(text: bytes) -> bytes:
    """The text, as long as before, with filler in place of terminals' escape codes."""
    if not any(begin in text for begin in _ESCAPE_BYTES):
        return text
    return _ESCAPES.sub(lambda match: FILLER * len(match.group()), text)


def without_written_breaks(text: bytes) -> bytes:
    r"""The text, as long as before, with filler in place of line breaks that JSON or XML wrote as `\n` or `&#10;`.

    Other backslashes go as well: what was quoted twice has several of them before each quote.
    """
    if b"\\" not in text and b"&#" not in text:
        return text
    return _WRITTEN_BREAKS.sub(lambda match: FILLER * len(match.group()), text)


class Squeezed:
    """A text without blanks and filler: `bytes`, and where each of its bytes is in the text."""

    def __init__(self, text: bytes) -> None:
        self.bytes = text.translate(None, BLANKS)
        self._text = text
        self._starts: list[int] | None = None
        self._block = (-1, [0])

    def place(self, index: int) -> int:
        """Where the byte `bytes[index]` is in the text."""
        if len(self.bytes) == len(self._text):
            return index
        if self._starts is None:
            counts = (
                len(self._text[at : at + _BLOCK].translate(None, BLANKS)) for at in range(0, len(self._text), _BLOCK)
            )
            self._starts = [0, *accumulate(counts)]
        number = bisect.bisect_right(self._starts, index) - 1
        if self._block[0] != number:
            block = self._text[number * _BLOCK : (number + 1) * _BLOCK]
            self._block = (number, [at for at, byte in enumerate(block) if byte not in BLANKS])
        return number * _BLOCK + self._block[1][index - self._starts[number]]

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Where `bytes[start:end]`, which is not empty, begins and ends in the text."""
        return self.place(start), self.place(end - 1) + 1
