"""What `sbom` tells of a bill that it made, for people and as JSON."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from nanna_ci.foundation.verdict import Verdict
from nanna_ci.report.blocks import Areas, Block, Cell, Document, Facts, Heading, Notice, Paragraph, Table, Tone
from nanna_ci.report.units import bytes_text
from nanna_ci.supply_chain.bill.bill_of_materials import Bill, Completeness, Component
from nanna_ci.supply_chain.bill.cyclonedx import timestamp_text
from nanna_ci.supply_chain.bill.cyclonedx_check import CheckedDocument
from nanna_ci.supply_chain.bill.image_contents import LayerShare
from nanna_ci.supply_chain.bill.program_crates import Agreement, ProgramView

_ROWS: Final = 20
_BAD: Final = frozenset({Agreement.DIFFERS, Agreement.UNREADABLE})
_TONES: Final = {
    Agreement.AGREES: Tone.GOOD,
    Agreement.DIFFERS: Tone.BAD,
    Agreement.UNREADABLE: Tone.BAD,
    Agreement.NO_LIST: Tone.WARN,
    Agreement.NOT_COMPARED: Tone.NEUTRAL,
}
# Fields of BSI TR-03183-2 v2.1.0, 5.2.2, that a component may lack. Only what lies on a disk has the last three.
_FIELDS: Final = ("creator", "version", "licence", "executable", "SHA-512")


@dataclass(frozen=True, slots=True)
class WrittenBill:
    """The bill as a file: `where` is None for stdout, `is_written` False for a dry run."""

    format: str
    data_bytes: int
    sha256: str
    where: str | None
    is_written: bool


@dataclass(frozen=True, slots=True)
class BillReport:
    """What to tell. `views` are the programs that were found, `contents` the layers of an image, None for others."""

    what: str
    bill: Bill
    written: WrittenBill
    views: tuple[ProgramView, ...]
    contents: tuple[LayerShare, ...] | None

    @property
    def reason(self) -> str | None:
        """Why it fails; None where it passes."""
        bad = [view for view in self.views if view.agreement in _BAD]
        if not bad:
            return None
        first = bad[0]
        if first.agreement is Agreement.UNREADABLE:
            return f"{first.program.path}: its list of crates {first.program.problem}"
        parts = [
            f"only in {where}: {', '.join(crates[:5])}{' …' if len(crates) > 5 else ''}"
            for where, crates in (("its own list", first.only_in_program), ("the build", first.only_in_facts))
            if crates
        ]
        return f"{first.program.path} is not what was built: {'; '.join(parts)}"

    @property
    def verdict(self) -> Verdict:
        """Whether every program's own list agrees with the bill; those without a list are named, and pass."""
        return Verdict.PASS if self.reason is None else Verdict.FAIL

    @property
    def unlisted(self) -> tuple[ProgramView, ...]:
        """Rust programs without a list of their crates."""
        return tuple(view for view in self.views if view.program.is_rust and view.agreement is Agreement.NO_LIST)


def missing_fields(bill: Bill) -> dict[str, int]:
    """How many components lack which field that BSI TR-03183-2 requires, and what the document lacks."""
    lacking = Counter(field for one in (bill.subject, *bill.components) for field in _lacks(one))
    whole = {"SBOM creator": int(bill.creator is None), "timestamp": int(bill.created_s is None)}
    return {**whole, **{field: lacking[field] for field in _FIELDS}}


def _lacks(one: Component) -> Iterator[str]:
    values = {"creator": one.creator, "version": one.version, "licence": one.licence}
    yield from (field for field, value in values.items() if value is None)
    if one.licence is not None and not one.licence.is_expression:
        yield "licence"
    if one.deployable is not None:
        if one.deployable.is_executable is None:
            yield "executable"
        if one.deployable.sha512 is None:
            yield "SHA-512"


def bill_document(report: BillReport) -> Document:
    """The report for people."""
    name = report.bill.subject.name
    return Document(f"Bill of materials of {name}", tuple(_blocks(report)))


def _blocks(report: BillReport) -> Iterator[Block]:
    counts = count_components(report.bill)
    text = ", ".join(f"{number:,} {kind if number > 1 else kind[:-1]}" for kind, number in counts.items() if number)
    yield Notice(Tone.GOOD if report.reason is None else Tone.BAD, report.reason or f"{text}; every reference closes.")
    for view in report.unlisted:
        missing = "its build does not use cargo-auditable, so the bill cannot be held against it"
        yield Notice(Tone.WARN, f"{view.program.path} carries no list of its crates: {missing}.")
    yield _facts(report, counts)
    yield from _programs(report.views)
    yield from _layers(report.contents)
    yield from _bsi(report.bill)


def _facts(report: BillReport, counts: Mapping[str, int]) -> Facts:
    bill, written = report.bill, report.written
    where = written.where or "stdout"
    complete = Counter(bill.gaps.get(ref, Completeness.COMPLETE).value for ref in bill.dependencies)
    return Facts(
        (
            ("Subject", f"{bill.subject.name} {bill.subject.version or ''}".rstrip()),
            (
                "Written",
                f"{where}, {bytes_text(written.data_bytes)}" if written.is_written else f"no: {where} would be",
            ),
            ("Format", written.format),
            ("SHA-256", written.sha256),
            ("Time", None if bill.created_s is None else timestamp_text(bill.created_s)),
            ("Components", f"{sum(counts.values()):,}"),
            ("Dependencies", ", ".join(f"{number:,} {name}" for name, number in sorted(complete.items()))),
        )
    )


def _programs(views: Sequence[ProgramView]) -> Iterator[Block]:
    if not views:
        return
    yield Heading("Programs and their own lists of crates")
    rows = [
        (
            Cell(view.program.path),
            Cell(None if view.program.crates is None else f"{len(view.program.crates):,}"),
            Cell(view.agreement.value if view.program.is_rust else "not Rust", _tone(view)),
        )
        for view in views
    ]
    yield Table(("Program", "Crates", "Beside the build"), tuple(rows[:_ROWS]), frozenset({1}))
    yield from _more(len(rows))


def _tone(view: ProgramView) -> Tone:
    return _TONES[view.agreement] if view.program.is_rust else Tone.NEUTRAL


def _layers(contents: Sequence[LayerShare] | None) -> Iterator[Block]:
    if contents is None:
        return
    yield Heading("Layers")
    rows = [
        (
            Cell(layer.digest[:19]),
            Cell(None if layer.size_bytes is None else bytes_text(layer.size_bytes)),
            Cell(f"{len(layer.store_paths):,}"),
            Cell(f"{len(layer.packages):,}"),
            Cell(None if layer.other_bytes is None else bytes_text(layer.other_bytes)),
        )
        for layer in contents
    ]
    header = ("Layer", "Unpacked", "Store paths", "Debian packages", "Of no store path")
    yield Table(header, tuple(rows[:_ROWS]), frozenset({1, 2, 3, 4}))
    yield from _more(len(rows))
    yield contents_picture(contents, "What the layers hold, by size unpacked")


def contents_picture(contents: Sequence[LayerShare], caption: str) -> Areas:
    """The store paths and packages in each layer, as areas."""
    return Areas(tuple((layer.digest[:19], tuple(_things(layer))) for layer in contents), caption)


def _things(layer: LayerShare) -> Iterator[tuple[str, float, str, str]]:
    """A layer's store paths, and the rest of it, for the picture."""
    for path in layer.store_paths:
        if path.size_bytes is not None:
            crates = sum(len(program.crates or ()) for program in path.programs)
            more = f"{path.ref}{f', {crates} crates' if crates else ''}"
            yield path.label, float(path.size_bytes), bytes_text(path.size_bytes), more
    if layer.other_bytes:
        label = "Debian packages" if layer.packages else "of no store path"
        yield label, float(layer.other_bytes), bytes_text(layer.other_bytes), ", ".join(layer.packages)


def _bsi(bill: Bill) -> Iterator[Block]:
    lacking = {field: number for field, number in missing_fields(bill).items() if number}
    yield Heading("Fields of BSI TR-03183-2 v2.1.0")
    if not lacking:
        yield Paragraph("Every component has every field that the guideline requires.")
        return
    rows = tuple((Cell(field), Cell(f"{number:,}")) for field, number in lacking.items())
    yield Table(("Field", "Not known of"), rows, frozenset({1}))


def _more(count: int) -> Iterator[Block]:
    if count > _ROWS:
        yield Paragraph(f"and {count - _ROWS:,} more; --format json has them all")


def count_components(bill: Bill) -> dict[str, int]:
    """Components by what they are, without the subject."""
    counts = dict.fromkeys(("crates", "store paths", "derivations", "Debian packages", "layers", "programs"), 0)
    for one in bill.components:
        counts[_sort_of(one)] += 1
    return counts


def _sort_of(one: Component) -> str:
    if one.ref.startswith("/nix/store/") and "#" not in one.ref:
        return "derivations" if one.ref.endswith(".drv") else "store paths"
    if one.ref.startswith(("pkg:cargo/", "crate:")):
        return "crates"
    if one.ref.startswith("pkg:deb/"):
        return "Debian packages"
    return "layers" if one.ref.startswith("sha256:") else "programs"


def bill_to_json(report: BillReport) -> dict[str, Any]:
    """The report for machines, as schemas/sbom.json has it. The bill itself is the file."""
    bill, written = report.bill, report.written
    counts = count_components(bill)
    return {
        "what": report.what,
        "reason": report.reason,
        "subject": {"ref": bill.subject.ref, "name": bill.subject.name, "version": bill.subject.version},
        "format": written.format,
        "file": written.where,
        "written": written.is_written,
        "sizeBytes": written.data_bytes,
        "sha256": written.sha256,
        "created": None if bill.created_s is None else timestamp_text(bill.created_s),
        "components": {
            "crates": counts["crates"],
            "storePaths": counts["store paths"],
            "derivations": counts["derivations"],
            "debianPackages": counts["Debian packages"],
            "layers": counts["layers"],
            "programs": counts["programs"],
        },
        "incomplete": sorted(ref for ref, how in bill.gaps.items() if how is Completeness.INCOMPLETE),
        "unknown": sorted(ref for ref, how in bill.gaps.items() if how is Completeness.UNKNOWN),
        "programs": [_view_to_json(view) for view in report.views],
        "missingFields": missing_fields(bill),
        "contents": None if report.contents is None else [_layer_to_json(layer) for layer in report.contents],
        "checked": None,
    }


def checked_to_json(file: str, checked: CheckedDocument, data: bytes) -> dict[str, Any]:
    """A file that was only checked, in the same shape."""
    return {
        "what": "check",
        "reason": None,
        "subject": None if checked.subject is None else {"ref": None, "name": checked.subject, "version": None},
        "format": f"CycloneDX {checked.version.value}",
        "file": file,
        "written": False,
        "sizeBytes": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
        "created": None,
        "components": None,
        "incomplete": [],
        "unknown": [],
        "programs": [],
        "missingFields": None,
        "contents": None,
        "checked": {"components": checked.components, "dependencies": checked.edges},
    }


def _view_to_json(view: ProgramView) -> dict[str, Any]:
    program = view.program
    return {
        "path": program.path,
        "storePath": None if program.store_path is None else str(program.store_path),
        "sha512": program.sha512,
        "isRust": program.is_rust,
        "crates": None if program.crates is None else len(program.crates),
        "agreement": view.agreement.value,
        "onlyInProgram": list(view.only_in_program),
        "onlyInBuild": list(view.only_in_facts),
        "problem": program.problem,
    }


def _layer_to_json(layer: LayerShare) -> dict[str, Any]:
    return {
        "digest": layer.digest,
        "sizeBytes": layer.size_bytes,
        "otherBytes": layer.other_bytes,
        "storePaths": [
            {
                "storePath": path.ref,
                "label": path.label,
                "sizeBytes": path.size_bytes,
                "programs": [{"path": one.path, "crates": _listed(one.crates)} for one in path.programs],
            }
            for path in layer.store_paths
        ],
        "debianPackages": list(layer.packages),
        "programs": [{"path": one.path, "crates": _listed(one.crates)} for one in layer.programs],
    }


def _listed(crates: tuple[str, ...] | None) -> list[str] | None:
    return None if crates is None else list(crates)
