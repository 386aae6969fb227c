"""A RustSec advisory database, laid out for cargo-deny, and its date. For both toolkits.

cargo-audit says of a plain folder that it was last updated `null`, and cargo-deny takes the time at which somebody
fetched it. Neither is the date of what is in it, which is found here, and judged by whoever knows what day it is: a
derivation that was built once would call the same database fresh for ever.
"""

import json
import os
import re
import subprocess
import tomllib
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

# what `ci` reads of a job that asked an advisory database
SCAN_FILE = "scan.json"
# how a date was found
OF_COMMIT, OF_NEWEST = "commit", "newest advisory"
POLICIES = ("deny.toml", ".deny.toml", ".cargo/deny.toml")
STALENESS = "maximum-db-staleness"
_DATE = re.compile(r'^(?:date|withdrawn) = "(\d{4}-\d\d-\d\d)"', re.MULTILINE)


def describe_database(database: Path, modified_s: int) -> dict[str, Any]:
    """How many advisories a database has below crates/, its `date` and whose that is (`basis`); None where unknown.

    `modified_s` is the commit's, in seconds since 1970, or 0: a folder has a time of its own, and that says nothing.
    """
    files = sorted((database / "crates").rglob("*.md"))
    dates = [found for path in files for found in _DATE.findall(path.read_text(encoding="utf-8", errors="replace"))]
    known: dict[str, str | None] = {"date": None, "basis": None}
    if modified_s > 1:
        known = {"date": f"{datetime.fromtimestamp(modified_s, UTC):%Y-%m-%d}", "basis": OF_COMMIT}
    elif newest := max(filter(_is_date, dates), default=None):
        known = {"date": newest, "basis": OF_NEWEST}
    return {**known, "advisories": len(files)}


def _is_date(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def words_for(database: Mapping[str, Any]) -> str:
    """The database in a few words."""
    whose = {OF_COMMIT: "as its commit says", OF_NEWEST: "the date of its newest advisory"}
    of = f"of {database['date']}, {whose[database['basis']]}" if database["date"] else "of unknown date"
    return f"the advisory database ({of}) holds {database['advisories']:,} advisories"


def write_scan(out: Path, database: Mapping[str, Any], policy: str | None, not_looked_up: bool) -> None:
    """out/scan.json: what a scan rests on.

    `policy` is the file that said what is allowed, `default` for our own, None where none is asked for;
    `not_looked_up`: whether nobody knows which of the crates were yanked.
    """
    scan = {"schemaVersion": 1, "database": dict(database), "policy": policy, "yankedUnknown": not_looked_up}
    out.mkdir(exist_ok=True)
    (out / SCAN_FILE).write_text(f"{json.dumps(scan, sort_keys=True)}\n", encoding="utf-8")


def policy_of(folder: Path) -> Path | None:
    """The workspace's own policy, where cargo-deny looks for it; None where it has none."""
    return next((path for name in POLICIES if (path := folder / name).is_file()), None)


def make_repository(place: Path, database: Mapping[str, Any], policy: str, environment: Mapping[str, str]) -> None:
    """Makes the database a git repository with a time of its last fetch: cargo-deny asks for both.

    Without that time no database would ever be old to it. It is the database's own date where the policy limits its
    age. Elsewhere cargo-deny's 90 days must not stand in the place of pipeline.toml's database_max_age_days: it was
    fetched now.
    """
    subprocess.run(["git", "init", "--quiet", str(place)], check=True, env=environment)
    fetched = place / ".git" / "FETCH_HEAD"
    fetched.touch()
    if limits_age(policy) and database["date"]:
        # a day says nothing of the hour: the last one, so that a day's limit is not missed by hours
        end = datetime.combine(date.fromisoformat(database["date"]) + timedelta(days=1), datetime.min.time(), UTC)
        seconds = min(end.timestamp(), fetched.stat().st_mtime)
        os.utime(fetched, (seconds, seconds))


def limits_age(policy: str) -> bool:
    """Whether a deny.toml says itself how old a database may be."""
    try:
        advisories = tomllib.loads(policy).get("advisories")
    except tomllib.TOMLDecodeError:
        return False
    return isinstance(advisories, dict) and STALENESS in advisories
