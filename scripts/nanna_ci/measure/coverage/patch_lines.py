"""The lines that a change added or altered, by git's unified diff, and which of them tests ran."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from nanna_ci.foundation.errors import MalformedData
from nanna_ci.measure.coverage.source_tree import Coverage

_HUNK: Final = re.compile(rb"@@ -\d+(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")
_ESCAPE: Final = re.compile(rb"\\([0-7]{3}|.)", re.DOTALL)
_ESCAPES: Final = {b"a": b"\a", b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"v": b"\v"}
_SOURCE: Final = "git diff"


@dataclass(frozen=True, slots=True)
class ChangedLines:
    """What a change touches: the new numbers of its lines, by path below the source; None for all lines of a file."""

    base: str
    files: Mapping[str, frozenset[int] | None]


@dataclass(frozen=True, slots=True)
class PatchCoverage:
    """Of the lines that a change touches, those that can be run.

    `base` is the commit that it is compared with. `uncovered` are those that no test ran, as path and line number.
    `unreported` are Rust files that the change touches and no report names: nobody knows whether their lines run.
    """

    base: str
    covered_lines: int
    lines: int
    uncovered: tuple[tuple[str, int], ...] = ()
    unreported: tuple[str, ...] = ()

    @property
    def line_rate(self) -> float | None:
        """0 to 1; None if the change touches no line that can be run."""
        return self.covered_lines / self.lines if self.lines else None

    def ranges(self) -> list[str]:
        """The uncovered lines as `path:3` and `path:3-7`."""
        by_path: dict[str, list[int]] = {}
        for path, line in self.uncovered:
            by_path.setdefault(path, []).append(line)
        return [f"{path}:{lines}" for path, numbers in by_path.items() for lines in line_ranges(numbers)]


def line_ranges(lines: Sequence[int]) -> list[str]:
    """`3`, `7-9`: sorted numbers, those that follow each other together."""
    if not lines:
        return []
    cuts = [at for at, (one, other) in enumerate(pairwise(lines), start=1) if other != one + 1]
    parts = [lines[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(lines)], strict=True)]
    return [str(part[0]) if len(part) == 1 else f"{part[0]}-{part[-1]}" for part in parts]


def patch_coverage(changed: ChangedLines, coverage: Coverage) -> PatchCoverage:
    """The coverage of a change. Its lines in tests, and those that cannot be run, are no part of it."""
    tree, reported = coverage.tree, {file.path for file in coverage.files}
    covered, uncovered = 0, []
    for file in coverage.files:
        if file.path not in changed.files:
            continue
        touched = changed.files[file.path]
        for line, hits in sorted(file.hits.items()):
            if touched is not None and line not in touched:
                continue
            covered += bool(hits)
            if not hits:
                uncovered.append((file.path, line))
    unreported = [
        path
        for path, lines in sorted(changed.files.items())
        if path.endswith(".rs") and path not in reported and lines != frozenset()
        if tree.crate_of(path) is not None and not tree.is_test_code(path)
    ]
    return PatchCoverage(changed.base, covered, covered + len(uncovered), tuple(uncovered), tuple(unreported))


def parse_diff(data: bytes) -> dict[str, frozenset[int]]:
    """The new line numbers that `git diff --src-prefix=a/ --dst-prefix=b/` adds, by new path; also with context lines.

    A deleted and a binary file have none, a renamed one those that it changed. Raises MalformedData.
    """
    files: dict[str, frozenset[int]] = {}
    lines = iter(data.split(b"\n"))
    path: str | None = None
    for line in lines:
        if line.startswith(b"diff --git "):
            path = None
        elif line.startswith(b"+++ "):
            path = _new_path(line[4:])
            if path is not None:
                files.setdefault(path, frozenset())
        elif hunk := _HUNK.match(line):
            counts = [1 if count is None else int(count) for count in (hunk[1], hunk[3])]
            added = frozenset(_added(lines, counts[0], int(hunk[2]), counts[1]))
            if path is not None:
                files[path] |= added
    return files


def _added(lines: Iterator[bytes], old_left: int, number: int, new_left: int) -> Iterator[int]:
    """The numbers of added lines, of a hunk whose lines follow. What they say may look like a header: it is counted."""
    while old_left > 0 or new_left > 0:
        kind = next(lines, b"")[:1]
        if kind == b"+":
            yield number
        elif kind not in {b"-", b" ", b"\\"}:
            raise MalformedData(_SOURCE, "a hunk ends before its last line")
        old_left -= kind in {b"-", b" "}
        new_left -= kind in {b"+", b" "}
        number += kind in {b"+", b" "}


def _new_path(text: bytes) -> str | None:
    """The path behind `+++ `, quoted or with a tab behind it if it is unusual; None for no file."""
    name = _ESCAPE.sub(_unescape, text.strip()[1:-1]) if text.startswith(b'"') else text.removesuffix(b"\t")
    return None if name == b"/dev/null" else name.removeprefix(b"b/").decode(errors="replace")


def _unescape(match: re.Match[bytes]) -> bytes:
    found = match[1]
    return bytes([int(found, 8) & 0xFF]) if len(found) == 3 else _ESCAPES.get(found, found)
