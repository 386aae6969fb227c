"""The links artifact, layers and image: release files and images against their outputs and their own digests."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from nanna_ci.binaries.archive import Member, verify_archive
from nanna_ci.binaries.executables import parse_executable, verify_machine
from nanna_ci.binaries.sums import damages
from nanna_ci.binaries.targets import System, parse_system
from nanna_ci.containers.image.blob import parse_digest
from nanna_ci.containers.image.oci_layout import Layout
from nanna_ci.foundation.errors import GateFailed, MalformedData, UsageError
from nanna_ci.foundation.guarded_read import open_file
from nanna_ci.foundation.json_data import as_list, as_object, load_json
from nanna_ci.store.nar import read_chunks
from nanna_ci.store.store_path import StorePath
from nanna_ci.supply_chain.evidence.chain import ChainLink, LinkChecks, LinkName, counted
from nanna_ci.supply_chain.evidence.evidence_reader import EvidenceFolder
from nanna_ci.supply_chain.evidence.release_manifest import ReleaseManifest
from nanna_ci.supply_chain.evidence.roles import OPTIONAL, PROVENANCE, Role

_INFLATED_BYTES: Final = 64 * 1024**3
_CHUNK_BYTES: Final = 1024 * 1024


def say_absent(evidence: EvidenceFolder, role: Role, checks: LinkChecks) -> bool:
    """Whether there is nothing of a role. The link says so: absent where the folder says it too, else missing."""
    if any(file.role is role for file in (*evidence.content.files, *evidence.index.files)):
        return False
    if role in evidence.index.absent:
        checks.absent(role.value, OPTIONAL[role])
    else:
        checks.missing(role.value, "there is none, and the index does not say so")
    return True


def subject_hashes(evidence: EvidenceFolder) -> dict[str, str]:
    """Subject → SHA-256, as provenance has them."""
    return {} if evidence.statement is None else {one.name: one.sha256 for one in evidence.statement.subjects}


def check_artifacts(evidence: EvidenceFolder) -> ChainLink:
    """The release files are what their manifest and SHA256SUMS say, and their executables those of an output."""
    checks = LinkChecks(LinkName.ARTIFACT)
    if say_absent(evidence, Role.ARTIFACT, checks):
        return checks.link()
    for name in evidence.names_below(Role.ARTIFACT):
        folder = f"artifacts/{name}"
        for damage in damages(evidence.folder / folder):
            checks.failed(folder, damage)
        manifest = evidence.releases.get(name)
        path = f"{folder}/manifest.json"
        if manifest is None:
            checks.failed(path, evidence.faults.get(path, "is missing"))
            continue
        try:
            _check_release(evidence, manifest, folder, checks)
        except (GateFailed, UsageError) as error:  # another machine's executable, a system that nobody knows
            checks.failed(folder, error.message)
    hashes = evidence.hashes
    for subject, sha256 in subject_hashes(evidence).items():
        if subject.startswith("artifacts/"):
            checks.expect(
                subject,
                holds=hashes.get(subject) == sha256,
                says=f"sha256:{sha256}, a subject of {PROVENANCE}",
                problem=f"is not the subject of {PROVENANCE}, sha256:{sha256}",
            )
    for file in evidence.content.files:
        if file.role is Role.ARTIFACT and file.path not in subject_hashes(evidence):
            checks.failed(file.path, f"is not a subject of {PROVENANCE}")
    return checks.link()


def _check_release(evidence: EvidenceFolder, manifest: ReleaseManifest, folder: str, checks: LinkChecks) -> None:
    system = parse_system(manifest.system)
    output = (
        None
        if evidence.provenance is None
        else next((one for one in evidence.provenance.outputs if one.path == manifest.output), None)
    )
    says = f"{folder}/manifest.json"
    if output is None:
        checks.failed(says, f"is of {manifest.output}, which provenance does not name")
        return
    if (output.nar_hash, output.derivation) != (manifest.nar_hash, manifest.derivation or output.derivation):
        checks.failed(says, f"says something else of {output.path.base_name} than provenance does")
        return
    listing = evidence.listings.get(output.path)
    held = {file.sha256 for file in listing.files} if listing is not None else set()
    members = []
    for executable in manifest.executables:
        place = f"{folder}/{executable.file}"
        members.append(_member(manifest, system, executable.name or "", executable.size_bytes, executable.sha256))
        with checks.reading(place), open_file(evidence.folder / place, follow_links=False) as stream:
            verify_machine(parse_executable(stream, place), system, place)
            here = evidence.hashes.get(place) == executable.sha256
            checks.expect(
                place,
                holds=here and executable.sha256 in held,
                says=f"is in {output.path.base_name}, for {system.value}",
                problem=f"is not in {output.path.base_name}" if here else "is not what the manifest says",
            )
    archive = manifest.archive
    place = f"{folder}/{archive.file}"
    with checks.reading(place), open_file(evidence.folder / place, follow_links=False) as stream:
        verify_archive(stream, members, place)
        problem = "is not what the manifest says"
        same = evidence.hashes.get(place) == archive.sha256
        checks.expect(place, holds=same, says=f"holds {counted(len(members), 'executable')}, the same", problem=problem)


def _member(manifest: ReleaseManifest, system: System, name: str, size_bytes: int, sha256: str) -> Member:
    path = f"{manifest.workspace}-{system.value}/{name}{system.executable_suffix}"
    return Member(path, size_bytes, sha256)


def check_layers(evidence: EvidenceFolder) -> ChainLink:
    """Every layer has its digest, and unpacked the one that the image's configuration states."""
    checks = LinkChecks(LinkName.LAYERS)
    if say_absent(evidence, Role.IMAGE, checks):
        return checks.link()
    for name in evidence.names_below(Role.IMAGE):
        layout = evidence.images.get(name)
        if layout is None:
            checks.failed(f"images/{name}", evidence.faults.get(f"images/{name}", "is missing"))
            continue
        diff_ids: tuple[str, ...] = ()
        with checks.reading(f"images/{name}"):
            diff_ids = layer_contents(layout)
        for layer, diff_id in zip(layout.layers, diff_ids, strict=False):
            _check_layer(
                layout.path, f"images/{name}/blobs/sha256/{layer.digest[7:]}", layer.media_type, diff_id, checks
            )
    return checks.link()


def layer_contents(layout: Layout) -> tuple[str, ...]:
    """The digests of the unpacked layers, as the configuration states them."""
    file = layout.path / "blobs/sha256" / layout.config_digest.removeprefix("sha256:")
    document = as_object(load_json(file.read_bytes(), str(file)), str(file), "the configuration")
    rootfs = as_object(document.get("rootfs"), str(file), "rootfs")
    listed = as_list(rootfs.get("diff_ids"), str(file), "diff_ids")
    return tuple(parse_digest(value, str(file), "diff_ids") for value in listed)


def _check_layer(image: Path, place: str, media_type: str, diff_id: str, checks: LinkChecks) -> None:
    file = image / "blobs/sha256" / place.rpartition("/")[2]
    if media_type.endswith("+zstd"):
        checks.failed(place, "is packed with zstd, which nothing here can unpack to look")
        return
    with checks.reading(place):
        digest = hashlib.sha256()
        for chunk in _inflated(file, place) if media_type.endswith("+gzip") else read_chunks(file):
            digest.update(chunk)
        found = f"sha256:{digest.hexdigest()}"
        problem = f"unpacked it is {found}, and the configuration states {diff_id}"
        checks.expect(place, holds=found == diff_id, says=f"unpacked it is {diff_id}", problem=problem)


def _inflated(file: Path, source: str) -> Iterator[bytes]:
    decoder, size = zlib.decompressobj(zlib.MAX_WBITS | 16), 0
    for packed in read_chunks(file):
        left = packed
        while left:
            if decoder.eof:
                raise MalformedData(source, "has bytes behind its gzip stream")
            try:
                data = decoder.decompress(left, _CHUNK_BYTES)
            except zlib.error as error:
                raise MalformedData(source, f"is not a gzip stream: {error}") from None
            left = decoder.unconsumed_tail or decoder.unused_data
            size += len(data)
            if size > _INFLATED_BYTES:
                raise MalformedData(source, f"unpacks to more than {_INFLATED_BYTES:,} bytes")
            yield data
    if not decoder.eof:
        raise MalformedData(source, "its gzip stream is cut short")


def output_of_image(evidence: EvidenceFolder, name: str) -> StorePath | None:
    """The output that has the very files of an image, no more and no less; None where there is none."""
    below = f"images/{name}/"
    mine = {path.removeprefix(below): sha256 for path, sha256 in evidence.hashes.items() if path.startswith(below)}
    for listing in evidence.listings.values():
        if {file.entry.path: file.sha256 for file in listing.files if file.entry.is_file} == mine:
            return listing.path
    return None


def check_images(evidence: EvidenceFolder) -> ChainLink:
    """Index, manifest and configuration of each image have their digests; the image is an output, and a subject."""
    checks = LinkChecks(LinkName.IMAGE)
    if say_absent(evidence, Role.IMAGE, checks):
        return checks.link()
    subjects = subject_hashes(evidence)
    for name in evidence.names_below(Role.IMAGE):
        subject = f"images/{name}"
        layout = evidence.images.get(name)
        if layout is None:
            checks.failed(subject, evidence.faults.get(subject, "is missing"))
            continue
        known = {layout.manifest_digest, layout.config_digest, *(layer.digest for layer in layout.layers)}
        mine = [file.path for file in evidence.content.files if file.path.startswith(f"{subject}/")]
        for path in mine:
            if "/blobs/" in path and f"sha256:{path.rpartition('/')[2]}" not in known:
                checks.failed(path, "is no part of the image")
        if output_of_image(evidence, name) is None:
            checks.failed(subject, "its files are together no output that provenance names")
        checks.expect(
            subject,
            holds=subjects.get(subject) == layout.manifest_digest.removeprefix("sha256:"),
            says=f"{layout.manifest_digest}, {layout.config.os}/{layout.config.architecture}",
            problem=f"is {layout.manifest_digest}, and the subject of {PROVENANCE} is {subjects.get(subject)}",
        )
    for subject in subjects:
        if subject.startswith("images/") and subject.partition("/")[2] not in evidence.names_below(Role.IMAGE):
            checks.missing(subject, f"{PROVENANCE} is about it")
    return checks.link()
