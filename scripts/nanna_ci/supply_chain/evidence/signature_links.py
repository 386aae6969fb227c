"""The link signature: the index is signed by who it must be, and so is everything else that has a signature."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from nanna_ci.containers.publish.attestation import SBOM_TYPE
from nanna_ci.foundation.errors import MalformedData
from nanna_ci.foundation.json_data import JsonValue, load_json
from nanna_ci.supply_chain.evidence.chain import ChainLink, LinkChecks, LinkName
from nanna_ci.supply_chain.evidence.cosign_blobs import CosignBlobs
from nanna_ci.supply_chain.evidence.evidence_reader import EvidenceFolder
from nanna_ci.supply_chain.evidence.in_toto import PROVENANCE_TYPE, TEST_RESULT_TYPE, Statement
from nanna_ci.supply_chain.evidence.openvex import VEX_CONTEXT
from nanna_ci.supply_chain.evidence.roles import (
    INDEX,
    PROVENANCE,
    PROVENANCE_PREDICATE,
    SIGNATURES,
    TEST_RESULTS,
    TEST_RESULTS_PREDICATE,
    VEX,
    Role,
)
from nanna_ci.supply_chain.evidence.sigstore_bundle import SignatureBundle, parse_bundle

SUFFIX: Final = ".sigstore.json"
_STATEMENTS: Final = {PROVENANCE: PROVENANCE_TYPE, TEST_RESULTS: TEST_RESULT_TYPE}


def check_signatures(evidence: EvidenceFolder, cosign: CosignBlobs | None) -> ChainLink:
    """`cosign` is None where nobody says whose signatures count: then there may be none."""
    checks = LinkChecks(LinkName.SIGNATURE)
    if cosign is None:
        for path in evidence.content.signatures:
            checks.failed(path, "whose it must be is not said: give --key, or --identity and --issuer")
        if not evidence.content.signatures:
            checks.absent(SIGNATURES, "neither --key nor --identity was given, and nothing is signed")
        return checks.link()
    if f"{SIGNATURES}/{INDEX}{SUFFIX}" not in evidence.content.signatures:
        checks.missing(f"{SIGNATURES}/{INDEX}{SUFFIX}", f"nobody signed {INDEX}, which names all the rest")
    for path in evidence.content.signatures:
        with checks.reading(path):
            bundle = parse_bundle(evidence.read(path), path)
            blob = _signed_file(evidence, path, bundle)
            problem = cosign.verify(bundle, evidence.folder / path, blob)
            what = "signature" if bundle.statement is None else f"attestation, {bundle.statement.predicate_type}"
            checks.expect(path, holds=problem is None, says=f"{what} by {cosign.trust}", problem=problem or "")
    return checks.link()


def _signed_file(evidence: EvidenceFolder, path: str, bundle: SignatureBundle) -> Path:
    """The file that is signed. MalformedData where the bundle is about anything else than its name says."""
    target = path.removeprefix(f"{SIGNATURES}/").removesuffix(SUFFIX)
    if not path.endswith(SUFFIX):
        raise MalformedData(path, f"is not named FILE{SUFFIX}")
    if ":" in target:
        raise MalformedData(
            path, "is of a tag: sign and verify by digest, for a tag can move", hint=f"images/NAME{SUFFIX}"
        )
    files = {INDEX: hashlib.sha256(evidence.read(INDEX)).hexdigest(), **evidence.hashes}
    name = target.removeprefix("images/")
    if target.startswith("images/") and name in evidence.images:
        digest = evidence.images[name].manifest_digest.removeprefix("sha256:")
        target, sha256 = f"images/{name}/blobs/sha256/{digest}", digest
    elif target in files:
        sha256 = files[target]
    else:
        raise MalformedData(path, f"signs {target}, which is not here")
    if bundle.statement is not None:
        return _attested_file(evidence, path, target, sha256, bundle.statement)
    if bundle.digest not in {None, sha256}:
        raise MalformedData(path, f"is of sha256:{bundle.digest}, and {target} is sha256:{sha256}")
    return evidence.folder / target


def _attested_file(evidence: EvidenceFolder, path: str, target: str, sha256: str, statement: Statement) -> Path:
    """A file that the statement is about. It must say what a file of the folder says, of nothing but what is here."""
    said = _without_empty(statement.predicate)
    if all(_without_empty(one) != said for one in _predicates(evidence, statement.predicate_type)):
        raise MalformedData(path, f"attests as {statement.predicate_type} what no file of the folder says")
    hashes = {file.sha256: file.path for file in evidence.content.files}
    about = {subject.sha256 for subject in statement.subjects}
    if target in _STATEMENTS:
        mine = set() if evidence.statement is None else {one.sha256 for one in evidence.statement.subjects}
        if _STATEMENTS[target] != statement.predicate_type or not about <= mine:
            raise MalformedData(path, f"is not about the subjects of {target}")
    elif about != {sha256}:
        raise MalformedData(path, f"is about other subjects than {target}")
    place = next((hashes[one] for one in sorted(about) if one in hashes), None)
    if place is None:
        raise MalformedData(path, "is about nothing that is here")
    return evidence.folder / place


def _without_empty(value: JsonValue) -> JsonValue:
    """SLSA takes what is unset, null and empty for the same, and cosign adds an empty object of its own."""
    if isinstance(value, Mapping):
        items = {key: _without_empty(inner) for key, inner in value.items()}
        return {key: inner for key, inner in items.items() if inner not in (None, "", {}, [])}
    if isinstance(value, list):
        return [_without_empty(inner) for inner in value]
    return value


def _predicates(evidence: EvidenceFolder, predicate_type: str) -> Iterator[JsonValue]:
    """What the files of the folder say, of a type."""
    places = {
        PROVENANCE_TYPE: [PROVENANCE_PREDICATE],
        TEST_RESULT_TYPE: [TEST_RESULTS_PREDICATE],
        VEX_CONTEXT: [VEX],
        SBOM_TYPE: [file.path for file in evidence.content.files if file.role is Role.SBOM],
    }
    for place in places.get(predicate_type, []):
        yield load_json(evidence.read(place), place)
