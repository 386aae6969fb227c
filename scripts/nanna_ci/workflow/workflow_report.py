"""The answer of `workflow check`, for people and for programs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from nanna_ci.foundation.verdict import Verdict
from nanna_ci.report.blocks import Block, Code, Document, Facts, Heading, Notice, Tone
from nanna_ci.report.outcome import Outcome
from nanna_ci.workflow.workflow_finding import WorkflowFinding


def make_report(
    paths: Sequence[str], findings: Sequence[WorkflowFinding], changes: Mapping[str, str], *, is_dry_run: bool
) -> Outcome:
    """Findings first, then what was mended or would be. `changes` is path to unified diff."""
    blocks: list[Block] = [_notice(finding) for finding in findings]
    if not findings:
        blocks.append(Notice(Tone.GOOD, f"{', '.join(paths)}: no rule is broken."))
    fixable = sum(finding.is_fixable for finding in findings)
    facts: list[tuple[str, str | None]] = [("Workflows", ", ".join(paths)), ("Broken rules", str(len(findings)))]
    if fixable:
        facts.append(("Mechanical", f"{fixable}: `workflow check --fix` mends them"))
    blocks.append(Facts(tuple(facts)))
    if changes:
        blocks.append(Heading("Would change" if is_dry_run else "Changed"))
        blocks += [Code(diff, "diff") for diff in changes.values()]
    verdict = Verdict.FAIL if findings else Verdict.PASS
    data: dict[str, Any] = {
        "workflows": list(paths),
        "dryRun": is_dry_run,
        "findings": [_to_json(finding) for finding in findings],
        "changes": [{"path": path, "diff": diff} for path, diff in changes.items()],
        "init": None,
    }
    title = f"Workflows: {len(findings)} broken rule{'' if len(findings) == 1 else 's'}" if findings else "Workflows"
    return Outcome(verdict, Document(title, tuple(blocks)), data)


def _notice(finding: WorkflowFinding) -> Notice:
    place = f"{finding.path}:{finding.line}"
    text = f"{place}: {finding.rule.value}: {finding.says}; fix: {finding.fix}"
    return Notice(Tone.BAD, text, place=(finding.path, finding.line))


def _to_json(finding: WorkflowFinding) -> dict[str, Any]:
    return {
        "path": finding.path,
        "line": finding.line,
        "rule": finding.rule.value,
        "says": finding.says,
        "fix": finding.fix,
        "isFixable": finding.is_fixable,
    }
