"""The files in which a step leaves outputs, variables, folders for PATH and state, as GitHub's runner reads them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from nanna_ci.foundation.guarded_read import MEBIBYTE, FileRefused, read_file

SUMMARY_LIMIT_BYTES: Final = 1024 * 1024
BLOCKED_VARIABLES: Final = frozenset({"NODE_OPTIONS"})
_LIMIT_BYTES: Final = 64 * MEBIBYTE
_LINE_END: Final = re.compile(r"\r\n|\r|\n")


class FileCommandRefused(Exception):
    """Why the runner does not take what a step left in a file; the step fails."""


def read_pairs(path: Path) -> dict[str, str]:
    """`name=value` lines and `name<<delimiter` blocks; a later value replaces an earlier one.

    Raises:
        FileCommandRefused: a line of neither kind, an empty name or delimiter, a block without its end.
    """
    text = _read(path)
    pairs: dict[str, str] = {}
    lines = text.removesuffix("\n").split("\n")
    at = 0
    while at < len(lines):
        line = lines[at]
        at += 1
        if not line:
            continue
        equals, block = line.find("="), line.find("<<")
        if equals >= 0 and (block < 0 or equals < block):
            name, _, value = line.partition("=")
            if not name:
                raise FileCommandRefused(f"Invalid format '{line}'. Name must not be empty")
            pairs[name] = value
            continue
        if block < 0:
            raise FileCommandRefused(f"Invalid format '{line}'")
        name, _, delimiter = line.partition("<<")
        if not name or not delimiter:
            raise FileCommandRefused(f"Invalid format '{line}'. Name must not be empty and delimiter must not be empty")
        try:
            end = lines.index(delimiter, at)
        except ValueError:
            raise FileCommandRefused(f"Invalid value. Matching delimiter not found '{delimiter}'") from None
        pairs[name] = "\n".join(lines[at:end])
        at = end + 1
    return pairs


def read_folders(path: Path) -> list[str]:
    """The folders for PATH, one a line. Raises FileCommandRefused for a file that cannot be read."""
    return [line for line in _LINE_END.split(_read(path)) if line]


def read_summary(path: Path) -> str:
    """The step's summary. Raises FileCommandRefused for one over GitHub's limit, which is dropped whole."""
    text = _read(path)
    size_bytes = len(text.encode("utf-8", "surrogateescape"))
    if size_bytes > SUMMARY_LIMIT_BYTES:
        raise FileCommandRefused(
            f"the summary upload is aborted: it takes up to {SUMMARY_LIMIT_BYTES // 1024}k, got {size_bytes // 1024}k"
        )
    return text


def _read(path: Path) -> str:
    """The file as UTF-8; one that the step removed is empty."""
    try:
        data = read_file(path, _LIMIT_BYTES, follow_links=False)
    except FileNotFoundError:
        return ""
    except (FileRefused, OSError) as error:
        raise FileCommandRefused(f"the file of the runner cannot be read: {error.strerror}") from error
    return data.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "replace")
