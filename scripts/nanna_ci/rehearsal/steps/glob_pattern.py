"""Glob patterns of one path segment, as minimatch reads them: * ? [ ] and, for names of artifacts, { }."""

from __future__ import annotations

import re
from typing import Final

from nanna_ci.foundation.errors import MalformedData, shorten

_EXTENDED: Final = re.compile(r"[@?+*!]\(")
_RANGE: Final = re.compile(r"(-?[0-9]+)\.\.(-?[0-9]+)")
_MOST_ALTERNATIVES: Final = 1000
_NAMED_CLASS: Final = re.compile(r"\[:[a-z]+:")


def name_matches(pattern: str, name: str) -> bool:
    """Whether an artifact's name matches a pattern: braces are expanded, `!` in front negates, `#` matches nothing.

    A name that begins with a dot matches only a pattern that does. Raises MalformedData for `@(…)` and its kin.
    """
    if pattern.startswith("#"):
        return False
    negations = len(pattern) - len(pattern.lstrip("!"))
    body = pattern[negations:]
    if _EXTENDED.search(pattern):
        raise MalformedData(
            f"the pattern {shorten(pattern)}", "the rehearsal does not know extended globs such as @(a|b)"
        )
    found = any(
        alternative == name or re.fullmatch(segment_expression(alternative, dot=False), name, re.DOTALL)
        for alternative in expand_braces(body)
        if "/" not in alternative
    )
    return found != bool(negations % 2)


def expand_braces(pattern: str) -> list[str]:
    """`{a,b}c` to ac and bc, `{1..3}` to 1, 2, 3; braces without a comma or a range stay."""
    opened = _first_brace(pattern)
    if opened is None:
        return [pattern]
    start, end, parts = opened
    found = [
        pattern[:start] + middle + rest
        for part in parts
        for middle in expand_braces(part)
        for rest in expand_braces(pattern[end:])
    ]
    if len(found) > _MOST_ALTERNATIVES:
        raise MalformedData(f"the pattern {shorten(pattern)}", f"it stands for more than {_MOST_ALTERNATIVES} patterns")
    return found


def _first_brace(pattern: str) -> tuple[int, int, list[str]] | None:
    """Where the first group of braces with alternatives begins and ends, and its parts."""
    for start, character in enumerate(pattern):
        if character != "{" or pattern[start - 1 : start] in {"$", "\\"}:
            continue
        depth, parts, begun = 0, [], start + 1
        for at in range(start, len(pattern)):
            if pattern[at] == "{":
                depth += 1
            elif pattern[at] == "}":
                depth -= 1
            if depth == 0 or (depth == 1 and pattern[at] == ","):
                parts.append(pattern[begun:at])
                begun = at + 1
            if depth == 0:
                found = _RANGE.fullmatch(parts[0]) if len(parts) == 1 else None
                if found:
                    first, last = int(found[1]), int(found[2])
                    if abs(last - first) > _MOST_ALTERNATIVES:
                        raise MalformedData(f"the pattern {shorten(pattern)}", "its range is too long")
                    step = 1 if last >= first else -1
                    parts = [str(number) for number in range(first, last + step, step)]
                if len(parts) > 1:
                    return start, at + 1, parts
                break
    return None


def segment_expression(segment: str, *, dot: bool) -> str:
    """A segment as a regular expression; without `dot` a wildcard matches no dot at the beginning of a name."""
    parts, at = [], 0
    while at < len(segment):
        character = segment[at]
        at += 1
        if character == "\\" and at < len(segment):
            parts.append(re.escape(segment[at]))
            at += 1
        elif character == "*":
            parts.append("[^/]*")
        elif character == "?":
            parts.append("[^/]")
        elif character == "[" and (end := _class_end(segment, at)) is not None:
            parts.append(_class(segment[at:end]))
            at = end + 1
        else:
            parts.append(re.escape(character))
    is_wild = segment[:1] in {"*", "?", "["}
    return ("" if dot or not is_wild else r"(?!\.)") + "".join(parts)


def _class_end(segment: str, start: int) -> int | None:
    """Where the `]` is that ends the class; one that comes first belongs to it."""
    at = start + (segment[start : start + 1] in {"!", "^"})
    at += segment[at : at + 1] == "]"
    while at < len(segment):
        if segment[at] == "\\":
            at += 1
        elif segment[at] == "]":
            return at
        at += 1
    return None


def _class(inside: str) -> str:
    if _NAMED_CLASS.search(inside):
        raise MalformedData(f"the pattern [{shorten(inside)}]", "the rehearsal does not know classes by name")
    negated = inside[:1] in {"!", "^"}
    body = inside[1:] if negated else inside
    return "[" + ("^/" if negated else "") + re.sub(r"([\[&~|^\]])", r"\\\1", body) + "]"
