"""Lists of store paths, from a file or standard input."""

from __future__ import annotations

from pathlib import Path
from typing import Final, TextIO

from nanna_ci.errors import MalformedData, UsageError
from nanna_ci.guarded_read import MEBIBYTE, read_file
from nanna_ci.store.store_path import StorePath, parse_store_path

STANDARD_INPUT: Final = "-"


def read_paths(source: str, stdin: TextIO | None, cwd: Path) -> tuple[StorePath, ...]:
    """The store paths of a file, or of standard input for `-`: one a line, empty lines passed over, none twice.

    Raises:
        UsageError: the file cannot be read.
        MalformedData: with the line, where it is no store path.
    """
    if source == STANDARD_INPUT:
        text = "" if stdin is None else stdin.read()
    else:
        try:
            text = read_file(cwd / source, 1024 * MEBIBYTE, or_pipe=True).decode("utf-8", "surrogateescape")
        except OSError as error:
            raise UsageError(f"{source} cannot be read: {error.strerror}") from error
    where = "standard input" if source == STANDARD_INPUT else source
    try:
        return tuple(dict.fromkeys([parse_store_path(word) for word in text.split()]))
    except MalformedData:
        for number, line in enumerate(text.splitlines(), start=1):
            for word in line.split():
                parse_store_path(word, f"{where}: line {number}")
        raise
