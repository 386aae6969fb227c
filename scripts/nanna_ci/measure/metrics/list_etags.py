"""The ETags of lists that have not changed since: a page of such a list costs nothing of GitHub's rate limit."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from nanna_ci.foundation.errors import MalformedData
from nanna_ci.foundation.guarded_read import MEBIBYTE, read_file
from nanna_ci.foundation.json_data import as_object, as_text, load_json
from nanna_ci.report.files import write_atomic

LISTS_FILE: Final = "github-lists.json"


class ListEtags:
    """The ETags of lists that were recorded to their end, each with the newest run that was on it.

    It only saves requests: a file that cannot be read counts as empty.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lists = _read_lists(path)

    def etag(self, key: str, known: Mapping[str, object]) -> str | None:
        """The ETag of a list, if the history has the newest run that was on it."""
        etag, newest = self._lists.get(key, (None, ""))
        return etag if not newest or newest in known else None

    def keep(self, key: str, etag: str | None, newest: str) -> None:
        """Remember a list; `newest` is "" for one that was empty."""
        if etag is None or self._lists.get(key) == (etag, newest):
            return
        self._lists[key] = (etag, newest)
        lists = {name: {"etag": known, "newest": run} for name, (known, run) in sorted(self._lists.items())}
        write_atomic(self._path, (json.dumps({"schemaVersion": 1, "lists": lists}, indent=2) + "\n").encode())


def _read_lists(path: Path) -> dict[str, tuple[str, str]]:
    found = {}
    try:
        body = as_object(load_json(read_file(path, MEBIBYTE), str(path)), str(path), "the file")
        for key, value in as_object(body.get("lists"), str(path), "lists").items():
            one = as_object(value, str(path), key)
            found[key] = (as_text(one.get("etag"), key, "etag"), as_text(one.get("newest"), key, "newest"))
    except (OSError, MalformedData):
        return {}
    return found
