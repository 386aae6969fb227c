"""The link rebuild: the derivations built again by nix, the release files made again, and compared file by file."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from nanna_ci.binaries.artifacts import ArtifactsRequest, prepare
from nanna_ci.binaries.manifest import BinaryOrigin
from nanna_ci.binaries.targets import BuildTarget, parse_system
from nanna_ci.foundation.context import Context
from nanna_ci.foundation.errors import CommandFailed, ConfigError, GateFailed, MalformedData, UsageError
from nanna_ci.store.local_store import store_folder
from nanna_ci.store.nar import NarKind, list_tree, read_chunks
from nanna_ci.store.nix import BUILD_TIMEOUT_S, Nix
from nanna_ci.store.store_path import STORE_DIR, StorePath
from nanna_ci.supply_chain.evidence.chain import ChainLink, LinkChecks, LinkName, counted
from nanna_ci.supply_chain.evidence.evidence_reader import EvidenceFolder
from nanna_ci.supply_chain.evidence.output_listing import OutputListing
from nanna_ci.supply_chain.evidence.release_manifest import ReleaseManifest
from nanna_ci.supply_chain.evidence.slsa_provenance import StatedOutput

_DIFFERS: Final = re.compile(r"may not be deterministic: output '([^']+)' differs(?: from '([^']+)')?")
_LOST: Final = "is in the evidence, and not in what was built again"


def check_rebuild(evidence: EvidenceFolder, nix: Nix, scratch: Path, context: Context) -> ChainLink:
    """Build again what provenance names, from the flake that stands here. Raises ToolMissing where there is no nix."""
    checks = LinkChecks(LinkName.REBUILD)
    store = store_folder(context.ports.environ)
    if evidence.provenance is None or store is None:
        checks.missing("provenance", "nothing says what to build" if store else "the store is not on this machine")
        return checks.link()
    outputs = [output for output in evidence.provenance.outputs if _is_evaluated(nix, output, checks)]
    if not outputs:
        return checks.link()
    differing = {}
    for path in evidence.provenance.derivations:
        context.say(f"building {path.base_name} again")
        if (different := _build_again(nix, path, checks)) is not None:
            differing[different[0]] = different[1]
    for output in outputs:
        place = differing.get(str(output.path), str(output.path))
        real = store / place.removeprefix(f"{STORE_DIR}/")
        listing = evidence.listings.get(output.path)
        if listing is None:
            checks.missing(output.attribute, "there is no list of its files to compare with")
        elif real.exists():
            _compare(output.attribute, listing, real, checks)
    for name, manifest in evidence.releases.items():
        source = next((output.path for output in outputs if output.path == manifest.output), None)
        if source is not None:
            context.say(f"preparing the artifacts of {name} again")
            _prepare_again(evidence, manifest, store / source.base_name, scratch / name, checks)
    return checks.link()


def _is_evaluated(nix: Nix, output: StatedOutput, checks: LinkChecks) -> bool:
    """Whether the flake that stands here gives the derivation: only then it is the source of the evidence."""
    try:
        found = nix.derivation_of(output.attribute)
    except ConfigError as error:
        checks.failed(output.attribute, error.message)
        return False
    if found != output.derivation:
        problem = f"the flake here evaluates to {found.base_name}, not {output.derivation.base_name}"
        checks.failed(output.attribute, f"{problem}: another source, or other overrides")
        return False
    return True


def _build_again(nix: Nix, path: StorePath, checks: LinkChecks) -> tuple[str, str] | None:
    """The output that came out differently, and where the new one lies; None where all are the same, or none came."""
    words = ["build", "--no-link", f"{path}^*"]
    try:
        nix.call(words, BUILD_TIMEOUT_S)
        nix.call([*words, "--rebuild", "--keep-failed"], BUILD_TIMEOUT_S)
    except CommandFailed as error:
        match = _DIFFERS.search(error.stderr_tail)
        if match is None:
            checks.failed(path.base_name, f"cannot be built: {error.message}")
            return None
        checks.failed(path.base_name, f"built again it gives another {match[1]}")
        return match[1], match[2] or f"{match[1]}.check"
    checks.verified(path.base_name, "built again: the same, byte for byte")
    return None


def first_difference(listing: OutputListing, real: Path) -> tuple[str, str] | None:
    """The first file by name that is not as the listing has it, and why; None where all are."""
    stated = {file.entry.path: file for file in listing.files}
    found = {entry.path: entry for entry in list_tree(real)}
    for path in sorted(stated.keys() | found.keys()):
        if path not in found:
            return path, _LOST
        if path not in stated:
            return path, "was built again, and is not in the evidence"
        one, other = stated[path].entry, found[path]
        if one.kind is not other.kind:
            return path, f"is {other.kind.value}, and {one.kind.value} in the evidence"
        if one.kind is NarKind.SYMLINK and one.target != other.target:
            return path, f"leads to {other.target}, and to {one.target} in the evidence"
        if one.is_file and _sha256(real / path if path else real) != stated[path].sha256:
            return path, f"has other bytes, {other.size_bytes:,} of them, and {one.size_bytes:,} in the evidence"
    return None


def _sha256(file: Path) -> str:
    digest = hashlib.sha256()
    for chunk in read_chunks(file):
        digest.update(chunk)
    return digest.hexdigest()


def _compare(subject: str, listing: OutputListing, real: Path, checks: LinkChecks) -> None:
    with checks.reading(subject):
        different = first_difference(listing, real)
        if different is None:
            checks.verified(subject, f"{counted(len(listing.files), 'file')}, those of the evidence")
        else:
            checks.failed(f"{subject}: {different[0] or 'it'}", f"{different[1]}; the new one is {real}")


def _prepare_again(
    evidence: EvidenceFolder, manifest: ReleaseManifest, source: Path, folder: Path, checks: LinkChecks
) -> None:
    name = folder.name
    request = ArtifactsRequest(
        workspace=manifest.workspace,
        binaries=tuple(sorted(file.name or "" for file in manifest.executables)),
        target=BuildTarget(parse_system(manifest.system), manifest.triple),
        source=source,
        output=folder,
        limit_bytes=max(1, sum(file.size_bytes for file in manifest.executables)),
        origin=_origin(manifest),
    )
    try:
        prepare(request)
    except (GateFailed, UsageError, MalformedData) as error:
        checks.failed(f"artifacts/{name}", f"cannot be prepared again: {error.message}")
        return
    made = {f"artifacts/{name}/{file.name}": _sha256(file) for file in folder.iterdir()}
    stated = {path: digest for path, digest in evidence.hashes.items() if path.startswith(f"artifacts/{name}/")}
    for path, why in _differing(stated, made):
        checks.failed(path, why)
        return
    checks.verified(f"artifacts/{name}", f"prepared again: {counted(len(made), 'file')}, the same")


def _origin(manifest: ReleaseManifest) -> BinaryOrigin:
    return BinaryOrigin(
        revision=manifest.revision,
        derivation=None if manifest.derivation is None else str(manifest.derivation),
        output=str(manifest.output),
        nar_hash=str(manifest.nar_hash),
        strategy=manifest.strategy,
    )


def _differing(stated: dict[str, str], made: dict[str, str]) -> Iterator[tuple[str, str]]:
    for path in sorted(stated.keys() | made.keys()):
        if path not in made:
            yield path, _LOST
        elif path not in stated:
            yield path, "was made again, and is not in the evidence"
        elif made[path] != stated[path]:
            yield path, f"was made again with other bytes: sha256:{made[path]}"
