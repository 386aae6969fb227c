"""Makes the folder of evidence: files first, then outputs that name them, then the statements about all of it."""

from __future__ import annotations

import datetime
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nanna_ci.binaries.sums import damages
from nanna_ci.containers.image.oci_layout import Layout, load_layout
from nanna_ci.foundation.errors import GateFailed, MalformedData, ToolMissing, UsageError
from nanna_ci.store.hashes import NixHash
from nanna_ci.store.nar import NarDigest, NarEntry, hash_tree, list_tree, read_chunks
from nanna_ci.store.store_path import STORE_DIR, StorePath, parse_base_name
from nanna_ci.supply_chain.evidence.build_facts import BuildFacts, BuiltOutput
from nanna_ci.supply_chain.evidence.evidence_stage import EvidenceStage, read_document
from nanna_ci.supply_chain.evidence.flake_facts import FlakeFacts
from nanna_ci.supply_chain.evidence.in_toto import (
    PROVENANCE_TYPE,
    TEST_RESULT_TYPE,
    StatementSubject,
    render_json,
    render_statement,
    render_subjects,
)
from nanna_ci.supply_chain.evidence.openvex import make_vex, parse_findings
from nanna_ci.supply_chain.evidence.output_listing import (
    ListedFile,
    OutputListing,
    hash_listing,
    list_output,
    render_listing,
)
from nanna_ci.supply_chain.evidence.release_manifest import ReleaseManifest, parse_manifest
from nanna_ci.supply_chain.evidence.roles import (
    BASELINE,
    PROVENANCE,
    PROVENANCE_PREDICATE,
    SCAN,
    SUBJECTS,
    TEST_RESULTS,
    TEST_RESULTS_PREDICATE,
    VEX,
    Role,
    plain_name,
)
from nanna_ci.supply_chain.evidence.run_results import RunResults
from nanna_ci.supply_chain.scanning.baseline_file import AcceptedFinding


@dataclass(frozen=True, slots=True)
class ReleaseFolder:
    """A folder that `prepare-artifacts` wrote, and its manifest; what its SHA256SUMS says holds."""

    path: Path
    manifest: ReleaseManifest


@dataclass(frozen=True, slots=True)
class ImageFolder:
    """An OCI layout, read and verified, under the name that it gets; its NAR, and the store path that has it."""

    name: str
    layout: Layout
    nar: NarDigest
    store_path: StorePath | None


def read_release(path: Path) -> ReleaseFolder:
    """Read and verify the folder. GateFailed where it is damaged, UsageError where Nix did not build what is in it."""
    if found := damages(path):
        raise GateFailed(f"{path} is damaged: {'; '.join(found)}", hint="run `prepare-artifacts` again")
    manifest = parse_manifest(read_document(path / "manifest.json"), str(path / "manifest.json"))
    if manifest.output is None or manifest.nar_hash is None:
        hint = "prepare them --from a Nix result: of what cargo built, nobody can state the derivation"
        raise UsageError(f"--artifacts {path}: Nix did not build them", hint=hint)
    return ReleaseFolder(path, manifest)


def read_image(path: Path, store: Path) -> ImageFolder:
    """Read and verify the layout; `store` holds what Nix calls /nix/store.

    MalformedData for what is none, UsageError for an image that is named by a tag.
    """
    if not path.exists():
        hint = "an image is its layout's folder, as the flake builds it: a tag can name another image a moment later"
        raise UsageError(f"--image-layout {path}: there is no such folder", hint=hint)
    folder = path.resolve()
    layout = load_layout(folder)
    title = layout.config.labels.get("org.opencontainers.image.title") or folder.name
    in_store = folder.parent in {Path(STORE_DIR), store.resolve()}
    store_path = parse_base_name(folder.name, str(folder)) if in_store else None
    return ImageFolder(f"{plain_name(title)}-{layout.config.architecture}", layout, hash_tree(folder), store_path)


def image_output(image: ImageFolder, outputs: Mapping[StorePath, NixHash | None]) -> StorePath:
    """The store path that an image is. ToolMissing where neither its place nor the run's results say."""
    if image.store_path is not None:
        return image.store_path
    found = next((path for path, nar_hash in outputs.items() if nar_hash == image.nar.hash), None)
    if found is None:
        raise ToolMissing(
            str(image.layout.path),
            "nothing says which derivation made this image",
            hint="give the flake's output (./result), or the run that built it with --run",
        )
    return found


@dataclass(frozen=True, slots=True)
class EvidenceParts:
    """All that the folder is made of. `configuration` describes the files that say what a run does."""

    flake: FlakeFacts
    builds: BuildFacts
    predicate: Mapping[str, Any]
    releases: Sequence[ReleaseFolder]
    images: Sequence[ImageFolder]
    test_result: Mapping[str, Any] | None
    sboms: Sequence[Path]
    sarifs: Sequence[Path]
    scan: Path | None
    baseline: tuple[Path, tuple[AcceptedFinding, ...]] | None
    run: RunResults | None


def write_evidence(stage: EvidenceStage, parts: EvidenceParts, folder: Path, today: datetime.date) -> None:
    """Write all of it; `folder` holds what Nix calls /nix/store.

    Raises GateFailed for a secret, MalformedData where the store does not hold what it says, ConfigError and UsageError
    for files that the user named.
    """
    subjects = [*_add_releases(stage, parts.releases), *_add_images(stage, parts.images)]
    for output in parts.builds.outputs:
        _add_output(stage, output, folder)
    for path, data in parts.builds.lineage.items():
        stage.add_document(f"derivations/{path.base_name}", data)
    for file in parts.sboms:
        stem = file.name.removesuffix(".json").removesuffix(".cdx")
        stage.add_document(f"sbom/{plain_name(stem)}.cdx.json", read_document(file))
    for file in parts.sarifs:
        stem = file.name.removesuffix(".json").removesuffix(".sarif")
        stage.add_document(f"scan/{plain_name(stem)}.sarif", read_document(file))
    _add_statements(stage, parts, subjects, today)
    stage.finish()


def _add_releases(stage: EvidenceStage, releases: Sequence[ReleaseFolder]) -> list[StatementSubject]:
    for release in releases:
        for file in sorted(release.path.iterdir()):
            stage.add_file(f"artifacts/{plain_name(release.manifest.system)}/{file.name}", file)
    return [StatementSubject(file.path, file.sha256) for file in stage.files]


def _add_images(stage: EvidenceStage, images: Sequence[ImageFolder]) -> list[StatementSubject]:
    for image in images:
        root = image.layout.path
        for entry in sorted(list_tree(root), key=lambda entry: entry.path):
            if entry.is_file:
                stage.add_file(f"images/{image.name}/{entry.path}", root / entry.path)
    return [
        StatementSubject(f"images/{image.name}", image.layout.manifest_digest.removeprefix("sha256:"))
        for image in images
    ]


def _add_output(stage: EvidenceStage, output: BuiltOutput, store: Path) -> None:
    root = store / output.path.base_name

    def locate(entry: NarEntry) -> tuple[str, str]:
        place = root / entry.path if entry.path else root
        digest = hashlib.sha256()
        for chunk in read_chunks(place):
            digest.update(chunk)
        sha256 = digest.hexdigest()
        if stage.place_of(sha256) is None:
            stage.add_file(f"outputs/files/{sha256}", place)
        return sha256, stage.place_of(sha256) or ""

    files: tuple[ListedFile, ...] = list_output(list_tree(root), locate)
    unhashed = OutputListing(
        output.path, output.derivation, output.output, NarDigest(output.nar_hash, 0), output.references, files
    )
    nar = hash_listing(unhashed, stage.path, str(output.path))
    if nar.hash != output.nar_hash:
        hint = "the store is damaged: `nix store repair` builds or fetches the path again"
        raise MalformedData(str(output.path), f"has the NAR hash {nar.hash}, not {output.nar_hash}", hint=hint)
    listing = OutputListing(output.path, output.derivation, output.output, nar, output.references, files)
    stage.add_document(f"outputs/{output.path.base_name}.json", render_json(render_listing(listing)))


def _add_statements(
    stage: EvidenceStage, parts: EvidenceParts, subjects: Sequence[StatementSubject], today: datetime.date
) -> None:
    stage.add_document(SUBJECTS, render_subjects(subjects))
    stage.add_document(PROVENANCE, render_statement(subjects, PROVENANCE_TYPE, parts.predicate))
    stage.add_document(PROVENANCE_PREDICATE, render_json(parts.predicate))
    if parts.test_result is not None:
        stage.add_document(TEST_RESULTS, render_statement(subjects, TEST_RESULT_TYPE, parts.test_result))
        stage.add_document(TEST_RESULTS_PREDICATE, render_json(parts.test_result))
    scan = None if parts.scan is None else read_document(parts.scan)
    if scan is not None:
        stage.add_document(SCAN, scan)
    if parts.baseline is None:
        return
    stage.add_document(BASELINE, read_document(parts.baseline[0]))
    decisions = [decision for decision in parts.baseline[1] if decision.expires >= today]
    if decisions:
        findings = parse_findings(scan, str(parts.scan)) if scan is not None else ()
        shipped = [one for one in subjects if not one.name.endswith(("/manifest.json", "/SHA256SUMS"))]
        stage.add_document(VEX, render_json(make_vex(decisions, findings, shipped, parts.flake.modified_s)))


def count_by_role(stage: EvidenceStage) -> dict[Role, int]:
    """How many files of each role there are."""
    counts: dict[Role, int] = {}
    for file in stage.files:
        counts[file.role] = counts.get(file.role, 0) + 1
    return counts
