"""What changed from one run to the next: failures, fixes, slower and faster jobs, jobs that came and went."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from nanna_ci.foundation.verdict import Verdict
from nanna_ci.measure.budgets.measured import built_s
from nanna_ci.measure.history.records import JobRecord, RunRecord
from nanna_ci.report.blocks import Block, Cell, Heading, Paragraph, Table, Tone
from nanna_ci.report.units import names_text, seconds_text

SLOWER_RATIO = 1.5
SLOWER_S = 5.0
"""A job counts as slower if it took both this many times and this many seconds more: short jobs vary by half."""
NAMED = 3
_FAILED = {Verdict.FAIL, Verdict.ERROR}


@dataclass(frozen=True, slots=True)
class RunChanges:
    """From `before` to `now`: ids of jobs; slower and faster ones with their seconds in both runs."""

    before: RunRecord
    now: RunRecord
    new_failures: tuple[str, ...]
    fixed: tuple[str, ...]
    slower: tuple[tuple[str, float, float], ...]
    faster: tuple[tuple[str, float, float], ...]
    added: tuple[str, ...]
    removed: tuple[str, ...]

    @property
    def line(self) -> str:
        """All of it in one line, each kind with the first of its jobs."""
        age = seconds_text(max(0.0, (self.now.origin.started - self.before.origin.started).total_seconds()))
        parts = [
            f"{len(names)} {kind} ({names_text(names, NAMED)})"
            for kind, names in (
                ("new failure" if len(self.new_failures) == 1 else "new failures", self.new_failures),
                ("fixed", self.fixed),
                ("slower", tuple(name for name, _, _ in self.slower)),
                ("faster", tuple(name for name, _, _ in self.faster)),
                ("added", self.added),
                ("gone", self.removed),
            )
            if names
        ]
        return f"since the last run, {age} before: {', '.join(parts) or 'nothing changed'}"


def changes_between(before: RunRecord, now: RunRecord) -> RunChanges:
    """What is different in `now`.

    A job fails anew if it passed, or did not run, and fails or gives no answer now; it is fixed if it failed or gave
    none, and passes. Times are compared where both were measured.
    """
    earlier, later = ({job.id: job for job in run.jobs} for run in (before, now))
    both = [(earlier[name], job) for name, job in later.items() if name in earlier]
    return RunChanges(
        before,
        now,
        new_failures=tuple(b.id for a, b in both if b.verdict in _FAILED and a.verdict not in _FAILED),
        fixed=tuple(b.id for a, b in both if a.verdict in _FAILED and b.verdict is Verdict.PASS),
        slower=tuple((b.id, *times) for a, b in both if (times := _times(a, b)) and _is_slower(*times)),
        faster=tuple((b.id, *times) for a, b in both if (times := _times(a, b)) and _is_slower(*reversed(times))),
        added=tuple(name for name in later if name not in earlier),
        removed=tuple(name for name in earlier if name not in later),
    )


def changes_blocks(changes: RunChanges) -> Iterator[Block]:
    """The changes for people: a row for each, failures first."""
    yield Heading("Since the last run")
    rows = [
        *_rows(changes.new_failures, Cell("fails now", Tone.BAD)),
        *_rows(changes.fixed, Cell("fixed", Tone.GOOD)),
        *_timed_rows(changes.slower, Cell("slower", Tone.WARN)),
        *_timed_rows(changes.faster, Cell("faster", Tone.GOOD)),
        *_rows(changes.added, Cell("added")),
        *_rows(changes.removed, Cell("gone")),
    ]
    if rows:
        yield Table(("Job", "Change", "Before", "Now"), tuple(rows), numeric=frozenset({2, 3}))
    else:
        yield Paragraph("Nothing changed.")


def _rows(names: Iterable[str], change: Cell) -> Iterator[tuple[Cell, ...]]:
    return ((Cell(name), change, Cell(""), Cell("")) for name in names)


def _timed_rows(jobs: Iterable[tuple[str, float, float]], change: Cell) -> Iterator[tuple[Cell, ...]]:
    return ((Cell(name), change, Cell(seconds_text(was)), Cell(seconds_text(now))) for name, was, now in jobs)


def changes_to_json(changes: RunChanges) -> dict[str, Any]:
    """For a command's JSON."""

    def timed(jobs: tuple[tuple[str, float, float], ...]) -> list[dict[str, Any]]:
        return [{"id": name, "beforeSeconds": round(a, 3), "seconds": round(b, 3)} for name, a, b in jobs]

    return {
        "lastRun": changes.before.origin.run,
        "newFailures": list(changes.new_failures),
        "fixed": list(changes.fixed),
        "slower": timed(changes.slower),
        "faster": timed(changes.faster),
        "added": list(changes.added),
        "removed": list(changes.removed),
    }


def _times(before: JobRecord, now: JobRecord) -> tuple[float, float] | None:
    was, is_now = built_s(before), built_s(now)
    return None if was is None or is_now is None else (was, is_now)


def _is_slower(before_s: float, now_s: float) -> bool:
    return now_s > before_s * SLOWER_RATIO and now_s > before_s + SLOWER_S
