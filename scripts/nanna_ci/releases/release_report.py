"""What `release` did, would do or found, for people and for programs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from nanna_ci.foundation.verdict import Verdict
from nanna_ci.releases.github_releases import GithubRelease
from nanna_ci.releases.release_assets import ReleaseAsset
from nanna_ci.releases.release_publisher import VerifiedAsset
from nanna_ci.releases.release_steps import ReleaseStep
from nanna_ci.report.blocks import Block, Cell, Code, Document, Facts, Heading, Notice, Table, Tone
from nanna_ci.report.units import bytes_text


@dataclass(frozen=True, slots=True)
class ReleaseReport:
    """`steps` were taken, or with `dry_run` would be. `verified` is None if nothing was downloaded again."""

    repository: str
    tag: str
    commit: str | None
    dry_run: bool
    release: GithubRelease | None = None
    assets: tuple[ReleaseAsset, ...] = ()
    steps: tuple[ReleaseStep, ...] = ()
    verified: tuple[VerifiedAsset, ...] | None = None
    problems: tuple[str, ...] = ()
    notes: str | None = None

    @property
    def verdict(self) -> Verdict:
        """Pass if the release is whole, or if a dry run found nothing against it."""
        return Verdict.FAIL if self.problems else Verdict.PASS


def release_document(report: ReleaseReport) -> Document:
    """For people: what became of it, then the assets, then what was or would be done."""
    return Document(f"Release {report.tag}", tuple(_blocks(report)))


def _blocks(report: ReleaseReport) -> Iterator[Block]:
    yield from (Notice(Tone.BAD, problem) for problem in report.problems)
    if not report.problems:
        yield Notice(Tone.GOOD, _success(report))
    release = report.release
    yield Facts(
        (
            ("repository", report.repository),
            ("commit", report.commit),
            ("release", None if release is None else release.page),
            ("immutable", None if release is None or release.is_draft else "yes" if release.is_immutable else "no"),
        )
    )
    if report.verified is not None:
        header: tuple[str, ...] = ("Asset", "Size", "SHA-256", "Downloaded")
        rows = [_verified_row(one) for one in report.verified]
    else:
        header, rows = ("Asset", "Size", "SHA-256"), [_file_cells(one) for one in report.assets]
    if rows:
        yield Table(header, tuple(rows), numeric=frozenset({1}), sortable="assets")
    if report.steps:
        yield Heading("What would be done" if report.dry_run else "What was done")
        yield Table(("Step", "Asset", "Why"), tuple(_step_row(one) for one in report.steps))
    if report.notes is not None:
        yield Heading("Notes")
        yield Code(report.notes, "markdown")


def _success(report: ReleaseReport) -> str:
    if report.dry_run:
        return "nothing was changed; this is what would be done"
    if report.verified is not None:
        count = len(report.verified)
        return f"published; {'its asset' if count == 1 else f'all {count} assets'} downloaded anew and equal"
    return "published"


def _file_cells(one: ReleaseAsset | VerifiedAsset) -> tuple[Cell, ...]:
    return Cell(one.name), Cell(bytes_text(one.size_bytes), order=one.size_bytes), Cell(one.sha256)


def _verified_row(one: VerifiedAsset) -> tuple[Cell, ...]:
    state = Cell("equal", Tone.GOOD) if one.problem is None else Cell(one.problem, Tone.BAD)
    return (*_file_cells(one), state)


def _step_row(step: ReleaseStep) -> tuple[Cell, ...]:
    return Cell(step.kind.value), Cell(step.name or ""), Cell(step.why)


def release_to_json(report: ReleaseReport) -> dict[str, Any]:
    """The keys of `release --format json`."""
    release = report.release
    return {
        "repository": report.repository,
        "tag": report.tag,
        "commit": report.commit,
        "dryRun": report.dry_run,
        "published": release is not None and not release.is_draft,
        "immutable": None if release is None or release.is_draft else release.is_immutable,
        "page": None if release is None else release.page,
        "assets": _assets_to_json(report),
        "steps": [{"step": step.kind.value, "asset": step.name, "why": step.why or None} for step in report.steps],
        "problems": list(report.problems),
        "notes": report.notes,
    }


def _assets_to_json(report: ReleaseReport) -> list[dict[str, Any]]:
    found: Sequence[ReleaseAsset | VerifiedAsset] = report.assets if report.verified is None else report.verified
    return [
        {
            "name": one.name,
            "sizeBytes": one.size_bytes,
            "sha256": one.sha256,
            "verified": one.problem is None if isinstance(one, VerifiedAsset) else None,
        }
        for one in found
    ]
