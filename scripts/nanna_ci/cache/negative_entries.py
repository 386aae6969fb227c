"""Nix's own narinfo cache, read and never written: which paths it believes absent, so that a fresh push stays hidden.

Nix keeps what substituters answered in `binary-cache-vN.sqlite`; an answer "not there" counts for
narinfo-cache-negative-ttl seconds. Where a daemon substitutes, its file counts too, which is root's.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from nanna_ci.foundation.errors import MalformedData

DEFAULT_TTL_S: Final = 3600
_FILE: Final = re.compile(r"binary-cache-v(\d{1,6})\.sqlite")
_DAEMON_SOCKET: Final = Path("/nix/var/nix/daemon-socket/socket")
_ROOTS_HOMES: Final = (Path("/root"), Path("/var/root"))  # Linux, macOS
_BUSY_S: Final = 2.0  # a Nix that writes holds its lock for milliseconds
_QUERY: Final = """
    select BinaryCaches.url, NARs.hashPart, NARs.timestamp
    from NARs join BinaryCaches on NARs.cache = BinaryCaches.id
    where NARs.present = 0 and NARs.timestamp > ?
"""


@dataclass(frozen=True, slots=True)
class NegativeEntries:
    """Fresh entries: URL of a substituter → hash of a path → seconds since it was not there.

    `ttl_s`: at that age Nix asks again. `problem`: why there may be more entries than these, None if that is all.
    """

    ages_s: Mapping[str, Mapping[str, float]]
    ttl_s: int
    problem: str | None

    def for_(self, url: str, hashes: Collection[str]) -> Mapping[str, float]:
        """Of the hashes, those that Nix believes absent from the substituter, with the age of the entry in seconds."""
        of_url = self.ages_s.get(_bare(url), {})
        return {one: of_url[one] for one in hashes if one in of_url}


def load_negative_entries(
    environ: Mapping[str, str], settings: Mapping[str, Any] | None, *, now: float
) -> NegativeEntries:
    """Read what is there; what cannot be read is `problem`, never an exception.

    `settings` are Nix's, None if there is no nix; `now` is Unix time.
    """
    ttl_s = (settings or {}).get("narinfo-cache-negative-ttl")
    if isinstance(ttl_s, bool) or not isinstance(ttl_s, int) or ttl_s < 0:
        ttl_s = DEFAULT_TTL_S
    ages_s: dict[str, dict[str, float]] = {}
    problems = []
    for folder in _folders(environ):
        try:
            file = _newest(folder)
            if file is not None:
                _read(file, ttl_s, now, ages_s)
        except MalformedData as error:
            problems.append(error.message)
        except OSError as error:
            problems.append(f"{folder}: {error.strerror}")
    return NegativeEntries(ages_s, ttl_s, "; ".join(problems) or None)


def _folders(environ: Mapping[str, str]) -> list[Path]:
    """Where Nix keeps its caches: the caller's, and root's if there is a daemon."""
    own = environ.get("NIX_CACHE_HOME")
    if not own:
        cache_home = environ.get("XDG_CACHE_HOME") or (environ.get("HOME") and f"{environ['HOME']}/.cache")
        own = f"{cache_home}/nix" if cache_home else None
    folders = [Path(own)] if own else []
    if os.name == "posix" and os.geteuid() != 0 and os.access(_DAEMON_SOCKET, os.F_OK):
        folders += [home / ".cache/nix" for home in _ROOTS_HOMES if home.exists()]
    return folders


def _newest(folder: Path) -> Path | None:
    """The file of the newest format: an older one was left behind by an older Nix. None if there is none."""
    try:
        names = [entry.name for entry in folder.iterdir()]
    except FileNotFoundError:
        return None
    versions = {int(match[1]): name for name in names if (match := _FILE.fullmatch(name))}
    return folder / versions[max(versions)] if versions else None


def _read(file: Path, ttl_s: int, now: float, ages_s: dict[str, dict[str, float]]) -> None:
    try:
        import sqlite3  # noqa: PLC0415 - some builds of Python have none
    except ImportError:
        raise MalformedData(str(file), "this Python has no sqlite3 to read it with") from None
    try:
        uri = f"file:{quote(str(file))}?mode=ro"
        with closing(sqlite3.connect(uri, uri=True, timeout=_BUSY_S)) as database:
            rows = database.execute(_QUERY, (now - ttl_s,)).fetchall()
    except sqlite3.Error as error:
        raise MalformedData(str(file), f"cannot be read as Nix's narinfo cache: {error}") from None
    for url, path_hash, timestamp in rows:
        if not (isinstance(url, str) and isinstance(path_hash, str) and isinstance(timestamp, int)):
            raise MalformedData(str(file), "holds entries of another form")
        of_url = ages_s.setdefault(_bare(url), {})
        age_s = max(0.0, now - timestamp)
        of_url[path_hash] = min(age_s, of_url.get(path_hash, age_s))


def _bare(url: str) -> str:
    """A URL as Nix writes it there, whichever version wrote it: no query, no slash at its end."""
    return url.partition("?")[0].rstrip("/")
