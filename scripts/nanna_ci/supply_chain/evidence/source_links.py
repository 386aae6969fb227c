"""The links source, derivation and output: from the tree that was built to the bytes that came of it."""

from __future__ import annotations

from collections.abc import Iterator

from nanna_ci.store.made_paths import make_derivation_path, make_source_path
from nanna_ci.store.store_path import StorePath
from nanna_ci.supply_chain.evidence.chain import ChainLink, LinkChecks, LinkName, counted
from nanna_ci.supply_chain.evidence.evidence_reader import EvidenceFolder
from nanna_ci.supply_chain.evidence.in_toto import parse_subjects, render_json
from nanna_ci.supply_chain.evidence.output_listing import OutputListing, hash_listing
from nanna_ci.supply_chain.evidence.roles import PROVENANCE, PROVENANCE_PREDICATE, SUBJECTS, Role
from nanna_ci.supply_chain.evidence.slsa_provenance import Provenance, StatedOutput, StatedSource


def _stated(evidence: EvidenceFolder, checks: LinkChecks) -> Provenance | None:
    """What provenance says; where it says nothing, the link is missing."""
    if evidence.provenance is None:
        checks.missing(PROVENANCE, evidence.faults.get(PROVENANCE, "is missing"))
    return evidence.provenance


def check_source(evidence: EvidenceFolder) -> ChainLink:
    """Revision, NAR hash and store path of each source agree, and the outputs' derivations lead to one of them."""
    checks = LinkChecks(LinkName.SOURCE)
    provenance = _stated(evidence, checks)
    if provenance is None:
        return checks.link()
    _check_parts(evidence, checks)
    for source in provenance.sources:
        _check_source(source, checks)
    candidates = {
        source.store_path: source.name
        for source in provenance.sources
        if source.store_path is not None and source.may_be_built
    }
    released = {manifest.output for manifest in evidence.releases.values()}
    for output in provenance.outputs:
        found = sorted({*_sources_below(evidence, output, candidates)})
        if found:
            checks.verified(output.attribute, f"its derivation leads to the source: {', '.join(found)}")
        elif output.path in released:
            checks.failed(output.attribute, "its derivation leads to none of the sources that provenance names")
        else:
            says = (
                "of the toolkit's own packages: its derivation names no source, and --rebuild alone shows whose it is"
            )
            checks.absent(output.attribute, says)
    return checks.link()


def _check_parts(evidence: EvidenceFolder, checks: LinkChecks) -> None:
    """The predicate and the subjects apart, as they are handed to who signs, are those of the statement."""
    assert evidence.statement is not None
    with checks.reading(PROVENANCE_PREDICATE):
        same = evidence.read(PROVENANCE_PREDICATE) == render_json(evidence.statement.predicate)
        problem = f"is not the predicate of {PROVENANCE}"
        checks.expect(PROVENANCE_PREDICATE, holds=same, says=f"the predicate of {PROVENANCE}", problem=problem)
    with checks.reading(SUBJECTS):
        subjects = parse_subjects(evidence.read(SUBJECTS), SUBJECTS)
        same = subjects == evidence.statement.subjects == tuple(sorted(evidence.statement.subjects))
        problem = f"names others than {PROVENANCE}"
        checks.expect(
            SUBJECTS, holds=same, says=f"{counted(len(subjects), 'subject')}, those of {PROVENANCE}", problem=problem
        )


def _check_source(source: StatedSource, checks: LinkChecks) -> None:
    if source.nar_hash is None:  # a folder inside of another input: its hash is part of that one's
        return
    with checks.reading(source.name):
        made = make_source_path("source", source.nar_hash)
        commit = f"commit {source.revision}, " if source.revision else ""
        dirty = "changed since its commit, " if source.is_dirty else ""
        checks.expect(
            source.name,
            holds=source.store_path == made,
            says=f"{commit}{dirty}{source.nar_hash} is {made}",
            problem=f"{source.nar_hash} is {made}, not {source.store_path}",
        )


def _sources_below(evidence: EvidenceFolder, output: StatedOutput, candidates: dict[StorePath, str]) -> Iterator[str]:
    """The names of sources that the output's derivation, or one in the folder that it needs, names itself."""
    ahead, seen = [output.derivation], set()
    while ahead:
        path = ahead.pop()
        if path in seen or path not in evidence.derivations:
            continue
        seen.add(path)
        derivation, _ = evidence.derivations[path]
        yield from (candidates[source] for source in derivation.input_sources if source in candidates)
        ahead += derivation.input_derivations


def check_derivations(evidence: EvidenceFolder) -> ChainLink:
    """Each derivation's path follows from its bytes and what they refer to; it makes the outputs that are stated."""
    checks = LinkChecks(LinkName.DERIVATION)
    provenance = _stated(evidence, checks)
    if provenance is None:
        return checks.link()
    for path in provenance.derivations:
        place = f"derivations/{path.base_name}"
        if place in evidence.faults:
            checks.failed(place, evidence.faults[place])
        elif path not in evidence.derivations:
            checks.missing(place, "provenance names it")
        else:
            made = make_derivation_path(*evidence.derivations[path])
            problem = f"its bytes give {made}: they were changed"
            checks.expect(place, holds=made == path, says="its bytes give its store path", problem=problem)
    for path in sorted(evidence.derivations.keys() - set(provenance.derivations)):
        checks.failed(f"derivations/{path.base_name}", "provenance does not name it")
    for output in provenance.outputs:
        _check_output_name(evidence, output, checks)
    return checks.link()


def _check_output_name(evidence: EvidenceFolder, output: StatedOutput, checks: LinkChecks) -> None:
    if output.derivation not in evidence.derivations:
        checks.missing(output.attribute, f"its derivation {output.derivation.base_name} is not there")
        return
    derivation, _ = evidence.derivations[output.derivation]
    made = derivation.outputs.get(output.output)
    path = None if made is None else made.path
    checks.expect(
        output.attribute,
        holds=path == output.path,
        says=f"{output.derivation.base_name} makes {output.path.base_name}",
        problem=f"{output.derivation.base_name} makes {path} as its output {output.output}, not {output.path}",
    )


def check_outputs(evidence: EvidenceFolder) -> ChainLink:
    """The NAR of each output, put together from the files of the folder, has the hash that provenance states."""
    checks = LinkChecks(LinkName.OUTPUT)
    provenance = _stated(evidence, checks)
    if provenance is None:
        return checks.link()
    for output in provenance.outputs:
        place = f"outputs/{output.path.base_name}.json"
        listing = evidence.listings.get(output.path)
        if place in evidence.faults:
            checks.failed(place, evidence.faults[place])
        elif listing is None:
            checks.missing(place, "provenance names the output")
        else:
            _check_listing(evidence, listing, output, place, checks)
    stated = {output.path for output in provenance.outputs}
    for path in sorted(evidence.listings.keys() - stated):
        checks.failed(f"outputs/{path.base_name}.json", "provenance does not name this output")
    _check_contents(evidence, checks)
    return checks.link()


def _check_listing(
    evidence: EvidenceFolder, listing: OutputListing, output: StatedOutput, place: str, checks: LinkChecks
) -> None:
    if (listing.derivation, listing.output, listing.nar.hash) != (output.derivation, output.output, output.nar_hash):
        checks.failed(place, "says something else of the output than provenance does")
        return
    hashes = evidence.hashes
    for file in listing.files:
        if file.entry.is_file and hashes.get(file.place) != file.sha256:
            found = hashes.get(file.place)
            checks.failed(file.place, f"is missing, {place} has it" if found is None else "is not what the output had")
    with checks.reading(place):
        nar = hash_listing(listing, evidence.folder, place)
        checks.expect(
            place,
            holds=nar == listing.nar,
            says=f"{counted(len(listing.files), 'file')} give {nar.hash}, {nar.size_bytes:,} bytes",
            problem=f"its files give {nar.hash}, {nar.size_bytes:,} bytes, and {listing.nar.hash} is stated",
        )


def _check_contents(evidence: EvidenceFolder, checks: LinkChecks) -> None:
    """What lies there for outputs alone is named after its hash, and an output has it."""
    used = {file.place for listing in evidence.listings.values() for file in listing.files}
    for file in evidence.content.files:
        if file.role is Role.OUTPUT and file.path.startswith("outputs/files/"):
            if file.path.rpartition("/")[2] != file.sha256:
                checks.failed(file.path, "its name is not its SHA-256")
            elif file.path not in used:
                checks.failed(file.path, "no output has it")
