"""cargo's error messages: a first line, and a chain of causes of which the last one is what to fix."""

from __future__ import annotations

import re
from typing import Final

_CAUSE: Final = "Caused by:"
_BACKTRACE: Final = re.compile(r"\s*(?:Stack backtrace:|\d+: |at )")


def innermost_cause(stderr: str) -> str:
    """What went wrong, in cargo's own words: the last of its causes, else its first error, else the last line.

    One line: cargo breaks a cause over several, and shows the place in a manifest below it.
    """
    lines = stderr.splitlines()
    causes = [number for number, line in enumerate(lines) if line.strip() == _CAUSE]
    if causes:
        return _joined(lines[causes[-1] + 1 :])
    first = next((number for number, line in enumerate(lines) if line.lstrip().startswith("error")), None)
    if first is not None:
        return _joined(lines[first:])
    written = [line.strip() for line in lines if line.strip()]
    return written[-1] if written else "no output on stderr"


def _joined(lines: list[str]) -> str:
    """The first paragraph, without the drawing around a manifest's line."""
    kept: list[str] = []
    for line in lines:
        text = line.strip()
        if (not text and kept) or _BACKTRACE.match(line):
            break
        text = re.sub(r"^(?:\d+ *)?\|\s?|^-->\s*", "", text).strip()
        if text and not re.fullmatch(r"\^[\^-]*", text):
            kept.append(text)
    return ": ".join(kept) or "no output on stderr"
