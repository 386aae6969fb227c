"""A folder with RustSec's advisory database: whether it is one, of what day it is, and how cargo-deny wants it.

cargo-audit says of a plain folder that it was last updated `null`; cargo-deny takes the time at which somebody fetched
it. Neither is the date of what is in it.
"""

from __future__ import annotations

import datetime
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from nanna_ci.foundation.errors import NannaError, ToolMissing
from nanna_ci.foundation.redact import without_secrets
from nanna_ci.supply_chain.scanning.scanner_programs import Run
from nanna_ci.supply_chain.scanning.security_finding import AdvisorySource

NAME: Final = "RustSec"
DATABASE_VARIABLE: Final = "NANNA_CI_ADVISORY_DB"  # the flake's input
MODIFIED_VARIABLE: Final = "NANNA_CI_ADVISORY_DB_MODIFIED"  # when its commit was made, in seconds since 1970
# the folder of RustSec's URL, which is the default, as cargo-deny names it
_DENY_FOLDER: Final = "advisory-db-3157b0e258782691"
_DATE: Final = re.compile(r'^(?:date|withdrawn) = "(\d{4}-\d\d-\d\d)"', re.MULTILINE)
_GIT_S: Final = 30.0
_HINT: Final = (
    "--advisory-db FOLDER takes a checkout of RustSec's advisory-db; the flake's app has its input of that name"
)


@dataclass(frozen=True, slots=True)
class RustSecDatabase:
    """A database that has advisories; how old it may be is judged elsewhere."""

    folder: Path
    source: AdvisorySource

    def lay_out(self, scratch: Path, fetched_s: float | None) -> Path:
        """The folder of databases that cargo-deny takes, with this one in it as a git repository.

        `fetched_s` is when cargo-deny shall think it was fetched; None: now.
        """
        place = scratch / _DENY_FOLDER
        for below in ("objects", "refs"):
            (place / ".git" / below).mkdir(parents=True)
        (place / ".git" / "HEAD").write_text("ref: refs/heads/main\n", encoding="utf-8")
        (place / ".git" / "config").write_text("[core]\n\trepositoryformatversion = 0\n\tbare = false\n", "utf-8")
        fetched = place / ".git" / "FETCH_HEAD"
        fetched.touch()
        if fetched_s is not None:
            os.utime(fetched, (fetched_s, fetched_s))
        (place / "crates").symlink_to((self.folder / "crates").resolve(), target_is_directory=True)
        return scratch


def handed_database(environ: Mapping[str, str], *, run: Run) -> RustSecDatabase:
    """The database that the flake's app hands on. ToolMissing where it hands none."""
    handed, stated = environ.get(DATABASE_VARIABLE), environ.get(MODIFIED_VARIABLE, "")
    modified_s = int(stated) if re.fullmatch(r"[0-9]{1,11}", stated) else 0
    return open_database(Path(handed) if handed else None, modified_s, run=run, environ=environ)


def open_database(folder: Path | None, modified_s: int, *, run: Run, environ: Mapping[str, str]) -> RustSecDatabase:
    """The database in a folder. `modified_s` is when its commit was made, in seconds since 1970, or 0: unknown.

    Raises ToolMissing where there is none, or no advisory in it.
    """
    if folder is None:
        raise ToolMissing("advisory database", "none was given", hint=_HINT)
    files = sorted((folder / "crates").rglob("*.md"))
    if not files:
        raise ToolMissing("advisory database", f"{folder} has no advisories: there is no crates/*/*.md", hint=_HINT)
    committed_s = modified_s if modified_s > 1 else _commit_time_s(folder, run, environ)
    if committed_s is not None:
        day: datetime.date | None = datetime.datetime.fromtimestamp(committed_s, datetime.UTC).date()
        return RustSecDatabase(folder, AdvisorySource(NAME, len(files), day, "its commit"))
    texts = (path.read_text(encoding="utf-8", errors="replace") for path in files)
    day = max((day for text in texts for day in _days(text)), default=None)
    return RustSecDatabase(
        folder, AdvisorySource(NAME, len(files), day, None if day is None else "its newest advisory")
    )


def _days(text: str) -> list[datetime.date]:
    found = []
    for written in _DATE.findall(text):
        try:
            found.append(datetime.date.fromisoformat(written))
        except ValueError:  # cargo-audit will say so
            continue
    return found


def _commit_time_s(folder: Path, run: Run, environ: Mapping[str, str]) -> int | None:
    """When the commit of a checkout was made; None for a folder that is none."""
    if not (folder / ".git").exists():
        return None
    try:
        argv = ("git", "-C", str(folder), "log", "-1", "--format=%ct")
        text = run(argv, timeout_s=_GIT_S, env=without_secrets(environ)).text().strip()
    except NannaError:
        return None
    return int(text) if re.fullmatch(r"[0-9]{1,11}", text) else None
