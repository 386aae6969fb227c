"""`scan`: what is known to be wrong with crates, store paths and images, and a gate on it."""

from __future__ import annotations

import argparse
import datetime
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from nanna_ci.binaries.cargo import cargo_environment
from nanna_ci.foundation.context import Context
from nanna_ci.foundation.errors import UsageError
from nanna_ci.foundation.guarded_read import MEBIBYTE, read_file
from nanna_ci.pipeline.definition import Pipeline, find_pipeline, load_pipeline
from nanna_ci.pipeline.subject import source_folder
from nanna_ci.pipeline.vocabulary import Severity
from nanna_ci.report.files import write_atomic
from nanna_ci.report.outcome import Outcome
from nanna_ci.store.nix import Nix
from nanna_ci.supply_chain.scanning.baseline_file import AcceptedFinding, load_baseline
from nanna_ci.supply_chain.scanning.bill_scanners import (
    BillCrateScanner,
    CrateListScanner,
    StorePathScanner,
    bill_place,
    registry_crates,
)
from nanna_ci.supply_chain.scanning.cargo_audit import CargoAudit
from nanna_ci.supply_chain.scanning.cargo_deny import CargoDeny
from nanna_ci.supply_chain.scanning.cargo_lock import CargoLock, load_lock
from nanna_ci.supply_chain.scanning.osv_records import OsvAdvisory, load_advisories
from nanna_ci.supply_chain.scanning.rustsec_database import RustSecDatabase, handed_database, open_database
from nanna_ci.supply_chain.scanning.sarif import SarifReport, render_sarif
from nanna_ci.supply_chain.scanning.scan_report import ScanReport, scan_document, scan_to_json
from nanna_ci.supply_chain.scanning.scan_verdict import ScanRule, judge_scan
from nanna_ci.supply_chain.scanning.scanned_bill import ScannedBill, parse_bill
from nanna_ci.supply_chain.scanning.security_finding import (
    AnswerState,
    ScanAnswer,
    ScannerName,
    ScanTarget,
    SecurityScanner,
    TargetKind,
    ask_scanner,
)
from nanna_ci.supply_chain.scanning.trivy import Trivy, TrivyImage, find_image
from nanna_ci.toolchain.cargo_environment import decide_environment

_BILL_BYTES: Final = 256 * MEBIBYTE
# a scanner, or why there is none, once everything that a user may have mistyped was read
_Task = tuple[ScannerName, ScanTarget, Callable[[], SecurityScanner]]


def execute(arguments: argparse.Namespace, context: Context) -> Outcome:
    """The findings; the verdict is fail where one fails, unavailable or error where a scanner gave no answer."""
    request = _Request(arguments, context)
    target = _sarif_file(arguments.sarif, context)
    rule = request.rule()
    tasks = request.tasks()
    left_out = {ScannerName(name) for name in arguments.without}
    answers = [
        ScanAnswer(name, about, AnswerState.LEFT_OUT, reason="left out by --without")
        if name in left_out
        else ask_scanner(name, about, make, context.say)
        for name, about, make in tasks
    ]
    if not any(answer.state is not AnswerState.LEFT_OUT for answer in answers):
        raise UsageError("--without leaves no scanner", hint="nothing was scanned: that is no answer")
    result = judge_scan(answers, rule)
    sarif = None if target is None else render_sarif(result.targets)
    is_written = (
        target is not None and sarif is not None and not context.dry_run and _write_sarif(target, sarif, context)
    )
    report = ScanReport(result, rule, sarif, arguments.sarif if is_written else None)
    outputs = {"sarif": arguments.sarif} if report.file is not None else {}
    return Outcome(result.verdict, scan_document(report), scan_to_json(report), outputs=outputs)


@dataclass(slots=True)
class _Request:
    """The command line and the outside world; what is read once is kept."""

    arguments: argparse.Namespace
    context: Context
    _pipeline: Pipeline | None = None
    _database: RustSecDatabase | None = None
    _advisories: tuple[OsvAdvisory, ...] | None = None

    def path(self, text: str) -> Path:
        return self.context.ports.cwd / text

    def environment(self) -> dict[str, str]:
        """What programs get: no secrets, and nothing that would change cargo's answers."""
        return dict(decide_environment(cargo_environment(self.context.ports.environ)).variables)

    def pipeline(self) -> Pipeline | None:
        """The pipeline.toml that counts; None where there is none, and none was named."""
        ports = self.context.ports
        if self._pipeline is None:
            path = find_pipeline(self.context.config, ports.environ, ports.cwd)
            named = self.context.config is not None or ports.environ.get("NANNA_CI_CONFIG")
            self._pipeline = load_pipeline(path) if named or path.exists() else None
        return self._pipeline

    def rule(self) -> ScanRule:
        """What fails, from the flags and pipeline.toml."""
        pipeline = self.pipeline()
        security = None if pipeline is None else pipeline.security
        least = self.arguments.fail_severity or (Severity.LOW if security is None else security.fail_severity)
        return ScanRule(
            fail_severity=Severity(least),
            max_age_days=14 if security is None else security.database_max_age_days,
            today=datetime.datetime.fromtimestamp(self.context.ports.now(), datetime.UTC).date(),
            strict=self.arguments.strict,
            accepted=self._baseline("security-baseline.toml" if security is None else security.baseline),
        )

    def _baseline(self, usual: str) -> tuple[AcceptedFinding, ...]:
        named = self.arguments.baseline
        if named and not self.path(named).exists():
            raise UsageError(f"--baseline {named}: there is no such file")
        return load_baseline(self.path(named) if named else self._source() / usual)

    def tasks(self) -> list[_Task]:
        """All that is to be scanned. Raises for what the command line names and is not there."""
        arguments = self.arguments
        images = [find_image(one, self.context.ports.cwd) for one in arguments.image]
        bills = [self._bill(one) for one in arguments.sbom]
        locks = [self._lock(self.path(arguments.lock))] if arguments.lock else []
        tasks = [task for lock in locks for task in self._lock_tasks(lock, with_policy=False)]
        workspace = None
        if arguments.workspace or not (images or bills or locks):
            workspace = self._lock(self._find_lock())
            tasks += self._lock_tasks(workspace, with_policy=True)
        known = [*locks, *([] if workspace is None else [workspace])]
        registries = tuple(dict.fromkeys(one for lock in known for one in lock.registries))
        by_digest = {}
        for target, bill in bills:
            by_digest[target.digest] = target
            tasks += self._bill_tasks(target, bill, registries)
        # an image and its bill are one target
        joined = [replace(one, target=by_digest.get(one.target.digest, one.target)) for one in images]
        return tasks + [self._image_task(image) for image in joined]

    def _lock_tasks(self, lock: CargoLock, *, with_policy: bool) -> list[_Task]:
        target = ScanTarget(TargetKind.CRATES, lock.uri, lock.uri)
        run, environment = self.context.ports.run, self.environment()
        tasks: list[_Task] = [
            (
                ScannerName.CARGO_AUDIT,
                target,
                lambda: CargoAudit(target, lock, self.database(), run, environment),
            )
        ]
        if with_policy:
            tasks.append(
                (ScannerName.CARGO_DENY, target, lambda: CargoDeny(target, lock, self.database(), run, environment))
            )
        return tasks

    def _bill_tasks(self, target: ScanTarget, bill: ScannedBill, registries: Sequence[str]) -> list[_Task]:
        run, environment = self.context.ports.run, self.environment()
        tasks: list[_Task] = [
            (ScannerName.STORE_PATHS, target, lambda: StorePathScanner(target, bill, self.advisories())),
            (ScannerName.CRATE_LISTS, target, lambda: CrateListScanner(target, bill)),
        ]
        if registry_crates(bill):
            tasks.append(
                (
                    ScannerName.CARGO_AUDIT,
                    target,
                    lambda: BillCrateScanner(target, bill, self.database(), registries, run, environment),
                )
            )
        return tasks

    def _image_task(self, image: TrivyImage) -> _Task:
        ports = self.context.ports
        return ScannerName.TRIVY, image.target, lambda: Trivy(image, ports.run, ports.environ)

    def database(self) -> RustSecDatabase:
        """The advisory database. ToolMissing where there is none."""
        if self._database is None:
            ports, given = self.context.ports, self.arguments.advisory_db
            self._database = (
                open_database(self.path(given), 0, run=ports.run, environ=ports.environ)
                if given
                else handed_database(ports.environ, run=ports.run)
            )
        return self._database

    def advisories(self) -> tuple[OsvAdvisory, ...] | None:
        """The OSV records; None where none were given."""
        if self._advisories is None and self.arguments.advisories is not None:
            self._advisories = load_advisories(self.path(self.arguments.advisories))
        return self._advisories

    def _bill(self, text: str) -> tuple[ScanTarget, ScannedBill]:
        path = self.path(text)
        try:
            bill = parse_bill(read_file(path, _BILL_BYTES, or_pipe=True), text)
        except OSError as error:
            raise UsageError(f"--sbom {text} cannot be read: {error.strerror}") from error
        kind = TargetKind.BILL if bill.digest is None else TargetKind.IMAGE
        return ScanTarget(kind, bill.name, bill_place(path, self.context.ports.cwd), bill.digest), bill

    def _lock(self, path: Path) -> CargoLock:
        root = self._source()
        return load_lock(path, str(path.relative_to(root)) if path.is_relative_to(root) else path.name)

    def _source(self) -> Path:
        """The source tree: the working folder, or the workspace under CI where that has none."""
        ports = self.context.ports
        if self.arguments.workspace:
            folder = self.path(self.arguments.workspace)
            return ports.cwd if folder.is_relative_to(ports.cwd) else folder
        return source_folder(ports.cwd, Nix(ports.run, environ=ports.environ).overrides)

    def _find_lock(self) -> Path:
        """The workspace's Cargo.lock: in the folder that is named, else where pipeline.toml says, or above."""
        if self.arguments.workspace:
            folder = self.path(self.arguments.workspace)
            if not folder.is_dir():
                raise UsageError(f"--workspace {self.arguments.workspace}: there is no such folder")
        else:
            folder = self._source()
            pipeline = self.pipeline()
            if pipeline is not None and not (folder / "Cargo.lock").is_file():
                folder = folder / pipeline.workspace.folder
        found = next((one for above in (folder, *folder.parents) if (one := above / "Cargo.lock").is_file()), None)
        if found is None:
            hint = "run it in a workspace, or name what to scan: --lock, --sbom or --image"
            raise UsageError(f"{folder}: there is no Cargo.lock, nor above it", hint=hint)
        return found


def _sarif_file(text: str | None, context: Context) -> Path | None:
    if text is None:
        return None
    path = context.ports.cwd / text
    if not path.parent.is_dir():
        raise UsageError(f"--sarif {text}: there is no folder {path.parent}")
    if path.is_dir():
        raise UsageError(f"--sarif {text}: it is a folder", hint="name a file, such as scan.sarif")
    return path


def _write_sarif(path: Path, report: SarifReport, context: Context) -> bool:
    """Whether it was written. Where no target is complete an older file goes, so that nobody uploads that."""
    if report.data is None:
        path.unlink(missing_ok=True)
        return False
    write_atomic(path, context.redactor.redact(report.data))
    return True
