"""What `doctor` says of scans: how old the advisories are, which scanners are there, which decisions end."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from nanna_ci.foundation.errors import CommandFailed, ToolMissing
from nanna_ci.foundation.finding import Finding, Health
from nanna_ci.supply_chain.scanning.baseline_file import AcceptedFinding
from nanna_ci.supply_chain.scanning.rustsec_database import handed_database
from nanna_ci.supply_chain.scanning.scanner_programs import Run, find_program, query_version
from nanna_ci.supply_chain.scanning.security_finding import AdvisorySource

SOON_DAYS: Final = 14  # so that a decision is renewed before its end fails a scan
_NEWER: Final = "`nix flake update advisory-db`, or --override-input advisory-db path:FOLDER"
_VERSION_WORDS: Final = {
    "cargo-audit": ("audit", "--version"),
    "cargo-deny": ("--version",),
    "trivy": ("--version",),
}


def check_scans(
    accepted: Sequence[AcceptedFinding],
    *,
    max_age_days: int,
    today: datetime.date,
    run: Run,
    environ: Mapping[str, str],
) -> Iterator[Finding]:
    """A finding each for the advisory database, the scanners' programs, and the baseline."""
    try:
        source = handed_database(environ, run=run).source
    except ToolMissing as error:
        yield Finding("advisory database", None, Health.UNAVAILABLE, f"{error.message}; give one: {_NEWER}")
    else:
        yield check_age(source, max_age_days, today)
    for name, words in _VERSION_WORDS.items():
        try:
            version = query_version(name, (find_program(name, environ), *words), run, environ)
            yield Finding("scanner", name, Health.GOOD, version)
        except (ToolMissing, CommandFailed) as error:
            hint = f"; {error.hint}" if error.hint else ""
            yield Finding("scanner", name, Health.UNAVAILABLE, error.message + hint)
    yield from check_baseline(accepted, today)


def check_age(source: AdvisorySource, max_age_days: int, today: datetime.date) -> Finding:
    """Whether the advisories are young enough."""
    count = f"{source.advisories:,} advisories" if source.advisories is not None else "advisories"
    age_days = source.age_days(today)
    if age_days is None:
        return Finding("advisory database", source.name, Health.WARN, f"{count} of an unknown day", _NEWER)
    said = f"{count}, {age_days} days old ({source.date}, {source.basis})"
    if age_days > max_age_days:
        return Finding(
            "advisory database", source.name, Health.WARN, f"{said}; database_max_age_days is {max_age_days}", _NEWER
        )
    return Finding("advisory database", source.name, Health.GOOD, said)


def check_baseline(accepted: Sequence[AcceptedFinding], today: datetime.date) -> Iterator[Finding]:
    """Decisions that have ended, which fail a scan, and those that soon will."""
    if not accepted:
        yield Finding("accepted findings", None, Health.GOOD, "none")
    for one in accepted:
        left_days = (one.expires - today).days
        fix = f"mend it, or let {one.owner} decide anew and set a later expires"
        if left_days < 0:
            yield Finding("accepted findings", one.id, Health.BAD, f"accepted until {one.expires}, which is over", fix)
        elif left_days <= SOON_DAYS:
            yield Finding("accepted findings", one.id, Health.WARN, f"accepted until {one.expires} only", fix)
        else:
            yield Finding("accepted findings", one.id, Health.GOOD, f"accepted by {one.owner} until {one.expires}")
