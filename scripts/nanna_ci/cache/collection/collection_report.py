"""A collection, planned or done, for people and as JSON."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from nanna_ci.cache.collection.collector import Collected
from nanna_ci.cache.collection.eviction_plan import CollectionPlan, Eviction, Why
from nanna_ci.cache.collection.inventory import FileFault, Inventory
from nanna_ci.foundation.verdict import Verdict
from nanna_ci.report.blocks import Bars, Block, Cell, Document, Facts, Heading, Notice, Paragraph, Table, Tone
from nanna_ci.report.units import bytes_text, seconds_text

_ROWS: Final = 20
_PLACES: Final = {
    Why.RELEASE.value: "kept for releases",
    Why.PIN.value: "kept for pins",
    Why.COMMIT.value: "kept for the newest commits",
    Why.FRESH.value: "kept, added within the last hour",
    Why.NAMED.value: "kept, named by faulty narinfo files",
    Why.CIRCLE.value: "kept, in a circle of references",
    Why.FITS.value: "kept within the limit",
    "delete": "to go",
    "leftovers": "left over, to go",
    "young": "without narinfo, added within the last hour",
    "other": "logs, records and other files",
}


@dataclass(frozen=True, slots=True)
class GcReport:
    """What to report. `collected` is None for a plan. `keeps_access_times`: whether the file system records reads."""

    store: str
    inventory: Inventory
    plan: CollectionPlan
    collected: Collected | None
    keeps_access_times: bool

    @property
    def after_bytes(self) -> int:
        """The size in the end: measured by what was deleted, or planned. What others added meanwhile is left out."""
        return self.plan.after_bytes if self.collected is None else self.plan.before_bytes - self.collected.freed_bytes

    @property
    def faults(self) -> tuple[FileFault, ...]:
        """Faulty files, and narinfo files without their archive, which a collection may delete like others."""
        lost = (
            FileFault(path.narinfo.name, f"{path.nar} is not there: {path.store_path} cannot be fetched")
            for path in self.inventory.paths.values()
            if path.nar not in self.inventory.nars
        )
        return (*self.inventory.faults, *sorted(lost, key=lambda fault: fault.file))

    @property
    def reason(self) -> str | None:
        """Why it fails; None if it passes."""
        if self.collected is not None and self.collected.broken:
            return f"{_counted(len(self.collected.broken), 'upload')} lost, at the same moment, what was deleted"
        if self.after_bytes <= self.plan.limit_bytes:
            return None
        if self.plan.is_reached:
            return "paths that were to go came into use meanwhile: run it again"
        stays = {place: size for place, size in self.sizes().items() if place not in {"delete", "leftovers"} and size}
        parts = [f"{bytes_text(size)} {_PLACES[place]}" for place, size in stays.items()]
        return f"cannot reach {bytes_text(self.plan.limit_bytes)}: {'; '.join(parts)}"

    @property
    def verdict(self) -> Verdict:
        """Whether the cache is within its limit, or will be."""
        return Verdict.PASS if self.reason is None else Verdict.FAIL

    def sizes(self) -> dict[str, int]:
        """Where the bytes were before the collection, each byte once, by place."""
        plan = self.plan
        sizes = {why.value: plan.bytes_by[why] for why in Why}
        sizes["delete"] = sum(eviction.freed_bytes for eviction in plan.evictions)
        sizes["leftovers"] = sum(file.size_bytes for file in plan.leftovers)
        sizes["young"] = plan.young_bytes
        return {**sizes, "other": plan.before_bytes - sum(sizes.values())}


def gc_document(report: GcReport) -> Document:
    """The report for people."""
    return Document(
        f"Cache {report.store}: {'plan' if report.collected is None else 'collected'}", tuple(_blocks(report))
    )


def _blocks(report: GcReport) -> Iterator[Block]:
    yield Notice(Tone.GOOD if report.reason is None else Tone.BAD, _answer(report))
    yield from _warnings(report)
    bars = [(_PLACES[place], float(size), bytes_text(size)) for place, size in report.sizes().items() if size]
    yield Bars(tuple(bars), "Where the bytes are" if report.collected is None else "Where the bytes were")
    yield _facts(report)
    yield from _roots(report)
    yield from _evictions(report)
    if report.faults:
        yield from _fault_table(report.faults)


def _answer(report: GcReport) -> str:
    plan, limit = report.plan, bytes_text(report.plan.limit_bytes)
    if report.reason is not None:
        return report.reason
    if not plan.evictions and not plan.leftovers:
        return f"Nothing to delete: {bytes_text(plan.before_bytes)} of at most {limit}."
    change = f"{bytes_text(plan.before_bytes)} → {bytes_text(report.after_bytes)} of at most {limit}"
    count = len(plan.evictions) if report.collected is None else len(report.collected.deleted)
    files = f" and {_counted(len(plan.leftovers), 'file')} left over" if plan.leftovers else ""
    what = _counted(count, "path") + files
    if report.collected is None:
        return f"{what} would be deleted: {change}. Nothing was; --execute does it."
    return f"{what} deleted: {change}."


def _warnings(report: GcReport) -> Iterator[Block]:
    for kept in report.plan.roots:
        if not kept.root.present:
            yield Notice(Tone.WARN, f"{kept.root.kind.value} {kept.root.name}: nothing of it is in the cache.")
        elif kept.root.absent:
            what = f"{_counted(kept.root.absent, 'path')} of it not in the cache"
            yield Notice(Tone.WARN, f"{kept.root.kind.value} {kept.root.name}: {what}.")
    if report.faults:
        yield Notice(Tone.WARN, f"{_counted(len(report.faults), 'file')} not as it should be; see below.")
    if report.collected is not None and report.collected.spared:
        count = _counted(len(report.collected.spared), "path")
        yield Notice(Tone.WARN, f"{count} came into use meanwhile: not deleted.")
    for fault in report.collected.broken if report.collected is not None else ():
        yield Notice(Tone.BAD, f"{fault.file} {fault.problem}: delete the file, and push its path again.")


def _facts(report: GcReport) -> Facts:
    plan = report.plan
    known = [eviction.build_time for eviction in plan.evictions if eviction.build_time is not None]
    times = (
        f"known for {len(known)} of the {len(plan.evictions)} paths that go"
        f" ({sum(not one.is_exact for one in known)} by their name only); the others count as 0 s"
    )
    used = "the later of access and change of narinfo and archive; access counts to a day on most file systems"
    return Facts(
        (
            ("Store", report.store),
            ("Limit", bytes_text(plan.limit_bytes)),
            ("Size", f"{bytes_text(plan.before_bytes)}, {len(report.inventory.paths)} paths"),
            ("After" if report.collected is None else "Now", bytes_text(report.after_bytes)),
            ("Build times", times if plan.evictions else None),
            ("Last use", used if report.keeps_access_times else "not kept by this file system: the last change counts"),
        )
    )


def _roots(report: GcReport) -> Iterator[Block]:
    yield Heading("Kept for")
    if not report.plan.roots:
        yield Paragraph("No releases, commits or pins are recorded in this cache: the least recently used goes first.")
        return
    rows = [
        (
            Cell(kept.root.kind.value),
            Cell(kept.root.name),
            Cell(_day(kept.root.recorded_s) if kept.root.recorded_s is not None else "command line"),
            Cell(f"{kept.closure_paths:,}"),
            Cell(bytes_text(kept.closure_bytes)),
        )
        for kept in report.plan.roots
    ]
    yield Table(("Kind", "Name", "Recorded", "Paths", "Closure"), tuple(rows[:_ROWS]), frozenset({3, 4}))
    yield from _more(rows)


def _evictions(report: GcReport) -> Iterator[Block]:
    if not report.plan.evictions:
        return
    yield Heading("In this order" if report.collected is None else "Deleted, in this order")
    rows = [_row(eviction) for eviction in report.plan.evictions[:_ROWS]]
    header = ("Path", "Frees", "Built in", "Seconds a MB", "Last used")
    yield Table(header, tuple(rows), frozenset({1, 2, 3}))
    yield from _more(report.plan.evictions)


def _row(eviction: Eviction) -> tuple[Cell, ...]:
    return (
        Cell(eviction.path.store_path.base_name),
        Cell(bytes_text(eviction.freed_bytes)),
        Cell(_built(eviction)),
        Cell(f"{eviction.rate * 1e6:.3g}"),
        Cell(_day(eviction.used_s)),
    )


def _built(eviction: Eviction) -> str | None:
    if not eviction.has_nar:
        return "no archive"
    if eviction.build_time is None:
        return None
    return ("" if eviction.build_time.is_exact else "≈ ") + seconds_text(eviction.build_time.seconds)


def _fault_table(faults: Sequence[FileFault]) -> Iterator[Block]:
    yield Heading("Faults")
    rows = tuple((Cell(fault.file), Cell(fault.problem)) for fault in faults[:_ROWS])
    yield Table(("File", "Problem"), rows)
    yield from _more(faults)


def _more(rows: Sequence[object]) -> Iterator[Block]:
    if len(rows) > _ROWS:
        yield Paragraph(f"and {len(rows) - _ROWS:,} more; --format json has them all")


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _day(seconds: float) -> str:
    return time.strftime("%Y-%m-%d", time.gmtime(seconds))


def gc_to_json(report: GcReport) -> dict[str, Any]:
    """The report for machines, as schemas/cache-gc.json has it."""
    plan, collected = report.plan, report.collected
    deleted = None if collected is None else collected.deleted
    return {
        "store": report.store,
        "executed": collected is not None,
        "reason": report.reason,
        "limitBytes": plan.limit_bytes,
        "beforeBytes": plan.before_bytes,
        "afterBytes": report.after_bytes,
        "bytes": report.sizes(),
        "lastUse": "access" if report.keeps_access_times else "change",
        "roots": [
            {
                "kind": kept.root.kind.value,
                "name": kept.root.name,
                "recordedS": kept.root.recorded_s,
                "present": len(kept.root.present),
                "absent": kept.root.absent,
                "closurePaths": kept.closure_paths,
                "closureBytes": kept.closure_bytes,
            }
            for kept in plan.roots
        ],
        "keep": [
            {"storePath": str(report.inventory.paths[key].store_path), "because": why.value}
            for key, why in plan.kept.items()
        ],
        "delete": [_eviction_to_json(eviction, deleted) for eviction in plan.evictions],
        "leftovers": [{"file": file.name, "sizeBytes": file.size_bytes} for file in plan.leftovers],
        "faults": [{"file": fault.file, "problem": fault.problem} for fault in report.faults],
        "broken": [{"file": fault.file, "problem": fault.problem} for fault in (collected.broken if collected else ())],
    }


def _eviction_to_json(eviction: Eviction, deleted: frozenset[str] | None) -> dict[str, Any]:
    known = eviction.build_time
    return {
        "storePath": str(eviction.path.store_path),
        "freedBytes": eviction.freed_bytes,
        "buildSeconds": None if known is None else known.seconds,
        "isExact": None if known is None else known.is_exact,
        "secondsPerByte": eviction.rate,
        "lastUseS": eviction.used_s,
        "hasArchive": eviction.has_nar,
        "isDeleted": None if deleted is None else eviction.path.store_path.hash in deleted,
    }
