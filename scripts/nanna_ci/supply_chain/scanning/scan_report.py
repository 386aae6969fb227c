"""A scan for people and for programs."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any, Final

from nanna_ci.report.blocks import Block, Cell, Document, Facts, Notice, Paragraph, Table, Tone
from nanna_ci.report.outcome import VERDICT_TONES
from nanna_ci.supply_chain.scanning.baseline_file import AcceptedFinding
from nanna_ci.supply_chain.scanning.sarif import SarifReport
from nanna_ci.supply_chain.scanning.scan_verdict import ScanResult, ScanRule
from nanna_ci.supply_chain.scanning.security_finding import (
    AnswerState,
    FindingState,
    ScanAnswer,
    ScanTarget,
    SecurityFinding,
)

_MOST_ROWS: Final = 200
_MOST_PLACES: Final = 3
_STATE_TONES: Final = {
    FindingState.GATING: Tone.BAD,
    FindingState.WARNING: Tone.WARN,
    FindingState.POSSIBLE: Tone.WARN,
    FindingState.SUPPRESSED: Tone.NEUTRAL,
    FindingState.ACCEPTED: Tone.NEUTRAL,
}
_ANSWER_TONES: Final = {
    AnswerState.ANSWERED: Tone.GOOD,
    AnswerState.LEFT_OUT: Tone.NEUTRAL,
    AnswerState.UNAVAILABLE: Tone.WARN,
    AnswerState.FAILED: Tone.BAD,
}


@dataclass(frozen=True, slots=True)
class ScanReport:
    """All that a report needs. `sarif` is None where none was wanted; `file` is where it was written, None: nowhere."""

    result: ScanResult
    rule: ScanRule
    sarif: SarifReport | None = None
    file: str | None = None

    @property
    def line(self) -> str:
        """The answer in a line."""
        counts = self.counts
        said = ", ".join(f"{counts[state]} {state.value}" for state in FindingState if counts[state]) or "no finding"
        return said if self.result.reason is None else f"{said}: {self.result.reason}"

    @property
    def counts(self) -> Counter[FindingState]:
        """How many findings are in each state."""
        return Counter(finding.state for _, finding in self.result.findings())


def scan_document(report: ScanReport) -> Document:
    """The report: the answer, what needs a hand, the findings with their fixed versions, and who said so."""
    result = report.result
    blocks: list[Block] = [Notice(VERDICT_TONES[result.verdict], report.line)]
    blocks += [Notice(Tone.BAD, _expired(one)) for one in result.expired]
    blocks += [Notice(Tone.WARN, line) for line in result.old]
    if report.sarif is not None:
        blocks += [Notice(Tone.WARN, note) for note in report.sarif.notes]
    blocks += findings_blocks(result)
    blocks.append(_answers(result))
    notes = [f"{answer.scanner} on {answer.target.name}: {note}" for answer in _all(result) for note in answer.notes]
    blocks += [Paragraph(note) for note in dict.fromkeys(notes)]
    if result.unused:
        ids = ", ".join(one.id for one in result.unused)
        blocks.append(Paragraph(f"The baseline accepts what this scan did not find: {ids}."))
    blocks.append(_facts(report))
    return Document("scan", tuple(blocks))


def _expired(one: AcceptedFinding) -> str:
    about = f" in {one.component}" if one.component else ""
    return f"{one.id}{about}: {one.owner} accepted it until {one.expires}: renew the decision, or mend it"


def findings_blocks(result: ScanResult) -> list[Block]:
    """The findings with the versions that mend them, as a table; nothing where there are none."""
    found = result.findings()
    if not found:
        return []
    rows = tuple(_row(target, finding) for target, finding in found[:_MOST_ROWS])
    header = ("state", "severity", "id", "component", "fixed in", "what", "where", "found by")
    blocks: list[Block] = [Table(header, rows)]
    if len(found) > _MOST_ROWS:
        blocks.append(Notice(Tone.WARN, f"{len(found) - _MOST_ROWS:,} more findings: --format json has all of them"))
    return blocks


def _row(target: ScanTarget, finding: SecurityFinding) -> tuple[Cell, ...]:
    what = finding.title if finding.reason is None else f"{finding.title} ({finding.reason})"
    places = finding.places[:_MOST_PLACES]
    more = [f"{len(finding.places) - _MOST_PLACES} more"] if len(finding.places) > _MOST_PLACES else []
    line = finding.line
    where = [f"{line.uri}:{line.line}" if line.line else line.uri] if line else [target.name]
    return (
        Cell(finding.state.value, _STATE_TONES[finding.state]),
        Cell(_severity(finding)),
        Cell(finding.id),
        Cell(finding.component_ref),
        Cell(", ".join(finding.fixed_versions) or None),
        Cell(what),
        Cell(", ".join([*where, *places, *more])),
        Cell(", ".join(one.value for one in (finding.scanner, *finding.confirmed_by))),
    )


def _severity(finding: SecurityFinding) -> str | None:
    if finding.severity is not None:
        return finding.severity.value
    return "by policy" if finding.by_policy else "unknown"


def _answers(result: ScanResult) -> Table:
    rows = tuple(
        (
            Cell(answer.scanner.value),
            Cell(answer.target.place),
            Cell(answer.state.value, _ANSWER_TONES[answer.state]),
            Cell(answer.version),
            Cell(_database(answer)),
            Cell(
                answer.reason or ", ".join(f"{count:,} {name}" for name, count in answer.counts.items() if count) or "-"
            ),
        )
        for answer in _all(result)
    )
    return Table(("scanner", "over", "answer", "version", "advisories", "what it read, or why not"), rows)


def _database(answer: ScanAnswer) -> str | None:
    source = answer.database
    if source is None:
        return "none needed" if answer.state is AnswerState.ANSWERED else None
    count = "" if source.advisories is None else f"{source.advisories:,} of "
    return f"{source.name}: {count}{source.date or 'unknown date'}"


def _all(result: ScanResult) -> list[ScanAnswer]:
    return [answer for one in result.targets for answer in one.answers]


def _facts(report: ScanReport) -> Facts:
    rule = report.rule
    items: list[tuple[str, str | None]] = [
        ("Fails from", rule.fail_severity.value),
        ("Accepted", f"{len(rule.accepted)} entries in the baseline"),
    ]
    if report.sarif is not None:
        items.append(
            ("SARIF", f"{report.file or 'not written'}: {report.sarif.results} results in {report.sarif.runs} runs")
        )
    return Facts(tuple(items))


def scan_to_json(report: ScanReport) -> dict[str, Any]:
    """The body of the JSON answer."""
    result, sarif = report.result, report.sarif
    counts = report.counts
    return {
        "reason": result.reason,
        "failSeverity": report.rule.fail_severity.value,
        "counts": {state.value: counts[state] for state in FindingState},
        "findings": [_finding_to_json(target, finding) for target, finding in result.findings()],
        "scanners": [_answer_to_json(answer) for answer in _all(result)],
        "oldDatabases": list(result.old),
        "baseline": {
            "entries": len(report.rule.accepted),
            "expired": [_entry(one) for one in result.expired],
            "unused": [_entry(one) for one in result.unused],
        },
        "sarif": None
        if sarif is None
        else {"file": report.file, "runs": sarif.runs, "results": sarif.results, "notes": list(sarif.notes)},
    }


def _finding_to_json(target: ScanTarget, finding: SecurityFinding) -> dict[str, Any]:
    line = finding.line
    return {
        "id": finding.id,
        "aliases": list(finding.aliases),
        "severity": None if finding.severity is None else finding.severity.value,
        "component": finding.component_ref,
        "version": finding.version,
        "fixedVersions": list(finding.fixed_versions),
        "title": finding.title,
        "url": finding.url,
        "scanner": finding.scanner.value,
        "confirmedBy": [one.value for one in finding.confirmed_by],
        "state": finding.state.value,
        "reason": finding.reason,
        "target": target.category,
        "places": list(finding.places),
        "file": None if line is None else line.uri,
        "line": None if line is None else line.line,
    }


def _answer_to_json(answer: ScanAnswer) -> dict[str, Any]:
    source = answer.database
    return {
        "scanner": answer.scanner.value,
        "target": answer.target.category,
        "place": answer.target.place,
        "imageDigest": answer.target.digest,
        "state": answer.state.value,
        "reason": answer.reason,
        "version": answer.version,
        "notes": list(answer.notes),
        "counts": dict(answer.counts),
        "database": None
        if source is None
        else {
            "name": source.name,
            "advisories": source.advisories,
            "date": None if source.date is None else source.date.isoformat(),
            "dateOf": source.basis,
        },
    }


def _entry(one: AcceptedFinding) -> dict[str, Any]:
    return {
        "id": one.id,
        "component": one.component,
        "owner": one.owner,
        "expires": one.expires.isoformat(),
        "reason": one.reason,
    }
