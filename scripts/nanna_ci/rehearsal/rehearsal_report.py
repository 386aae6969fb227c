"""A rehearsal as a document and as JSON: what became of each job, what was left out, what was stood in for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from nanna_ci.foundation.verdict import Verdict
from nanna_ci.pipeline.live import duration
from nanna_ci.rehearsal.rehearse import RehearsedRun
from nanna_ci.rehearsal.rehearsed_repository import changes_named
from nanna_ci.rehearsal.running_workflow import RehearsedJob, RehearsedResult, RunningEntry, RunningWorkflow
from nanna_ci.rehearsal.steps.job_log import Annotation
from nanna_ci.report.blocks import Block, Cell, Document, Facts, Heading, Notice, Paragraph, Table, Tone
from nanna_ci.report.outcome import VERDICT_TONES

_TONES: Final = {
    RehearsedResult.SUCCESS: Tone.GOOD,
    RehearsedResult.FAILURE: Tone.BAD,
    RehearsedResult.CANCELLED: Tone.BAD,
    RehearsedResult.SKIPPED: Tone.NEUTRAL,
    RehearsedResult.UNAVAILABLE: Tone.WARN,
}
_EXITED: Final = "Process completed with exit code"  # the table has it
DIFFERENCES: Final = (
    "Jobs run on this machine, beside each other, not each on a fresh one: they share its programs and its Nix store.",
    "Caches are empty at each restore, and nothing is kept in them.",
    "git finds the clone at the repository's address: what jobs push to it, and read of it, is there.",
    "Nobody approves an environment, and no rule of a branch or of the repository's settings applies.",
    "An entry that already runs is not cancelled by fail-fast, nor by a concurrency group.",
)


@dataclass(frozen=True, slots=True)
class JobRow:
    """A job as GitHub shows it; `reason` is why it is no success, where that is known."""

    name: str
    result: RehearsedResult
    reason: str | None
    is_allowed: bool = False
    is_our_fault: bool = False
    entry: RunningEntry | None = None

    @property
    def shown_result(self) -> str:
        """Its result, and whether its failure counts."""
        return f"{self.result} (allowed)" if self.is_allowed else str(self.result)


@dataclass(frozen=True, slots=True)
class RehearsalReport:
    """A whole rehearsal. `folder` is where its files are."""

    run: RehearsedRun
    seconds: float
    strict: bool
    folder: str

    @property
    def rows(self) -> tuple[JobRow, ...]:
        """Every job of every workflow."""
        return tuple(row for _, workflow in self.run.workflows for row in rows_of(workflow))

    @property
    def verdict(self) -> Verdict:
        """Pass where all that ran did; what could not run is a failure where `strict`."""
        rows = self.rows
        results = [workflow.result for _, workflow in self.run.workflows]
        lacking = bool(self.run.taken_out) or any(row.result is RehearsedResult.UNAVAILABLE for row in rows)
        if RehearsedResult.FAILURE in results or RehearsedResult.CANCELLED in results:
            failed = [row for row in rows if row.result is RehearsedResult.FAILURE and not row.is_allowed]
            return Verdict.ERROR if failed and all(row.is_our_fault for row in failed) else Verdict.FAIL
        if self.strict and lacking:
            return Verdict.FAIL
        ran = any(row.result is RehearsedResult.SUCCESS or row.is_allowed for row in rows)
        return Verdict.PASS if ran and self.run.interrupted is None else Verdict.UNAVAILABLE

    @property
    def line(self) -> str:
        """The verdict and what it rests on."""
        rows = self.rows
        counts = [(str(one), sum(row.result is one for row in rows)) for one in RehearsedResult]
        unavailable = len(self.run.taken_out)
        shown = [
            f"{number + (unavailable if name == 'unavailable' else 0)} {name}"
            for name, number in counts
            if number or (name == "unavailable" and unavailable)
        ]
        if not self.run.workflows:
            return f"unavailable: no workflow starts on {self.run.started.shown}"
        head = "interrupted, partial" if self.run.interrupted is not None else self.verdict.value
        return f"{head}: {', '.join(shown)}"


def rows_of(workflow: RunningWorkflow) -> Iterator[JobRow]:
    """The jobs of a workflow and of those that it calls, each as one line."""
    for job in workflow.jobs.values():
        if not job.entries:
            yield JobRow(_name(job), job.result or RehearsedResult.CANCELLED, job.reason)
        for entry in job.entries:
            if entry.called is not None:
                yield from rows_of(entry.called)
                if entry.reason is not None:
                    yield JobRow(entry.shown_name, entry.result or RehearsedResult.CANCELLED, entry.reason)
                continue
            result = entry.result or RehearsedResult.CANCELLED
            allowed = result is RehearsedResult.FAILURE and entry.conclusion is RehearsedResult.SUCCESS
            yield JobRow(entry.shown_name, result, entry.reason or _why(entry), allowed, entry.is_our_fault, entry)


def _name(job: RehearsedJob) -> str:
    """Of a job that never began: its name, or its id where the name depends on what was never known."""
    name = job.loaded.model.body.text("name")
    return job.workflow.prefix + (name if name and "${{" not in name else job.id)


def _why(entry: RunningEntry) -> str | None:
    """The first step that failed, and the last error that it named."""
    if entry.outcome is None:
        return None
    failed = next((step for step in entry.outcome.steps if step.conclusion == "failure"), None)
    if failed is None:
        return None
    said = [one.message for one in entry.outcome.annotations if one.level == "error" and one.step == failed.name]
    return f"step {failed.name}: {said[-1] if said else 'it failed'}"


def rehearsal_document(report: RehearsalReport) -> Document:
    """The rehearsal for people."""
    run = report.run
    blocks: list[Block] = [Notice(VERDICT_TONES[report.verdict], report.line)]
    if run.repository.uncommitted:
        blocks.append(
            Notice(
                Tone.WARN, f"not rehearsed, because it is not committed: {changes_named(run.repository.uncommitted)}"
            )
        )
    for annotation, row in _annotations(report):
        if annotation.level == "error" and not annotation.message.startswith(_EXITED):
            blocks.append(Notice(Tone.BAD, f"{row.name}: {annotation.message}"))
    several = len(run.workflows) > 1
    for _, workflow in run.workflows:
        if several:
            blocks.append(Heading(f"{workflow.loaded.model.name} ({workflow.loaded.model.path}): {workflow.result}"))
        blocks.append(_table(tuple(rows_of(workflow))))
    if run.taken_out:
        blocks.append(Heading("Not on this machine"))
        blocks += (Paragraph(f"{one.name}: {one.reason}") for one in run.taken_out)
    if stood := stand_ins_of(report):
        blocks.append(Heading("Stood in for"))
        blocks += (Paragraph(f"{what} ({number} steps)" if number > 1 else what) for what, number in stood)
    blocks.append(Heading("What differs from GitHub"))
    blocks += (Paragraph(difference) for difference in DIFFERENCES)
    blocks.append(
        Facts(
            (
                ("Event", run.started.shown),
                ("Took", duration(report.seconds)),
                ("Artifacts", ", ".join(sorted(one.name for one in run.artifacts.all())) or "none"),
                ("Logs, artifacts, report", report.folder),
            )
        )
    )
    return Document("Rehearsal", tuple(blocks))


def _table(rows: tuple[JobRow, ...]) -> Table:
    return Table(
        header=("Job", "Result", "Time", "Why"),
        rows=tuple(
            (
                Cell(row.name),
                Cell(row.shown_result, Tone.WARN if row.is_allowed else _TONES[row.result]),
                Cell(_spent(row), order=row.entry.seconds if row.entry is not None else None),
                Cell(row.reason or ""),
            )
            for row in rows
        ),
        numeric=frozenset({2}),
        sortable="jobs",
    )


def _spent(row: JobRow) -> str:
    return "-" if row.entry is None or row.entry.seconds is None else duration(row.entry.seconds)


def _annotations(report: RehearsalReport) -> Iterator[tuple[Annotation, JobRow]]:
    for row in report.rows:
        if row.entry is not None and row.entry.outcome is not None:
            for annotation in row.entry.outcome.annotations:
                yield annotation, row


def stand_ins_of(report: RehearsalReport) -> list[tuple[str, int]]:
    """What was stood in for, and in how many steps."""
    counts: dict[str, int] = {}
    if report.run.config is not None:
        counts[f"pipeline.toml is that of the workspace by --override-input: {report.run.config}"] = 1
    for row in report.rows:
        for step in row.entry.outcome.steps if row.entry is not None and row.entry.outcome is not None else ():
            if step.stand_in is not None:
                counts[step.stand_in] = counts.get(step.stand_in, 0) + 1
    return list(counts.items())


def rehearsal_to_json(report: RehearsalReport) -> dict[str, Any]:
    """The body of `ci --rehearse EVENT --format json`."""
    run = report.run
    return {
        "rehearsal": run.event.value,
        "summary": report.line,
        "strict": report.strict,
        "interrupted": run.interrupted is not None,
        "seconds": round(report.seconds, 3),
        "folder": report.folder,
        "repository": run.repository.name,
        "commit": run.started.commit,
        "ref": run.started.github["ref"],
        "uncommitted": list(run.repository.uncommitted),
        "workflows": [
            {
                "path": workflow.loaded.model.path,
                "name": workflow.loaded.model.name,
                "event": started.occasion.event,
                "result": workflow.result.value,
                "jobs": [_row_to_json(row) for row in rows_of(workflow)],
            }
            for started, workflow in run.workflows
        ],
        "unavailable": [{"name": one.name, "reason": one.reason} for one in run.taken_out],
        "artifacts": [
            {"name": one.name, "files": len(one.files), "sizeBytes": one.size_bytes}
            for one in sorted(run.artifacts.all(), key=lambda one: one.name)
        ],
        "standIns": [{"what": what, "steps": number} for what, number in stand_ins_of(report)],
        "differences": list(DIFFERENCES),
    }


def _row_to_json(row: JobRow) -> dict[str, Any]:
    entry = row.entry
    outcome = entry.outcome if entry is not None else None
    return {
        "name": row.name,
        "result": row.result.value,
        "allowed": row.is_allowed,
        "reason": row.reason,
        "seconds": None if entry is None or entry.seconds is None else round(entry.seconds, 3),
        "folder": entry.folder if entry is not None else None,
        "outputs": dict(entry.outputs) if entry is not None else {},
        "steps": [
            {
                "name": step.name,
                "outcome": step.outcome,
                "conclusion": step.conclusion,
                "seconds": round(step.seconds, 3),
                "standIn": step.stand_in,
            }
            for step in (outcome.steps if outcome is not None else ())
        ],
        "annotations": [
            {"level": one.level, "message": one.message, "file": one.file, "line": one.line}
            for one in (outcome.annotations if outcome is not None else ())
        ],
    }


def summaries(report: RehearsalReport) -> Iterator[str]:
    """What the jobs wrote for the run's page, each below its name."""
    for row in report.rows:
        outcome = row.entry.outcome if row.entry is not None else None
        if outcome is not None and outcome.summary.strip():
            yield f"\n## {row.name}\n\n{outcome.summary.rstrip()}\n"
