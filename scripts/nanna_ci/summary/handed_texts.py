"""The texts that a run left for posting, read as a stranger's: a pull request's code can have written them."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from nanna_ci.foundation.errors import MalformedData
from nanna_ci.foundation.guarded_read import MEBIBYTE, read_file
from nanna_ci.foundation.json_data import as_list, as_object, as_text, as_texts, load_json
from nanna_ci.foundation.visible_text import visible
from nanna_ci.foundation.zip_members import read_members
from nanna_ci.report.github import COMMENT_LIMIT_CHARACTERS
from nanna_ci.report.outcome import SCHEMA_VERSION
from nanna_ci.summary.alerts import TITLE_CHARACTERS, Alert, alert_marker
from nanna_ci.summary.pull_request_comment import MARKER

COMMENT_FILE: Final = "comment.md"
ALERTS_FILE: Final = "alerts.json"
LABELS: Final = frozenset({"ci", "ci-failed", "performance"})
MOST_ALERTS: Final = 20
LIMITS_BYTES: Final = {COMMENT_FILE: 4 * COMMENT_LIMIT_CHARACTERS, ALERTS_FILE: 4 * MEBIBYTE}
"""The files that are read, and how much of each."""
# GitHub looks for mentions in rendered text: behind a lone backtick, an underscore that begins emphasis, a letter that
# is not ASCII, and with entities resolved. Our own renderer keeps `@` in a span, whose text is apart from what follows.
_MENTION: Final = re.compile(r"(?P<apart><span>@</span>)|(?<![A-Za-z0-9])@|&(?:#0*64|#[xX]0*40|commat);")
_ALERT_LINE: Final = re.compile(r"<!-- nanna-ci: alert ([0-9a-f]{2,2000}) -->")


@dataclass(frozen=True, slots=True)
class HandedTexts:
    """Where a run's texts are: `read` gives a file of `LIMITS_BYTES` by its name, None where there is none."""

    source: str
    read: Callable[[str], bytes | None]

    @staticmethod
    def of_folder(folder: Path) -> HandedTexts:
        """The files of a folder; a link is malformed data."""
        return HandedTexts(str(folder), lambda name: _read(folder / name, LIMITS_BYTES[name]))

    @staticmethod
    def of_zip(data: bytes, source: str) -> HandedTexts:
        """The files of an artifact's zip, which is read at once. Raises MalformedData."""
        return HandedTexts(source, read_members(data, source, LIMITS_BYTES).get)

    @staticmethod
    def nothing(source: str) -> HandedTexts:
        """Those of a run that left none."""
        return HandedTexts(source, lambda _: None)


def read_comment(texts: HandedTexts) -> str | None:
    """The comment, which mentions nobody; None if the run left none."""
    data = texts.read(COMMENT_FILE)
    return None if data is None else _body(data, f"{texts.source}/{COMMENT_FILE}", MARKER)


def read_alerts(texts: HandedTexts) -> tuple[Alert, ...] | None:
    """The alerts; None if the run left no such file."""
    data, source = texts.read(ALERTS_FILE), f"{texts.source}/{ALERTS_FILE}"
    if data is None:
        return None
    body = as_object(load_json(data, source), source, "the file")
    if body.get("schemaVersion") != SCHEMA_VERSION:
        raise MalformedData(source, f"its schemaVersion is not {SCHEMA_VERSION}")
    items = as_list(body.get("alerts"), source, "alerts")
    if len(items) > MOST_ALERTS:
        raise MalformedData(source, f"{len(items)} alerts: over {MOST_ALERTS}")
    alerts = []
    for number, item in enumerate(items):
        where = f"{source}, alerts[{number}]"
        one = as_object(item, where, "it")
        key, title = as_text(one.get("key"), where, "key"), as_text(one.get("title"), where, "title")
        labels = as_texts(one.get("labels"), where, "labels")
        if not key or visible(key) != key or visible(title) != title or max(len(key), len(title)) > TITLE_CHARACTERS:
            raise MalformedData(where, f"key and title are one visible line of at most {TITLE_CHARACTERS} characters")
        if not LABELS.issuperset(labels):
            raise MalformedData(where, f"its labels are not of {', '.join(sorted(LABELS))}")
        text = as_text(one.get("body"), where, "body")
        alerts.append(Alert(key, title, _body(text.encode(), where, alert_marker(key)), labels))
    if len({one.key for one in alerts}) != len(alerts):
        raise MalformedData(source, "two alerts have the same key")
    return tuple(alerts)


def key_of_issue(body: str) -> str | None:
    """The key that an issue's first line names; None if it is no alert."""
    found = _ALERT_LINE.fullmatch(body.partition("\n")[0].rstrip("\r"))
    try:
        return None if found is None else bytes.fromhex(found[1]).decode()
    except ValueError:
        return None


def _read(path: Path, limit_bytes: int) -> bytes | None:
    try:
        return read_file(path, limit_bytes, follow_links=False, one_link=True)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise MalformedData(str(path), error.strerror or str(error)) from error


def _body(data: bytes, source: str, marker: str) -> str:
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise MalformedData(source, f"not UTF-8 at byte {error.start}") from None
    if "\0" in text or text.partition("\n")[0] != marker:
        raise MalformedData(source, "its first line is not our marker, or it has a NUL")
    if len(text) > COMMENT_LIMIT_CHARACTERS:
        raise MalformedData(source, f"it is over {COMMENT_LIMIT_CHARACTERS:,} characters")
    return _MENTION.sub(lambda found: found[0] if found["apart"] else f"{found[0]}\u200b", text)
