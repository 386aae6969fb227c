"""Files by the patterns of GitHub's own actions, as their library @actions/glob finds them."""

from __future__ import annotations

import functools
import hashlib
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from nanna_ci.rehearsal.steps.glob_pattern import segment_expression

_ANY_DEPTH: Final = "**"
_CHUNK_BYTES: Final = 1024 * 1024


class PatternRefused(Exception):
    """Why a pattern is none, as the library says it."""


@dataclass(frozen=True, slots=True)
class PathPattern:
    """A pattern of absolute paths; `search_path` is what stands before its first wildcard.

    `only_folders`: it ended with a slash. `implied`: it stands for what is below a folder that another one matches.
    """

    segments: tuple[str, ...]
    negated: bool
    only_folders: bool
    search_path: str
    implied: bool = False

    def matches(self, path: str, *, is_folder: bool) -> bool:
        """Whether a path, a folder or not, is meant."""
        if not is_folder and self.only_folders:
            return False
        parts = _parts(path)
        is_below = not self.implied and self.segments[-1:] == (_ANY_DEPTH,) and _match(self.segments[:-1], parts)
        return is_below or _match(self.segments, parts)

    def may_match_below(self, path: str) -> bool:
        """Whether a folder can have something below it that is meant."""
        return _match(self.segments, _parts(path), partial=True)


def parse_patterns(text: str, folder: Path, home: Path) -> list[PathPattern]:
    """Patterns, one a line; relative ones start in `folder`. Raises PatternRefused."""
    lines = (line.strip() for line in text.split("\n"))
    return [_parse(line, folder, home) for line in lines if line and not line.startswith("#")]


def _parse(line: str, folder: Path, home: Path) -> PathPattern:
    body = line
    while body.startswith("!"):
        body = body[1:].strip()
    negated = (len(line) - len(line.lstrip("!"))) % 2 == 1
    if not body:
        raise PatternRefused("pattern cannot be empty")
    literals = [_literal(segment) for segment in re.sub("/+", "/", body).rstrip("/").split("/")]
    if any(literal == ".." or (literal == "." and number) for number, literal in enumerate(literals)):
        raise PatternRefused(f"Invalid pattern '{body}'. Relative pathing '.' and '..' is not allowed.")
    if body in {".", "~"} or body.startswith(("./", "~/")):
        root = folder if body[0] == "." else home
        body = _escaped(str(root)) + body[1:]
    elif not body.startswith("/"):
        body = f"{_escaped(str(folder))}/{body}"
    body = re.sub("/+", "/", body)
    parts = [segment for segment in body.split("/") if segment]
    segments = tuple(part for part, before in zip(parts, ["", *parts], strict=False) if {part, before} != {_ANY_DEPTH})
    known: list[str] = []
    for segment in segments:
        literal = _literal(segment)
        if not literal:
            break
        known.append(literal)
    return PathPattern(segments, negated, body.endswith("/") and len(body) > 1, "/" + "/".join(known))


def _escaped(path: str) -> str:
    path = re.sub(r"\[(?=[^/]+\])", "[[]", path.replace("\\", "\\\\"))
    return path.replace("?", "[?]").replace("*", "[*]")


def _literal(segment: str) -> str:
    """The segment as a plain name, "" where it has a wildcard. `[x]` is how a single character is quoted."""
    plain = re.sub(r"\\(.)", r"[\1]", segment)
    plain = re.sub(r"\[(.)\]", lambda found: f"\0{ord(found[1])};", plain)
    if re.search(r"[*?]", plain) or re.search(r"\[[^\]]+\]", plain):
        return ""
    return re.sub("\0([0-9]+);", lambda found: chr(int(found[1])), plain)


def _parts(path: str) -> tuple[str, ...]:
    return tuple(part for part in path.split("/") if part)


def _match(pattern: Sequence[str], parts: Sequence[str], *, partial: bool = False) -> bool:
    """Whether the parts match; `partial`: whether more parts behind them could. `**` at the end takes one or more."""
    if not pattern:
        return not parts
    if not parts:
        return partial
    if pattern[0] == _ANY_DEPTH:
        if len(pattern) == 1:
            return True
        return _match(pattern[1:], parts, partial=partial) or _match(pattern, parts[1:], partial=partial)
    if _segment(pattern[0]).fullmatch(parts[0]) is None:
        return False
    return _match(pattern[1:], parts[1:], partial=partial)


@functools.cache
def _segment(pattern: str) -> re.Pattern[str]:
    """One for all of the thousands of names that a pattern is held against."""
    return re.compile(segment_expression(pattern, dot=True), re.DOTALL)


def search_paths(patterns: Iterable[PathPattern]) -> list[str]:
    """Where the search begins: each pattern's own place, without those that are below another one."""
    kept = [pattern for pattern in patterns if not pattern.negated]
    places = {pattern.search_path for pattern in kept}
    found: list[str] = []
    for pattern in kept:
        above = {str(parent) for parent in Path(pattern.search_path).parents}
        if pattern.search_path not in found and not above & places:
            found.append(pattern.search_path)
    return found


def find_files(
    patterns: Sequence[PathPattern], *, include_hidden: bool = True, follow_links: bool = True
) -> Iterator[str]:
    """The files that the patterns mean, the last pattern that matches deciding.

    Without `include_hidden` a file or a folder whose own name begins with a dot is left out with all below it; that
    the search began below such a folder does not matter. Raises PatternRefused for a path below a file.
    """
    whole: list[PathPattern] = []
    for pattern in patterns:
        whole.append(pattern)
        if pattern.only_folders or pattern.segments[-1:] != (_ANY_DEPTH,):
            below = (*pattern.segments, _ANY_DEPTH)
            whole.append(PathPattern(below, pattern.negated, False, pattern.search_path, implied=True))
    for place in search_paths(whole):
        try:
            os.lstat(place)
        except FileNotFoundError:
            continue
        except NotADirectoryError as error:
            raise PatternRefused(f"ENOTDIR: not a directory, lstat '{place}'") from error
        else:
            yield from _walk(place, whole, (), include_hidden=include_hidden, follow_links=follow_links)


def _walk(
    path: str, patterns: Sequence[PathPattern], above: tuple[str, ...], *, include_hidden: bool, follow_links: bool
) -> Iterator[str]:
    is_folder = os.path.isdir(path) and (follow_links or not os.path.islink(path))  # noqa: PTH112, PTH114
    if follow_links and not os.path.exists(path):  # noqa: PTH110
        return
    if not include_hidden and os.path.basename(path).startswith("."):  # noqa: PTH119
        return
    if not is_folder:
        if _is_meant(patterns, path):
            yield path
        return
    real = os.path.realpath(path)
    if real in above or not any(pattern.may_match_below(path) for pattern in patterns if not pattern.negated):
        return
    for name in sorted(os.listdir(path)):  # noqa: PTH208
        below = os.path.join(path, name)  # noqa: PTH118
        yield from _walk(below, patterns, (*above, real), include_hidden=include_hidden, follow_links=follow_links)


def _is_meant(patterns: Sequence[PathPattern], path: str) -> bool:
    meant = False
    for pattern in patterns:
        if pattern.matches(path, is_folder=False):
            meant = not pattern.negated
    return meant


def hash_files(patterns: Sequence[str], workspace: Path, home: Path) -> str:
    """What the expression hashFiles gives: a SHA-256 over those of the files, "" where there is none."""
    whole = hashlib.sha256()
    found = False
    for path in find_files(parse_patterns("\n".join(patterns), workspace, home), follow_links=False):
        if not Path(path).is_file() or workspace not in Path(path).parents:
            continue
        found = True
        digest = hashlib.sha256()
        with open(path, "rb") as file:  # noqa: PTH123
            while chunk := file.read(_CHUNK_BYTES):
                digest.update(chunk)
        whole.update(digest.digest())
    return whole.hexdigest() if found else ""
