"""What an evidence folder holds: a role for every path, and the roles that a folder may do without."""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass
from typing import Final

from nanna_ci.store.store_path import BASE_NAME_PATTERN

INDEX: Final = "evidence.json"
SIGNATURES: Final = "signatures"
PROVENANCE: Final = "provenance.intoto.json"
PROVENANCE_PREDICATE: Final = "provenance.predicate.json"
TEST_RESULTS: Final = "test-results.intoto.json"
TEST_RESULTS_PREDICATE: Final = "test-results.predicate.json"
VEX: Final = "vex.json"
SUBJECTS: Final = "subjects.sha256"
BASELINE: Final = "scan/security-baseline.toml"
SCAN: Final = "scan/scan.json"


class Role(enum.Enum):
    """What a file is evidence of."""

    PROVENANCE = "provenance"
    SUBJECTS = "subjects"
    TEST_RESULTS = "test-results"
    VEX = "vex"
    BASELINE = "baseline"
    SCAN = "scan"
    SARIF = "sarif"
    SBOM = "sbom"
    DERIVATION = "derivation"
    OUTPUT = "output"
    ARTIFACT = "artifact"
    IMAGE = "image"


# A folder may say that it has none of these. The words are fixed: nobody can write a better excuse into the index.
OPTIONAL: Final = {
    Role.ARTIFACT: "no release artifacts were given",
    Role.IMAGE: "no images were given",
    Role.TEST_RESULTS: "no run was given",
    Role.VEX: "no finding was decided on in a baseline",
    Role.BASELINE: "no baseline was given",
    Role.SCAN: "no scan was given",
    Role.SARIF: "no SARIF was given",
}
_NAME: Final = r"[A-Za-z0-9][A-Za-z0-9._+@-]{0,199}"
_PATTERNS: Final = tuple(
    (re.compile(pattern), role)
    for pattern, role in (
        (re.escape(PROVENANCE), Role.PROVENANCE),
        (re.escape(PROVENANCE_PREDICATE), Role.PROVENANCE),
        (re.escape(TEST_RESULTS), Role.TEST_RESULTS),
        (re.escape(TEST_RESULTS_PREDICATE), Role.TEST_RESULTS),
        (re.escape(VEX), Role.VEX),
        (re.escape(SUBJECTS), Role.SUBJECTS),
        (re.escape(BASELINE), Role.BASELINE),
        (re.escape(SCAN), Role.SCAN),
        (rf"scan/{_NAME}\.sarif", Role.SARIF),
        (rf"sbom/{_NAME}\.cdx\.json", Role.SBOM),
        (rf"derivations/{BASE_NAME_PATTERN}\.drv", Role.DERIVATION),
        (rf"outputs/{BASE_NAME_PATTERN}\.json", Role.OUTPUT),
        (r"outputs/files/[0-9a-f]{64}", Role.OUTPUT),
        (rf"artifacts/{_NAME}/{_NAME}", Role.ARTIFACT),
        (rf"images/{_NAME}/(oci-layout|index\.json|blobs/sha256/[0-9a-f]{{64}})", Role.IMAGE),
    )
)


def role_of(path: str) -> Role | None:
    """The role of a file by its path in the folder; None for one that has no place there."""
    return next((role for pattern, role in _PATTERNS if pattern.fullmatch(path)), None)


def plain_name(text: str) -> str:
    """A name that a file of the folder may have: what is anything else becomes a hyphen."""
    return re.sub(r"[^A-Za-z0-9._+@-]", "-", text).lstrip("._+@-")[:120] or "unnamed"


@dataclass(frozen=True, slots=True)
class EvidenceFile:
    """One file of the folder: its path in it, with `/`, its size, and its SHA-256 in hexadecimal."""

    path: str
    role: Role
    size_bytes: int
    sha256: str
