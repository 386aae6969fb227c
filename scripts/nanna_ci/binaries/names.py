"""File names that are safe in an archive, in SHA256SUMS and on every platform's file system."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from typing import Final

from nanna_ci.foundation.errors import MalformedData

_LONGEST_BYTES: Final = 255
_FORBIDDEN: Final = frozenset('\\/:*?"<>|')
_DEVICES: Final = frozenset(
    {"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(1, 10))}
)


def check_name(name: str, source: str) -> None:
    """Refuse, as MalformedData, what is not one plain file name everywhere; `source` names who wants it."""
    problem = _name_problem(name)
    if problem is not None:
        raise MalformedData(source, f"the name {name!r} {problem}")


def _name_problem(name: str) -> str | None:
    if name in {"", ".", ".."}:
        return "names no file"
    if not name.isprintable():
        return "has control or invisible characters"
    if bad := sorted(_FORBIDDEN & set(name)):
        return f"has {' '.join(bad)} in it"
    if name[0] == "-" or name[0].isspace() or name[-1] in " .":
        return "begins or ends with a character that some systems drop or misread"
    if unicodedata.normalize("NFC", name) != name:
        return "is not in Unicode's composed form (NFC)"
    if len(name.encode()) > _LONGEST_BYTES:
        return f"is longer than {_LONGEST_BYTES} bytes"
    if name.partition(".")[0].lower() in _DEVICES:
        return "is a device on Windows"
    return None


def check_member_path(path: str, source: str) -> None:
    """Refuse an archive member's path unless every part of it, between single `/`, passes check_name."""
    for part in path.split("/"):
        problem = _name_problem(part)
        if problem is not None:
            raise MalformedData(source, f"the member {path!r}: the part {part!r} {problem}")


def check_distinct(names: Iterable[str], source: str) -> None:
    """Refuse names that are one file if case or Unicode form does not count, and duplicates."""
    seen: dict[str, str] = {}
    for name in names:
        key = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).upper().casefold())
        if key in seen:
            raise MalformedData(source, f"the names {seen[key]!r} and {name!r} collide")
        seen[key] = name
