"""Scans of a bill of materials: its packages against advisories, its crates, and programs without a list of theirs."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from nanna_ci.foundation.errors import ToolMissing
from nanna_ci.foundation.scratch import scratch_folder
from nanna_ci.supply_chain.scanning.bill_matching import match_bill
from nanna_ci.supply_chain.scanning.cargo_audit import CargoAudit
from nanna_ci.supply_chain.scanning.cargo_lock import write_lock
from nanna_ci.supply_chain.scanning.osv_records import OsvAdvisory
from nanna_ci.supply_chain.scanning.rustsec_database import RustSecDatabase
from nanna_ci.supply_chain.scanning.scanned_bill import BilledPackage, ScannedBill
from nanna_ci.supply_chain.scanning.scanner_programs import Run
from nanna_ci.supply_chain.scanning.security_finding import (
    AdvisorySource,
    AnswerState,
    FindingState,
    ScanAnswer,
    ScannerName,
    ScanTarget,
    SecurityFinding,
)

NO_CRATE_LIST = "crate-list-absent"


@dataclass(frozen=True, slots=True)
class StorePathScanner:
    """The packages of a bill against OSV advisories; `advisories` is None where none were given."""

    target: ScanTarget
    bill: ScannedBill
    advisories: tuple[OsvAdvisory, ...] | None

    @property
    def name(self) -> ScannerName:
        return ScannerName.STORE_PATHS

    def scan(self) -> ScanAnswer:
        """What matches. ToolMissing without advisories: nothing was compared then."""
        if self.advisories is None:
            hint = "--advisories FOLDER takes OSV records; --without store-paths leaves this out, and says so"
            raise ToolMissing("store paths", "no advisories were given", hint=hint)
        days = [one.modified for one in self.advisories if one.modified is not None]
        day: datetime.date | None = max(days, default=None)
        source = AdvisorySource("OSV", len(self.advisories), day, None if day is None else "its newest record")
        nameless = sum(not package.purls and package.cpe is None for package in self.bill.packages)
        notes = [f"{nameless} components have neither purl nor CPE: only a name can match them"] if nameless else []
        return ScanAnswer(
            self.name,
            self.target,
            AnswerState.ANSWERED,
            match_bill(self.bill.packages, self.advisories),
            notes=tuple(notes),
            database=source,
            counts={"packages": len(self.bill.packages)},
        )


@dataclass(frozen=True, slots=True)
class CrateListScanner:
    """Rust programs that carry no list of their crates: nobody can say what is in them."""

    target: ScanTarget
    bill: ScannedBill

    @property
    def name(self) -> ScannerName:
        return ScannerName.CRATE_LISTS

    def scan(self) -> ScanAnswer:
        """A finding for each program without a list."""
        findings = tuple(
            SecurityFinding(
                id=NO_CRATE_LIST,
                aliases=(),
                severity=None,
                component_ref=f"file:{program.path}",
                version=None,
                fixed_versions=(),
                title=f"{program.path} carries no list of its crates: build it with cargo-auditable, strip no section",
                url=None,
                scanner=self.name,
                state=FindingState.GATING,
                reason="what is in it is unknown",
                by_policy=True,
                places=(program.ref,),
            )
            for program in self.bill.programs
            if not program.has_crate_list
        )
        counts = {"programs": len(self.bill.programs)}
        notes = () if self.bill.programs else ("the bill says of no program whether it carries a list of its crates",)
        return ScanAnswer(self.name, self.target, AnswerState.ANSWERED, findings, notes=notes, counts=counts)


@dataclass(frozen=True, slots=True)
class BillCrateScanner:
    """cargo-audit over the crates of a bill, as a lock file. `registries` are known names of the crates' registry."""

    target: ScanTarget
    bill: ScannedBill
    database: RustSecDatabase
    registries: Sequence[str]
    run: Run
    environ: Mapping[str, str]

    @property
    def name(self) -> ScannerName:
        return ScannerName.CARGO_AUDIT

    def scan(self) -> ScanAnswer:
        """cargo-audit's answer. ToolMissing where the bill does not say which registry its crates are from."""
        crates = registry_crates(self.bill)
        known = [one.crate_source for one in crates if (one.crate_source or "").startswith("registry+")]
        sources = [source for source in (*known, *self.registries) if source]
        if not sources:
            problem = f"the bill says of none of its {len(crates)} crates which registry it is from"
            raise ToolMissing("cargo-audit", problem, hint="sbom … --facts FOLDER says it; --lock FILE knows it too")
        with scratch_folder("nanna-ci-crates-") as scratch:
            rows = [(one.name, one.version or "", _source(one, sources[0])) for one in crates]
            lock = write_lock(rows, scratch / "Cargo.lock", self.target.place)
            answer = CargoAudit(self.target, lock, self.database, self.run, self.environ).scan()
        places = {(one.name, one.version): one.ref for one in crates}
        findings = tuple(
            replace(finding, places=(places[name, finding.version],), line=None)
            for finding in answer.findings
            for name in (finding.component_ref.removeprefix("pkg:cargo/").partition("@")[0],)
        )
        return replace(answer, findings=findings, counts={"crates": len(crates)})


def registry_crates(bill: ScannedBill) -> list[BilledPackage]:
    """The crates of a bill that are from the main registry: others that share a name are other crates."""
    return [
        package
        for package in bill.packages
        if package.version is not None
        and any(purl.kind == "cargo" and not purl.origin for purl in package.purls)
        and package.crate_source != "workspace"
    ]


def _source(package: BilledPackage, usual: str) -> str:
    own = package.crate_source or ""
    return own if own.startswith("registry+") else usual


def bill_place(path: Path, cwd: Path) -> str:
    """How a bill's file is named in reports."""
    return str(path.relative_to(cwd)) if path.is_relative_to(cwd) else path.name
