"""The attestations of an image: its SBOM and its provenance, read from files made elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from nanna_ci.foundation.errors import ConfigError, GateFailed, MalformedData
from nanna_ci.foundation.guarded_read import MEBIBYTE, read_file
from nanna_ci.foundation.json_data import JsonValue, as_list, as_object, describe, load_json
from nanna_ci.foundation.redact import Redactor

SBOM_TYPE: Final = "https://cyclonedx.org/bom"
PROVENANCE_TYPE: Final = "https://slsa.dev/provenance/v1"
_STATEMENTS: Final = frozenset({"https://in-toto.io/Statement/v1", "https://in-toto.io/Statement/v0.1"})


@dataclass(frozen=True, slots=True)
class Attestation:
    """A predicate about the image with `digest`: `kind` is its type, a URI; `value` its JSON; `file` for messages."""

    digest: str
    kind: str
    value: JsonValue
    file: Path


def read_sbom(file: Path, digest: str) -> Attestation:
    """A CycloneDX document in JSON. Raises MalformedData for anything else, ConfigError if it cannot be read."""
    document = as_object(_load(file), str(file), "the SBOM")
    if document.get("bomFormat") != "CycloneDX":
        raise MalformedData(str(file), f"bomFormat is {describe(document.get('bomFormat'))}, not CycloneDX")
    return Attestation(digest, SBOM_TYPE, document, file)


def read_provenance(file: Path, digest: str) -> Attestation:
    """The predicate of an in-toto statement with SLSA provenance.

    Raises GateFailed if the statement is about another image, MalformedData if it is not such a statement.
    """
    source = str(file)
    statement = as_object(_load(file), source, "the statement")
    if statement.get("_type") not in _STATEMENTS:
        raise MalformedData(source, f"_type is {describe(statement.get('_type'))}, not an in-toto statement")
    if statement.get("predicateType") != PROVENANCE_TYPE:
        raise MalformedData(
            source, f"predicateType is {describe(statement.get('predicateType'))}, not {PROVENANCE_TYPE}"
        )
    about = set()
    for index, value in enumerate(as_list(statement.get("subject"), source, "subject")):
        subject = as_object(value, source, f"subject[{index}]")
        about.add(as_object(subject.get("digest"), source, f"subject[{index}].digest").get("sha256"))
    if digest.removeprefix("sha256:") not in about:
        raise GateFailed(f"{source}: the provenance is not about {digest}", hint="make it from what is published here")
    return Attestation(digest, PROVENANCE_TYPE, as_object(statement.get("predicate"), source, "predicate"), file)


def _load(file: Path) -> JsonValue:
    try:
        data = read_file(file, 64 * MEBIBYTE, or_pipe=True)
    except OSError as error:
        raise ConfigError(str(file), f"cannot be read: {error.strerror}") from error
    return Redactor().redact_value(load_json(data, str(file)))  # before it is compared, hashed and signed
