"""What `provenance` wrote, for people and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nanna_ci.report.blocks import Block, Cell, Document, Facts, Heading, Notice, Table, Tone
from nanna_ci.report.units import bytes_text
from nanna_ci.supply_chain.evidence.build_facts import BuildFacts
from nanna_ci.supply_chain.evidence.flake_facts import FlakeFacts
from nanna_ci.supply_chain.evidence.roles import OPTIONAL, EvidenceFile, Role


@dataclass(frozen=True, slots=True)
class EvidenceReport:
    """What went into the folder. `expired` are decisions of the baseline that are over, and so in no document."""

    flake: FlakeFacts
    builds: BuildFacts
    files: Sequence[EvidenceFile]
    test_result: Mapping[str, Any] | None
    expired: Sequence[str]

    def absent(self) -> tuple[Role, ...]:
        """The roles that the folder says it has none of."""
        present = {file.role for file in self.files}
        return tuple(role for role in OPTIONAL if role not in present)


def evidence_document(report: EvidenceReport, folder: str, *, dry_run: bool, changed: bool) -> Document:
    """The report for people."""
    state = "plan, nothing written" if dry_run else "written" if changed else "unchanged"
    return Document(f"Evidence in {folder}: {state}", tuple(_blocks(report)))


def _blocks(report: EvidenceReport) -> Iterator[Block]:
    flake, builds = report.flake, report.builds
    if flake.is_dirty:
        yield Notice(Tone.WARN, f"The work tree has changes: no commit has this source. It began at {flake.revision}.")
    elif flake.revision is None:
        yield Notice(Tone.WARN, "No commit is known that has this source: the flake is not in a git work tree here.")
    for role in report.absent():
        yield Notice(Tone.NEUTRAL, f"Without {role.value}: {OPTIONAL[role]}.")
    if not any(file.role is Role.SBOM for file in report.files):
        yield Notice(
            Tone.WARN, "Without SBOM: `verify` will call it missing. Make one with `sbom`, and give it by --sbom."
        )
    for name in report.expired:
        yield Notice(Tone.WARN, f"{name}: its time in the baseline is over; it is in no document.")
    if report.test_result is not None and report.test_result["result"] != "PASSED":
        tone = Tone.BAD if report.test_result["result"] == "FAILED" else Tone.WARN
        yield Notice(tone, f"The run's test result is {report.test_result['result']}.")
    overrides = ", ".join(one.route for one in flake.inputs if one.is_overridden)
    yield Facts(
        (
            ("Commit", None if flake.revision is None else flake.revision + (" and changes" if flake.is_dirty else "")),
            ("Source", f"{flake.source_path}"),
            ("Source's NAR hash", str(flake.nar_hash)),
            ("Inputs", f"{len(flake.inputs)}" + (f"; given by the caller: {overrides}" if overrides else "")),
            ("Toolkit", f"{builds.toolkit}, {builds.nix_version}"),
        )
    )
    yield Heading("Outputs")
    yield Table(
        ("Attribute", "Output", "NAR hash"),
        tuple(
            (Cell(one.attribute), Cell(one.path.base_name), Cell(str(one.nar_hash)))
            for one in sorted(builds.outputs, key=lambda one: one.path)
        ),
    )
    yield Heading("Files")
    rows = []
    for role in Role:
        sizes = [file.size_bytes for file in report.files if file.role is role]
        if sizes:
            rows.append((Cell(role.value), Cell(f"{len(sizes)}"), Cell(bytes_text(sum(sizes)))))
    yield Table(("Role", "Files", "Bytes"), tuple(rows), frozenset({1, 2}))


def evidence_to_json(
    report: EvidenceReport | None, folder: str, reason: str | None, *, dry_run: bool, changed: bool | None
) -> dict[str, Any]:
    """The report for machines, as schemas/provenance.json has it; without a report nothing was made."""
    flake = None if report is None else report.flake
    return {
        "folder": folder,
        "dryRun": dry_run,
        "changed": changed,
        "reason": reason,
        "source": None
        if flake is None
        else {
            "storePath": str(flake.source_path),
            "narHash": str(flake.nar_hash),
            "revision": flake.revision,
            "isDirty": flake.is_dirty,
        },
        "overrides": [] if flake is None else [one.route for one in flake.inputs if one.is_overridden],
        "outputs": []
        if report is None
        else [
            {
                "attribute": one.attribute,
                "storePath": str(one.path),
                "derivation": str(one.derivation),
                "narHash": str(one.nar_hash),
            }
            for one in report.builds.outputs
        ],
        "testResult": None if report is None or report.test_result is None else report.test_result["result"],
        "expired": [] if report is None else [*report.expired],
        "absent": [] if report is None else sorted(role.value for role in report.absent()),
        "files": []
        if report is None
        else [
            {"path": file.path, "role": file.role.value, "sizeBytes": file.size_bytes, "sha256": file.sha256}
            for file in sorted(report.files, key=lambda file: file.path)
        ],
    }
