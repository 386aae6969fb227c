"""What scanners answer, whichever they are: findings about the parts of a target, or why there is no answer."""

from __future__ import annotations

import datetime
import enum
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from nanna_ci.foundation.errors import Interrupted, NannaError, ToolMissing
from nanna_ci.pipeline.vocabulary import Severity


class FindingState(enum.Enum):
    """What becomes of a finding; only GATING fails a scan.

    WARNING: informational, or below the severity that fails. POSSIBLE: by a name alone, or by what cannot be compared.
    SUPPRESSED: there is evidence that it is mended. ACCEPTED: the baseline says so.
    """

    GATING = "gating"
    WARNING = "warning"
    POSSIBLE = "possible"
    SUPPRESSED = "suppressed"
    ACCEPTED = "accepted"


class ScannerName(enum.StrEnum):
    """The scanners, as --without takes them."""

    CARGO_AUDIT = "cargo-audit"
    CARGO_DENY = "cargo-deny"
    STORE_PATHS = "store-paths"
    CRATE_LISTS = "crate-lists"
    TRIVY = "trivy"


class AnswerState(enum.Enum):
    """Whether a scanner answered. LEFT_OUT: by --without. UNAVAILABLE and FAILED are never green."""

    ANSWERED = "answered"
    LEFT_OUT = "left out"
    UNAVAILABLE = "unavailable"
    FAILED = "failed"


class TargetKind(enum.Enum):
    """What is scanned: a Cargo.lock, a bill of materials, or an image."""

    CRATES = "crates"
    BILL = "bill"
    IMAGE = "image"


@dataclass(frozen=True, slots=True)
class ScanTarget:
    """What is scanned. `digest` is an image's, by which it is pulled; `place` the file or reference, for reports."""

    kind: TargetKind
    name: str
    place: str
    digest: str | None = None

    @property
    def category(self) -> str:
        """What tells its results from those of other targets, today's and tomorrow's: no digest is in it."""
        return "crates" if self.kind is TargetKind.CRATES else f"{self.kind.value}/{self.name}"


@dataclass(frozen=True, slots=True)
class SourceLine:
    """Where a finding is shown: a file below the source, and a line, or None."""

    uri: str
    line: int | None = None


@dataclass(frozen=True, slots=True)
class SecurityFinding:
    """Something that is known, or suspected, of a component.

    `component_ref` is a purl without what says where a copy lies, or where there is none the place itself. `places` are
    the store paths or files that have it. `severity` is None where nobody knows it. `by_policy`: the workspace's own
    policy decides whether it fails, whatever its severity. `reason` says why the state is not GATING, or adds to it.
    """

    id: str
    aliases: tuple[str, ...]
    severity: Severity | None
    component_ref: str
    version: str | None
    fixed_versions: tuple[str, ...]
    title: str
    url: str | None
    scanner: ScannerName
    state: FindingState
    reason: str | None = None
    by_policy: bool = False
    places: tuple[str, ...] = ()
    line: SourceLine | None = None
    confirmed_by: tuple[ScannerName, ...] = ()

    @property
    def names(self) -> frozenset[str]:
        """All that it is called."""
        return frozenset((self.id, *self.aliases))


@dataclass(frozen=True, slots=True)
class AdvisorySource:
    """A database of advisories: how many, and of what day (None: unknown). `basis` says whose day that is."""

    name: str
    advisories: int | None
    date: datetime.date | None
    basis: str | None

    def age_days(self, today: datetime.date) -> int | None:
        """Its age; None where nobody knows it."""
        return None if self.date is None else max((today - self.date).days, 0)


@dataclass(frozen=True, slots=True)
class ScanAnswer:
    """A scanner's answer about a target. `reason` says why there is none; `notes` are what a pass must not hide."""

    scanner: ScannerName
    target: ScanTarget
    state: AnswerState
    findings: tuple[SecurityFinding, ...] = ()
    reason: str | None = None
    notes: tuple[str, ...] = ()
    version: str | None = None
    database: AdvisorySource | None = None
    counts: Mapping[str, int] = field(default_factory=dict)


class SecurityScanner(Protocol):
    """One interface over all scanners."""

    @property
    def name(self) -> ScannerName:
        """Which it is."""

    @property
    def target(self) -> ScanTarget:
        """What it is over."""

    def scan(self) -> ScanAnswer:
        """Its answer. Raises NannaError where there is none; ToolMissing where the tool or database is not there."""


def ask_scanner(
    name: ScannerName, target: ScanTarget, make: Callable[[], SecurityScanner], say: Callable[[str], None]
) -> ScanAnswer:
    """A scanner's answer; where it has none, why. `make` may find that there is no such scanner."""
    say(f"{name}: {target.place}")
    try:
        return make().scan()
    except Interrupted:
        raise
    except ToolMissing as error:
        hint = f" ({error.hint})" if error.hint else ""
        return ScanAnswer(name, target, AnswerState.UNAVAILABLE, reason=f"{error.message}{hint}")
    except NannaError as error:
        return ScanAnswer(name, target, AnswerState.FAILED, reason=error.message)
