"""Notes of a release, from the messages of its commits: what breaks first, and nothing in them is markup.

Messages by Conventional Commits go into sections. If none is by that, all are one list.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from nanna_ci.foundation.errors import MalformedData, UsageError
from nanna_ci.foundation.guarded_read import read_file
from nanna_ci.foundation.visible_text import visible
from nanna_ci.report.github import neutralise
from nanna_ci.report.markdown import escape

BODY_LIMIT_CHARACTERS: Final = 125_000
"""GitHub takes no longer body of a release."""
_HEAD_CHARACTERS: Final = 1_000
_SUBJECT_LIMIT: Final = 300
_HEADER: Final = re.compile(r"(?P<kind>[A-Za-z]+)(?:\((?P<scope>[^()\n]{1,60})\))?(?P<breaks>!)?: +(?P<subject>\S.*)")
_FOOTER: Final = re.compile(r"^BREAKING[ -]CHANGE: +(?P<text>\S.*)$", re.MULTILINE)
_SECTIONS: Final = {"feat": "Features", "fix": "Fixes", "perf": "Performance"}
_KINDS: Final = frozenset({*_SECTIONS, "build", "chore", "ci", "docs", "refactor", "revert", "style", "test"})
_BREAKING: Final = "Breaking changes"
_OTHER: Final = "Other changes"
_COMMIT_LINE: Final = re.compile(r"Commit: `([0-9a-f]{40}|[0-9a-f]{64})`")


def body_of(commit: str, notes: str) -> str:
    """What the release says: its commit in the first line, which `commit_in` reads, then the notes."""
    return f"Commit: `{commit}`\n\n{notes.strip()}\n"


def commit_in(body: str) -> str | None:
    """The commit that a release was made of, as `body_of` recorded it; None for a release that something else made."""
    match = _COMMIT_LINE.fullmatch(body.replace("\r\n", "\n").partition("\n")[0].strip())
    return None if match is None else match[1]


def notes_of(commits: Sequence[tuple[str, str]], before: str | None, more: str = "") -> str:
    """Markdown of commits (hash, message), newest first; `before` is the tag that they come after.

    `more` is Markdown that follows them, and is never cut.
    """
    sections: dict[str, list[str]] = {name: [] for name in (_BREAKING, *_SECTIONS.values(), _OTHER)}
    for commit, message in commits:
        section, line = _line(commit, message)
        sections[section].append(line)
    since = "the first release" if before is None else f"changes since {escape(before)}"
    lines = [f"{len(commits)} commit{'' if len(commits) == 1 else 's'}: {since}."]
    plain = all(not entries for name, entries in sections.items() if name != _OTHER)
    left = BODY_LIMIT_CHARACTERS - _HEAD_CHARACTERS - len(more)
    dropped = 0
    for name, entries in sections.items():
        if entries and not plain:
            lines += ["", f"## {name}"]
        lines += [""] if entries else []
        for entry in entries:
            left -= len(entry) + 1
            if left > 0:
                lines.append(entry)
            else:
                dropped += 1
    if dropped:
        lines += ["", f"{dropped} more are left out: GitHub takes {BODY_LIMIT_CHARACTERS:,} characters."]
    return "\n".join(lines) + "\n" + (f"\n{more}" if more else "")


def read_notes(path: Path, source: str) -> str:
    """The notes of a file, as they are. Raises UsageError or MalformedData for one that GitHub would not take."""
    from_file = _read(path, source)
    if not from_file.strip():
        raise MalformedData(source, "it is empty")
    if len(from_file) > BODY_LIMIT_CHARACTERS - _HEAD_CHARACTERS:
        raise MalformedData(source, f"GitHub takes {BODY_LIMIT_CHARACTERS - _HEAD_CHARACTERS:,} characters")
    return from_file


def _line(commit: str, message: str) -> tuple[str, str]:
    subject = next((line.strip() for line in message.splitlines() if line.strip()), "(no message)")
    header = _HEADER.fullmatch(subject)
    footer = _FOOTER.search(message)
    kind = header["kind"].lower() if header else ""
    if header is None or kind not in _KINDS:
        section, text = _OTHER, subject
    else:
        scope = f"{header['scope']}: " if header["scope"] else ""
        section, text = _SECTIONS.get(kind, _OTHER), scope + header["subject"]
        section = _BREAKING if header["breaks"] else section
    if footer is not None:
        section, text = _BREAKING, f"{text}: {footer['text']}"
    shown = visible(text)
    shown = shown if len(shown) <= _SUBJECT_LIMIT else f"{shown[: _SUBJECT_LIMIT - 1]}…"
    return section, f"- {neutralise(escape(shown))} ({commit[:10]})"


def _read(path: Path, source: str) -> str:
    try:
        return read_file(path, 4 * BODY_LIMIT_CHARACTERS, or_pipe=True).decode("utf-8")
    except UnicodeDecodeError as error:
        raise MalformedData(source, f"it is not UTF-8 ({error.reason})") from None
    except OSError as error:
        raise UsageError(f"{source} cannot be read: {error.strerror}") from error
