"""What `verify` found, link by link, for people and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from nanna_ci.foundation.verdict import Verdict
from nanna_ci.report.blocks import Block, Cell, Document, Facts, Heading, Notice, Paragraph, Table, Tone
from nanna_ci.supply_chain.evidence.chain import ChainLink, LinkState, counted, decide_chain
from nanna_ci.supply_chain.evidence.slsa_provenance import Provenance

_TONES: Final = {
    LinkState.VERIFIED: Tone.GOOD,
    LinkState.FAILED: Tone.BAD,
    LinkState.MISSING: Tone.BAD,
    LinkState.ABSENT: Tone.NEUTRAL,
}
_ROWS: Final = 50


@dataclass(frozen=True, slots=True)
class ChainReport:
    """The links of one folder. `trust` says whose signatures counted, None where nobody said."""

    folder: str
    links: Sequence[ChainLink]
    provenance: Provenance | None
    trust: str | None

    @property
    def verdict(self) -> Verdict:
        """Whether the chain holds."""
        return decide_chain(tuple(self.links))

    @property
    def reason(self) -> str | None:
        """The first thing that breaks it; None where it holds."""
        for link in self.links:
            for check in link.troubles:
                return f"{link.name.value}: {check.subject} {check.says}"
            if link.state is LinkState.MISSING:
                return f"{link.name.value}: nothing could be checked"
        return None


def chain_document(report: ChainReport) -> Document:
    """The report for people."""
    return Document(f"Evidence in {report.folder}", tuple(_blocks(report)))


def _blocks(report: ChainReport) -> Iterator[Block]:
    holds = report.verdict is Verdict.PASS
    yield Notice(Tone.GOOD if holds else Tone.BAD, "The chain holds." if holds else f"Broken. {report.reason}")
    if report.trust is None:
        yield Notice(Tone.WARN, "Nobody's signature was checked: all of it could have been replaced together.")
    if report.provenance is not None:
        yield from _origin(report.provenance)
    yield Table(
        ("Link", "State", "Checks", "What"),
        tuple(
            (
                Cell(link.name.value),
                Cell(link.state.value, _TONES[link.state]),
                Cell(f"{len(link.checks)}"),
                Cell(_summary(link)),
            )
            for link in report.links
        ),
        frozenset({2}),
    )
    for link in report.links:
        if link.troubles:
            yield Heading(f"Broken: {link.name.value}")
            rows = [(Cell(one.subject), Cell(one.state.value, Tone.BAD), Cell(one.says)) for one in link.troubles]
            yield Table(("Of", "State", "Why"), tuple(rows[:_ROWS]))
            if len(rows) > _ROWS:
                yield Paragraph(f"and {len(rows) - _ROWS:,} more; --format json has them all")
    yield Heading("Checked")
    checks = [(link.name, check) for link in report.links for check in link.checks if check not in link.troubles]
    rows = [(Cell(name.value), Cell(check.subject), Cell(check.says)) for name, check in checks]
    yield Table(("Link", "Of", "What"), tuple(rows[:_ROWS]))
    if len(rows) > _ROWS:
        yield Paragraph(f"and {len(rows) - _ROWS:,} more; --format json has them all")


def _origin(provenance: Provenance) -> Iterator[Block]:
    source = provenance.sources[0]
    if source.is_dirty:
        yield Notice(Tone.WARN, "The source had changes that are in no commit.")
    elif source.revision is None:
        yield Notice(Tone.WARN, "No commit of the source is stated.")
    yield Facts(
        (
            ("Commit", source.revision),
            ("Source", None if source.store_path is None else str(source.store_path)),
            ("Builder", provenance.builder),
            ("Given by the caller", ", ".join(sorted(provenance.overrides)) or "nothing"),
        )
    )


def _summary(link: ChainLink) -> str:
    if link.troubles:
        more = f", and {len(link.troubles) - 1} more" if len(link.troubles) > 1 else ""
        return f"{link.troubles[0].subject} {link.troubles[0].says}{more}"
    return link.checks[0].says if len(link.checks) == 1 else counted(len(link.checks), "check")


def chain_to_json(report: ChainReport) -> dict[str, Any]:
    """The report for machines, as schemas/verify.json has it."""
    source = None if report.provenance is None else report.provenance.sources[0]
    return {
        "folder": report.folder,
        "reason": report.reason,
        "revision": None if source is None or source.is_dirty else source.revision,
        "builder": None if report.provenance is None else report.provenance.builder,
        "signer": report.trust,
        "links": [
            {
                "link": link.name.value,
                "state": link.state.value,
                "checks": [
                    {"subject": check.subject, "state": check.state.value, "says": check.says} for check in link.checks
                ],
            }
            for link in report.links
        ],
    }
