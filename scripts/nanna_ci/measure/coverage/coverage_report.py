"""Coverage for people and for programs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from nanna_ci.foundation.verdict import Verdict
from nanna_ci.measure.coverage.coverage_rule import TOLERANCE, CoverageResult, RateCheck, percent
from nanna_ci.measure.coverage.patch_lines import PatchCoverage, line_ranges
from nanna_ci.measure.coverage.source_tree import Coverage, FileCoverage
from nanna_ci.report.blocks import Block, Cell, Code, Document, Facts, Heading, Notice, Paragraph, Stacks, Table, Tone
from nanna_ci.report.outcome import VERDICT_TONES

_MOST_FILES: Final = 100
_MOST_RANGES: Final = 200
_FEW_RANGES: Final = 6
_PARTS: Final = (("run by tests", Tone.GOOD), ("not run", Tone.BAD))


@dataclass(frozen=True, slots=True)
class CoverageReport:
    """All that a report needs. `patch` is as judge_coverage takes it.

    `recorded` and `uploaded` say what was done; `upload_problem` why nothing was sent in spite of --upload.
    """

    coverage: Coverage
    result: CoverageResult
    patch: PatchCoverage | str | None = None
    recorded: str | None = None
    uploaded: str | None = None
    upload_problem: str | None = None

    @property
    def verdict(self) -> Verdict:
        """The gate's answer; a report that could not be sent is no pass."""
        is_short = self.upload_problem is not None and self.result.verdict is Verdict.PASS
        return Verdict.UNAVAILABLE if is_short else self.result.verdict


def coverage_document(report: CoverageReport) -> Document:
    """The answer, the change's lines that no test ran, the crates, then the files, the least covered first."""
    coverage, result, patch = report.coverage, report.result, report.patch
    blocks: list[Block] = [Notice(VERDICT_TONES[report.verdict], _answer(report))]
    blocks += [Notice(Tone.BAD, reason) for reason in result.reasons]
    if report.upload_problem is not None:
        blocks.append(Notice(Tone.BAD, f"not sent: {report.upload_problem}"))
    blocks += [Notice(Tone.WARN, warning) for warning in result.warnings]
    if isinstance(patch, PatchCoverage):
        blocks += _patch_blocks(patch)
    if coverage.lines:
        blocks += [_crates(coverage), _files(coverage)]
        if len(coverage.files) > _MOST_FILES:
            blocks.append(
                Paragraph(f"{len(coverage.files) - _MOST_FILES:,} more files: --format json has all of them.")
            )
    blocks.append(_facts(report))
    return Document("coverage", tuple(blocks))


def _answer(report: CoverageReport) -> str:
    coverage = report.coverage
    if not coverage.lines:
        return "line coverage: n/a"
    run = f"tests run {coverage.covered_lines:,} of {coverage.lines:,} lines"
    said = f"line coverage: {percent(coverage.line_rate)}: {run}"
    if isinstance(report.patch, PatchCoverage):
        patch = report.patch
        of = f"{patch.covered_lines:,} of {patch.lines:,}" if patch.lines else "none that can be run"
        said += f"; of the change's lines: {of}"
    return said


def _patch_blocks(patch: PatchCoverage) -> list[Block]:
    blocks: list[Block] = []
    ranges = patch.ranges()
    if ranges:
        count = patch.lines - patch.covered_lines
        few = ", ".join(ranges[:_FEW_RANGES]) + (", …" if len(ranges) > _FEW_RANGES else "")
        blocks.append(Notice(Tone.WARN, f"no test runs {_plural(count, 'line')} of this change: {few}"))
    if patch.unreported:
        names = ", ".join(patch.unreported[:_FEW_RANGES]) + (", …" if len(patch.unreported) > _FEW_RANGES else "")
        blocks.append(Notice(Tone.WARN, f"changed, and in no report, as what is not compiled is not: {names}"))
    if len(ranges) > _FEW_RANGES:
        more = [f"and {len(ranges) - _MOST_RANGES:,} more"] if len(ranges) > _MOST_RANGES else []
        blocks += [Heading("Changed lines that no test runs"), Code("\n".join([*ranges[:_MOST_RANGES], *more]))]
    return blocks


def _plural(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def _crates(coverage: Coverage) -> Stacks:
    items = tuple(
        (
            crate.name,
            (float(crate.covered_lines), float(crate.lines - crate.covered_lines)) if crate.lines else None,
            f"{percent(crate.covered_lines / crate.lines)} of {_plural(crate.lines, 'line')}" if crate.lines else "n/a",
        )
        for crate in coverage.crates
    )
    return Stacks(_PARTS, items, "Lines of each crate")


def _files(coverage: Coverage) -> Table:
    files = sorted(coverage.files, key=lambda file: (_rate(file), -file.lines, file.path))
    rows = tuple(
        (
            Cell(file.path),
            Cell(file.crate),
            Cell(percent(_rate(file))),
            Cell(f"{file.covered_lines:,}"),
            Cell(f"{file.lines:,}"),
            Cell(_some(line_ranges(file.uncovered))),
        )
        for file in files[:_MOST_FILES]
    )
    return Table(("file", "crate", "coverage", "run", "lines", "not run"), rows, frozenset({2, 3, 4}))


def _rate(file: FileCoverage) -> float:
    return file.covered_lines / file.lines if file.lines else 1.0


def _some(ranges: list[str]) -> str:
    return ", ".join(ranges[:_FEW_RANGES]) + (", …" if len(ranges) > _FEW_RANGES else "")


def _facts(report: CoverageReport) -> Facts:
    coverage, previous = report.coverage, report.result.previous
    left_out = [
        *([f"{_plural(coverage.test_files, 'file')} of tests, examples, benches"] if coverage.test_files else []),
        *([f"{_plural(coverage.outside, 'file')} of no member of the workspace"] if coverage.outside else []),
    ]
    items: list[tuple[str, str | None]] = [
        ("Measured by", coverage.tree.tool),
        ("Rust", coverage.tree.rust),
        ("Left out", ", ".join(left_out) or "nothing"),
        *(("Note", note) for note in coverage.notes),
        *(
            (f"Least rate of {check.name}", f"{100 * check.minimum:g} %")
            for check in report.result.checks
            if check.minimum is not None
        ),
    ]
    if isinstance(report.patch, PatchCoverage):
        items.append(("Change since", report.patch.base))
    if previous is not None:
        items.append(("Before", f"{percent(previous.line_rate) or 'n/a'} in {previous.origin.run}"))
    items += [("History", report.recorded)] if report.recorded else []
    items += [("Codecov", report.uploaded)] if report.uploaded else []
    return Facts(tuple(items))


def coverage_to_json(report: CoverageReport) -> dict[str, Any]:
    """The body of the JSON answer."""
    coverage, patch = report.coverage, report.patch
    return {
        "lineRate": coverage.line_rate,
        "coveredLines": coverage.covered_lines,
        "lines": coverage.lines,
        "tool": coverage.tree.tool,
        "rust": coverage.tree.rust,
        "crates": [
            {"name": crate.name, "coveredLines": crate.covered_lines, "lines": crate.lines} for crate in coverage.crates
        ],
        "files": [
            {
                "path": file.path,
                "crate": file.crate,
                "coveredLines": file.covered_lines,
                "lines": file.lines,
                "uncovered": list(file.uncovered),
            }
            for file in coverage.files
        ],
        "leftOut": {"testFiles": coverage.test_files, "outside": coverage.outside},
        "notes": list(coverage.notes),
        "patch": _patch_to_json(patch) if isinstance(patch, PatchCoverage) else None,
        "gate": _gate_to_json(report.result),
        "history": report.recorded,
        "codecov": {"sent": report.uploaded, "problem": report.upload_problem},
    }


def _patch_to_json(patch: PatchCoverage) -> dict[str, Any]:
    return {
        "base": patch.base,
        "lineRate": patch.line_rate,
        "coveredLines": patch.covered_lines,
        "lines": patch.lines,
        "uncovered": [{"path": path, "line": line} for path, line in patch.uncovered],
        "unreported": list(patch.unreported),
    }


def _gate_to_json(result: CoverageResult) -> dict[str, Any]:
    previous = result.previous
    return {
        "checks": [_check_to_json(check) for check in result.checks],
        "warnings": list(result.warnings),
        "tolerance": TOLERANCE,
        "previous": None if previous is None else {"run": previous.origin.run, "lineRate": previous.line_rate},
    }


def _check_to_json(check: RateCheck) -> dict[str, Any]:
    return {
        "name": check.name,
        "minimum": check.minimum,
        "value": check.value,
        "verdict": check.verdict.value,
        "reason": check.reason,
    }
