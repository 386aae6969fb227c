"""What a job's output says besides being there: which advisory database a scan asked, which part of the code tests ran.

A derivation answers the same for ever, and must not know what day it is: how old its database is, is judged here, and
again in every run.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nanna_ci.foundation.errors import MalformedData
from nanna_ci.foundation.guarded_read import read_file
from nanna_ci.foundation.json_data import as_count, as_object, as_text, load_json
from nanna_ci.foundation.verdict import Verdict
from nanna_ci.pipeline.lcov import MOST_BYTES, parse_lcov
from nanna_ci.report.units import share_text

SCAN_FILE = "scan.json"
COVERAGE_FILE = "lcov.info"
OUR_POLICY = "default"
SCAN_BYTES = 64 * 1024

_WHOSE_DATE = {"commit": "its commit", "newest advisory": "its newest advisory"}
_NEWER = "give a newer one: `nix flake update advisory-db`, or --override-input advisory-db path:FOLDER"


@dataclass(frozen=True, slots=True)
class DatabaseRule:
    """How many days old an advisory database may be today. An older one is a warning, and fails where `strict`."""

    max_age_days: int
    today: datetime.date
    strict: bool


@dataclass(frozen=True, slots=True)
class ScanFacts:
    """What an audit or a deny rests on (nix/toolkits/debian/builder/advisories.py).

    `date` is the database's, and `basis` whose date that is; None if unknown. `policy` is the file that said
    what is allowed, `default` for ours, None if there is none. `is_yanked_unknown`: whether nobody could
    say which crates were yanked.
    """

    date: datetime.date | None
    basis: str | None
    advisories: int
    policy: str | None
    is_yanked_unknown: bool

    def old(self, rule: DatabaseRule) -> tuple[str, str] | None:
        """That the database counts as old, in short, and with its date and what to do; None if it does not."""
        if self.date is None:
            short = "the advisory database has no date, so that nobody knows its age"
            return short, f"{short}; {_NEWER}"
        age_days = max((rule.today - self.date).days, 0)
        if age_days <= rule.max_age_days:
            return None
        short = f"the advisory database is {age_days} days old"
        whose = _WHOSE_DATE.get(self.basis or "", "an unknown source")
        limit = f"and database_max_age_days is {rule.max_age_days}"
        return short, f"{short} ({self.date}, the date of {whose}), {limit}; {_NEWER}"

    def notes(self) -> tuple[str, ...]:
        """What a pass must not hide."""
        ours = "held to the default policy of Nanna CI, for the workspace has no deny.toml"
        yanked = "yanked crates were not looked for: that takes the registry"
        return (*([ours] if self.policy == OUR_POLICY else []), *([yanked] if self.is_yanked_unknown else []))

    def to_json(self) -> dict[str, Any]:
        """For a result's evidence."""
        return {
            "databaseDate": None if self.date is None else self.date.isoformat(),
            "databaseDateOf": self.basis,
            "advisories": self.advisories,
            "policy": self.policy,
            "yankedUnknown": self.is_yanked_unknown,
        }


@dataclass(frozen=True, slots=True)
class OutputAnswer:
    """What an output adds to a job's answer: a verdict, a reason, warnings, evidence."""

    verdict: Verdict = Verdict.PASS
    reason: str | None = None
    warnings: tuple[str, ...] = ()
    evidence: Mapping[str, Any] | None = None


def judge_output(output: Path, rule: DatabaseRule) -> OutputAnswer:
    """The answer of what lies in an output. MalformedData if a file there is not one of ours."""
    if (path := output / SCAN_FILE).is_file():
        scan = parse_scan(_read(path, SCAN_BYTES), str(path))
        old = scan.old(rule)
        evidence = {"scan": scan.to_json()}
        if old is not None and rule.strict:
            return OutputAnswer(Verdict.FAIL, f"{old[1]}; --strict counts that as failure", (), evidence)
        reason = "; ".join((*([] if old is None else [old[0]]), *scan.notes()))
        return OutputAnswer(Verdict.PASS, reason or None, () if old is None else (old[1],), evidence)
    if (path := output / COVERAGE_FILE).is_file():
        rate = parse_lcov(_read(path, MOST_BYTES), str(path)).line_rate
        shown = "n/a: no line can be run" if rate is None else share_text(rate)
        percent = None if rate is None else 100 * rate
        return OutputAnswer(reason=f"line coverage: {shown}", evidence={"lineCoveragePercent": percent})
    return OutputAnswer()


def parse_scan(data: bytes, source: str) -> ScanFacts:
    """Read scan.json. MalformedData for anything that the builder would not have written."""
    value = as_object(load_json(data, source), source, "the file")
    if value.get("schemaVersion") != 1:
        raise MalformedData(source, f"schemaVersion {value.get('schemaVersion')!r}, only 1 is known")
    database = as_object(value.get("database"), source, "database")
    given, basis, policy = database.get("date"), database.get("basis"), value.get("policy")
    try:
        date = None if given is None else datetime.date.fromisoformat(as_text(given, source, "date"))
    except ValueError:
        raise MalformedData(source, f"date is {given!r:.40}, not a day such as 2026-11-28") from None
    unknown = value.get("yankedUnknown")
    if not isinstance(unknown, bool):
        raise MalformedData(source, "yankedUnknown is neither true nor false")
    return ScanFacts(
        date,
        None if basis is None else as_text(basis, source, "basis"),
        as_count(database.get("advisories"), source, "advisories"),
        None if policy is None else as_text(policy, source, "policy"),
        unknown,
    )


def _read(path: Path, limit_bytes: int) -> bytes:
    try:
        return read_file(path, limit_bytes)
    except OSError as error:
        raise MalformedData(str(path), f"cannot be read: {error.strerror}") from error
