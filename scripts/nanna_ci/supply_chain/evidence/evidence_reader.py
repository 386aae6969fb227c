"""A folder of evidence, read once: what can be read of it as values, and of the rest why not."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from nanna_ci.containers.image.oci_layout import Layout, load_layout
from nanna_ci.foundation.errors import MalformedData, UsageError
from nanna_ci.foundation.guarded_read import MEBIBYTE, read_file
from nanna_ci.foundation.json_data import as_object, load_json
from nanna_ci.store.derivation import Derivation
from nanna_ci.store.drv_file import parse_drv_file
from nanna_ci.store.store_path import StorePath, parse_base_name
from nanna_ci.supply_chain.evidence.evidence_index import (
    EvidenceIndex,
    FolderContent,
    make_index,
    read_content,
    read_index,
)
from nanna_ci.supply_chain.evidence.in_toto import PROVENANCE_TYPE, Statement, parse_statement, render_json
from nanna_ci.supply_chain.evidence.output_listing import OutputListing, parse_listing, render_listing
from nanna_ci.supply_chain.evidence.release_manifest import ReleaseManifest, parse_manifest
from nanna_ci.supply_chain.evidence.roles import INDEX, PROVENANCE, Role
from nanna_ci.supply_chain.evidence.slsa_provenance import Provenance, parse_predicate

_DOCUMENT_BYTES = 64 * MEBIBYTE
_T = TypeVar("_T")


@dataclass(slots=True)
class EvidenceFolder:
    """All of it. `faults` maps what could not be read, by path in the folder, to why; it is in no other field then.

    `derivations` has the bytes of each file too. `releases` and `images` go by the name of their folder.
    """

    folder: Path
    index: EvidenceIndex
    content: FolderContent
    statement: Statement | None = None
    provenance: Provenance | None = None
    derivations: dict[StorePath, tuple[Derivation, bytes]] = field(default_factory=dict)
    listings: dict[StorePath, OutputListing] = field(default_factory=dict)
    releases: dict[str, ReleaseManifest] = field(default_factory=dict)
    images: dict[str, Layout] = field(default_factory=dict)
    faults: dict[str, str] = field(default_factory=dict)

    def read(self, path: str) -> bytes:
        """A file of the folder. MalformedData where it cannot be read."""
        try:
            return read_file(self.folder / path, _DOCUMENT_BYTES, follow_links=False)
        except OSError as error:
            why = "is missing" if isinstance(error, FileNotFoundError) else f"cannot be read: {error.strerror}"
            raise MalformedData(path, why) from None

    def read_ours(self, path: str) -> bytes:
        """A JSON file of ours. MalformedData also where it is not written as we write it."""
        data = self.read(path)
        if render_json(as_object(load_json(data, path), path, "the document")) != data:
            raise MalformedData(path, "is not as `provenance` writes it: it was changed")
        return data

    def attempt(self, path: str, parse: Callable[[], _T]) -> _T | None:
        """What `parse` gives, or None and a fault under the path."""
        try:
            return parse()
        except MalformedData as error:
            self.faults[path] = self._plain(error.message.removeprefix(f"{path}: "))
        except OSError as error:
            self.faults[path] = f"cannot be read: {error.strerror}"
        return None

    def _plain(self, message: str) -> str:
        """A message about files of the folder, without the folder's own place."""
        return message.replace(f"{self.folder}/", "")

    def names_below(self, role: Role) -> tuple[str, ...]:
        """The names of the folders of releases or images, by what really lies there."""
        return tuple(sorted({file.path.split("/")[1] for file in self.content.files if file.role is role}))

    @property
    def hashes(self) -> Mapping[str, str]:
        """Path → SHA-256 of every file that lies there."""
        return {file.path: file.sha256 for file in self.content.files}


def read_evidence(folder: Path) -> EvidenceFolder:
    """Read the folder. UsageError where it is none, or has nothing that `provenance` writes."""
    if not folder.is_dir():
        raise UsageError(f"{folder} is not a folder", hint="name the folder that `provenance --output` wrote")
    content = read_content(folder)
    faults = {}
    try:
        index = read_index(folder)
    except MalformedData as error:
        index = make_index(content.files)
        faults[INDEX] = error.message.removeprefix(f"{error.source}: ")
    evidence = EvidenceFolder(folder, index, content, faults=faults)
    if INDEX in faults and not content.files:
        raise UsageError(f"{folder} has no evidence in it", hint="name the folder that `provenance --output` wrote")
    evidence.statement = evidence.attempt(
        PROVENANCE, lambda: parse_statement(evidence.read_ours(PROVENANCE), PROVENANCE)
    )
    if evidence.statement is not None:
        evidence.provenance = evidence.attempt(PROVENANCE, lambda: _provenance(evidence.statement))
    for file in evidence.content.files:
        if file.role is Role.DERIVATION:
            _read_derivation(evidence, file.path)
        elif file.role is Role.OUTPUT and file.path.endswith(".json"):
            _read_listing(evidence, file.path)
    for name in evidence.names_below(Role.ARTIFACT):
        _read_release(evidence, name)
    for name in evidence.names_below(Role.IMAGE):
        _read_image(evidence, name)
    return evidence


def _read_release(evidence: EvidenceFolder, name: str) -> None:
    path = f"artifacts/{name}/manifest.json"
    manifest = evidence.attempt(path, lambda: parse_manifest(evidence.read(path), path))
    if manifest is not None:
        evidence.releases[name] = manifest


def _read_image(evidence: EvidenceFolder, name: str) -> None:
    layout = evidence.attempt(f"images/{name}", lambda: load_layout(evidence.folder / "images" / name))
    if layout is not None:
        evidence.images[name] = layout


def _provenance(statement: Statement | None) -> Provenance:
    assert statement is not None
    if statement.predicate_type != PROVENANCE_TYPE:
        raise MalformedData(PROVENANCE, f"predicateType is not {PROVENANCE_TYPE}")
    return parse_predicate(statement.predicate, PROVENANCE)


def _read_derivation(evidence: EvidenceFolder, path: str) -> None:
    def parse() -> tuple[StorePath, Derivation, bytes]:
        place, data = parse_base_name(path.removeprefix("derivations/"), path), evidence.read(path)
        return place, parse_drv_file(data, place), data

    if (found := evidence.attempt(path, parse)) is not None:
        evidence.derivations[found[0]] = (found[1], found[2])


def _read_listing(evidence: EvidenceFolder, path: str) -> None:
    def parse() -> OutputListing:
        data = evidence.read(path)
        listing = parse_listing(data, path)
        if render_json(render_listing(listing)) != data:
            raise MalformedData(path, "is not as `provenance` writes it: it was changed")
        return listing

    listing = evidence.attempt(path, parse)
    if listing is None:
        return
    if path != f"outputs/{listing.path.base_name}.json":
        evidence.faults[path] = f"is about {listing.path}"
    else:
        evidence.listings[listing.path] = listing
