"""The cargo-audit program: holes in the crates of a Cargo.lock, and what it warns of."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from nanna_ci.foundation.errors import CommandFailed, ConfigError, MalformedData
from nanna_ci.supply_chain.scanning.cargo_lock import CargoLock
from nanna_ci.supply_chain.scanning.cvss import severity_of
from nanna_ci.supply_chain.scanning.rustsec_database import RustSecDatabase
from nanna_ci.supply_chain.scanning.scanner_programs import Run, find_program, query_version
from nanna_ci.supply_chain.scanning.security_finding import (
    AnswerState,
    FindingState,
    ScanAnswer,
    ScannerName,
    ScanTarget,
    SecurityFinding,
)

YANKED: Final = "yanked"
_TIMEOUT_S: Final = 600.0
_ANSWERS: Final = frozenset({0, 1})  # 1 also for what is no answer: what is printed decides
_NOT_ASKED: Final = b"error: couldn't check if the package is yanked"
_SOURCE: Final = "cargo-audit"


@dataclass(frozen=True, slots=True)
class AuditReport:
    """What cargo-audit printed as JSON. `ignored` is what the workspace's own audit.toml leaves out."""

    advisories: int
    crates: int
    ignored: tuple[str, ...]
    findings: tuple[SecurityFinding, ...]


@dataclass(frozen=True, slots=True)
class CargoAudit:
    """cargo-audit over a lock file, by the settings in .cargo/audit.toml beside it, offline."""

    target: ScanTarget
    lock: CargoLock
    database: RustSecDatabase
    run: Run
    environ: Mapping[str, str]

    @property
    def name(self) -> ScannerName:
        return ScannerName.CARGO_AUDIT

    def scan(self) -> ScanAnswer:
        """Its answer. Raises NannaError where it gave none."""
        program = find_program(self.name, self.environ)
        version = query_version(self.name, (program, "audit", "--version"), self.run, self.environ)
        version = version.replace("cargo-audit-audit", "cargo-audit")
        folder = self.lock.path.parent
        argv = [program, "audit", "--json", "--no-fetch", "--stale", "--db", str(self.database.folder.resolve())]
        not_asked: list[bytes] = []

        def listen(line: bytes) -> None:
            if line.startswith(_NOT_ASKED):
                not_asked.append(line)

        done = self.run(
            [*argv, "--file", str(self.lock.path)],
            timeout_s=_TIMEOUT_S,
            accept=_ANSWERS,
            env=self.environ,
            cwd=folder,
            on_stderr=listen,
        )
        if not done.stdout.strip():
            raise CommandFailed(done.argv, done.returncode, done.stderr_tail)
        report = parse_audit_report(done.stdout, self.lock, denied_kinds(folder / ".cargo" / "audit.toml"))
        if not report.advisories:
            raise MalformedData(_SOURCE, f"read no advisory in {self.database.folder}")
        gating = any(finding.state is FindingState.GATING for finding in report.findings)
        if done.returncode and not gating:
            raise MalformedData(_SOURCE, f"named no hole, but exited with {done.returncode}: {done.stderr_tail[-200:]}")
        notes = []
        if report.ignored:
            notes.append(f"ignored, as .cargo/audit.toml says: {', '.join(report.ignored)}")
        if not_asked:
            notes.append(
                f"whether a crate was yanked is unknown for {len(not_asked)} of {report.crates}: "
                "only the registry's index says it, and cargo has no copy of that here"
            )
        return ScanAnswer(
            self.name,
            self.target,
            AnswerState.ANSWERED,
            report.findings,
            notes=tuple(notes),
            version=version,
            database=self.database.source,
            counts={"crates": report.crates, "yankedUnknown": len(not_asked)},
        )


def denied_kinds(file: Path) -> frozenset[str]:
    """The kinds of warnings that the workspace's audit.toml wants to fail; `warnings` stands for all."""
    try:
        output = tomllib.loads(file.read_text(encoding="utf-8")).get("output", {})
    except FileNotFoundError:
        return frozenset()
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(str(file), f"cannot be read: {error}") from error
    denied = output.get("deny", []) if isinstance(output, dict) else []
    return frozenset(kind for kind in denied if isinstance(kind, str)) if isinstance(denied, list) else frozenset()


def parse_audit_report(data: bytes, lock: CargoLock, denied: frozenset[str] = frozenset()) -> AuditReport:
    """Read cargo-audit's JSON. MalformedData for what is something else."""
    try:
        report: dict[str, Any] = json.loads(data)
        found = [_finding(one, None, lock) for one in report["vulnerabilities"]["list"]]
        warned: Mapping[str, Sequence[Any]] = report["warnings"]
        for kind, entries in sorted(warned.items()):
            state = FindingState.GATING if {kind, "warnings"} & denied else FindingState.WARNING
            found += [_finding(one, kind, lock, state) for one in entries]
        return AuditReport(
            int(report["database"]["advisory-count"]),
            int(report["lockfile"]["dependency-count"]),
            tuple(map(str, report["settings"]["ignore"])),
            tuple(found),
        )
    except (ValueError, RecursionError, KeyError, TypeError, AttributeError) as error:
        raise MalformedData(_SOURCE, f"printed no report: {type(error).__name__}: {error}") from error


def _finding(
    entry: Mapping[str, Any], kind: str | None, lock: CargoLock, state: FindingState = FindingState.GATING
) -> SecurityFinding:
    crate, version = str(entry["package"]["name"]), str(entry["package"]["version"])
    advisory = entry["advisory"] or {"id": YANKED, "title": "the crate was yanked from its registry"}
    vector = advisory.get("cvss")
    return SecurityFinding(
        id=str(advisory["id"]),
        aliases=tuple(map(str, advisory.get("aliases") or ())),
        severity=severity_of(vector) if isinstance(vector, str) else None,
        component_ref=f"pkg:cargo/{crate}@{version}",
        version=version,
        fixed_versions=tuple(map(str, (entry.get("versions") or {}).get("patched") or ())),
        title=str(advisory["title"]),
        url=advisory_url(advisory.get("url"), str(advisory["id"])),
        scanner=ScannerName.CARGO_AUDIT,
        state=state,
        reason=kind,
        by_policy=kind is not None,
        line=lock.line_of(crate, version),
    )


def advisory_url(given: object, identifier: str) -> str | None:
    """What an advisory links to, else its page at RustSec."""
    if isinstance(given, str) and given.startswith("https://"):
        return given
    return f"https://rustsec.org/advisories/{identifier}" if identifier.startswith("RUSTSEC-") else None
