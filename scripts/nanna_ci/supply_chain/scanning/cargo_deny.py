"""The cargo-deny program: a workspace's policy on advisories, bans, licences and sources."""

from __future__ import annotations

import datetime
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from nanna_ci.foundation.errors import CommandFailed, MalformedData
from nanna_ci.foundation.scratch import scratch_folder
from nanna_ci.supply_chain.scanning.cargo_audit import YANKED, advisory_url
from nanna_ci.supply_chain.scanning.cargo_lock import CargoLock
from nanna_ci.supply_chain.scanning.cvss import severity_of
from nanna_ci.supply_chain.scanning.deny_policy import DenyPolicy, find_policy
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

CHECKS: Final = frozenset({"advisories", "bans", "licenses", "sources"})
_TIMEOUT_S: Final = 1200.0
_ANSWERS: Final = frozenset(range(16))  # a bit for each check
_NOT_LOOKED_UP: Final = "index-failure"
_IGNORED: Final = "advisory-ignored"
_STATES: Final = {"error": FindingState.GATING, "warning": FindingState.WARNING}
_SOURCE: Final = "cargo-deny"


@dataclass(frozen=True, slots=True)
class DenyReport:
    """What cargo-deny printed. `errors` counts them by check, and is None where it did not finish.

    `failures` are log lines that say why; `remarks` are warnings about no crate; `not_looked_up` counts the crates of
    which nobody knows whether they were yanked.
    """

    errors: Mapping[str, int] | None
    findings: tuple[SecurityFinding, ...]
    failures: tuple[str, ...]
    remarks: tuple[str, ...]
    not_looked_up: int


@dataclass(frozen=True, slots=True)
class CargoDeny:
    """cargo-deny over a workspace, by its own policy or else the default one, with our database, offline."""

    target: ScanTarget
    lock: CargoLock
    database: RustSecDatabase
    run: Run
    environ: Mapping[str, str]

    @property
    def name(self) -> ScannerName:
        return ScannerName.CARGO_DENY

    def scan(self) -> ScanAnswer:
        """Its answer. Raises NannaError where it gave none."""
        folder = self.lock.path.parent
        policy = find_policy(folder, self.environ)
        program = find_program(self.name, self.environ)
        version = query_version(self.name, (program, "--version"), self.run, self.environ)
        with scratch_folder("nanna-ci-deny-") as scratch:
            databases = self.database.lay_out(scratch / "databases", self._fetched_s(policy))
            configuration = scratch / "deny.toml"
            configuration.write_text(policy.render(databases), encoding="utf-8")
            lines: list[bytes] = []
            words = ["--offline", "--locked", "--format", "json", "--config", str(configuration)]
            done = self.run(
                [program, *words, "check", *policy.words],
                timeout_s=_TIMEOUT_S,
                accept=_ANSWERS,
                env=self.environ,
                cwd=folder,
                on_stderr=lines.append,
            )
        report = parse_deny_report(lines, self.lock)
        if report.errors is None:
            said = report.failures or (done.stderr_tail or "nothing was said",)
            raise CommandFailed(done.argv, done.returncode, "\n".join(said))
        wrong = {check: count for check, count in report.errors.items() if count}
        named = any(finding.state is FindingState.GATING for finding in report.findings)
        if bool(wrong) != named or bool(wrong) != bool(done.returncode):
            counts = ", ".join(f"{count} of {check}" for check, count in wrong.items()) or "none"
            problem = f"counts {counts} as errors, names {'some' if named else 'none'}, exits with {done.returncode}"
            raise MalformedData(_SOURCE, problem)
        return ScanAnswer(
            self.name,
            self.target,
            AnswerState.ANSWERED,
            report.findings,
            notes=tuple(self._notes(policy, report)),
            version=version,
            database=self.database.source,
            counts={"yankedUnknown": report.not_looked_up},
        )

    def _fetched_s(self, policy: DenyPolicy) -> float | None:
        """The database's real age where the policy limits it; elsewhere pipeline.toml alone judges that."""
        if not policy.limits_age:
            return None
        day = self.database.source.date
        if day is None:
            return 0.0
        end = datetime.datetime.combine(day + datetime.timedelta(days=1), datetime.time(), datetime.UTC)
        return min(end, datetime.datetime.now(datetime.UTC)).timestamp()

    def _notes(self, policy: DenyPolicy, report: DenyReport) -> list[str]:
        notes = list(policy.notes)
        if report.not_looked_up:
            notes.append(
                f"whether a crate was yanked is unknown for {report.not_looked_up}: only the registry's index says it"
            )
        return [*notes, *report.remarks]


def parse_deny_report(lines: list[bytes], lock: CargoLock) -> DenyReport:
    """Read what `cargo deny --format json` printed to stderr, a JSON value a line; any other line counts as a failure.

    Its graphs of who needs a crate may be deep, so they are read without our bound on depth; Python has its own.
    """
    errors: dict[str, int] | None = None
    findings: list[SecurityFinding] = []
    failures: list[str] = []
    remarks: list[str] = []
    not_looked_up = 0
    for line in lines:
        try:
            entry = json.loads(line)
            kind, fields = entry["type"], entry["fields"]
            if kind == "summary":
                errors = {check: int(fields[check]["errors"]) for check in sorted(fields)}
            elif kind == "log":
                failures += [_line(fields["message"])] if fields["level"] == "ERROR" else []
            elif fields["code"] == _NOT_LOOKED_UP:
                not_looked_up += 1
            elif fields["code"] == _IGNORED:
                remarks.append(_line(f"ignored, as the policy says: {fields['message']}: {_spans(fields)}"))
            elif fields["severity"] in _STATES:
                if fields.get("graphs") or fields["severity"] == "error":
                    findings.append(_finding(fields, lock))
                else:
                    remarks.append(_line(f"{fields['code']}: {fields['message']}: {_spans(fields)}"))
        except (ValueError, RecursionError, KeyError, TypeError, AttributeError, IndexError):
            if line.strip():
                failures.append(_line(line.decode("utf-8", "replace")))
    if errors is not None and not errors.keys() >= CHECKS:
        errors = None
    return DenyReport(errors, tuple(findings), tuple(failures), tuple(remarks), not_looked_up)


def _finding(fields: Mapping[str, Any], lock: CargoLock) -> SecurityFinding:
    crates = [(str(one["Krate"]["name"]), str(one["Krate"]["version"])) for one in fields.get("graphs") or ()]
    code, state = str(fields["code"]), _STATES[fields["severity"]]
    names = {name for name, _ in crates}
    version = crates[0][1] if len(crates) == 1 else None
    if len(names) == 1:
        component = f"pkg:cargo/{crates[0][0]}" + (f"@{version}" if version else "")
    else:
        component = ", ".join(sorted(names)) or "deny.toml"
    line = lock.line_of(*crates[0]) if crates else None
    places = tuple(f"{name} {one}" for name, one in crates) if len(crates) > 1 else ()
    advisory = fields.get("advisory")
    if advisory is None:
        title = _line("; ".join(filter(None, [fields["message"], _spans(fields)])))
        identifier = YANKED if code == YANKED else f"{_SOURCE}:{code}"
        return SecurityFinding(
            id=identifier,
            aliases=(),
            severity=None,
            component_ref=component,
            version=version,
            fixed_versions=(),
            title=title,
            url=None,
            scanner=ScannerName.CARGO_DENY,
            state=state,
            reason="the policy says warn" if state is FindingState.WARNING else "the policy denies it",
            by_policy=True,
            places=places,
            line=line,
        )
    informational, vector = advisory.get("informational"), advisory.get("cvss")
    solutions = [note for note in fields.get("notes") or () if note.startswith("Solution: Upgrade to ")]
    return SecurityFinding(
        id=str(advisory["id"]),
        aliases=tuple(map(str, advisory.get("aliases") or ())),
        severity=severity_of(vector) if isinstance(vector, str) else None,
        component_ref=component,
        version=version,
        fixed_versions=tuple(
            one
            for note in solutions
            for one in note.removeprefix("Solution: Upgrade to ").partition(" (")[0].split(" OR ")
        ),
        title=_line(advisory["title"]),
        url=advisory_url(advisory.get("url"), str(advisory["id"])),
        scanner=ScannerName.CARGO_DENY,
        # a hole is judged by its severity; what is no hole by the policy
        state=state,
        reason=str(informational) if informational else None,
        by_policy=informational is not None or state is FindingState.WARNING,
        line=line,
    )


def _spans(fields: Mapping[str, Any]) -> str:
    """What its labels say; a span of several lines is a piece of Cargo.lock, whose crates are named already."""
    labels = [label for label in fields.get("labels") or () if "\n" not in label["span"]]
    return ", ".join(
        f"{label['message']} ({label['span']})" if label["message"] else str(label["span"]) for label in labels[:5]
    )


def _line(text: object) -> str:
    return " ".join(str(text).split())[:500]
