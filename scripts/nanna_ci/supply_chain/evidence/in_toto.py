"""in-toto statements (v1): a predicate about subjects that are named with their digests. Written and read."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from nanna_ci.foundation.errors import MalformedData, shorten
from nanna_ci.foundation.json_data import JsonObject, JsonValue, as_list, as_object, as_text, describe, load_json

STATEMENT_TYPE: Final = "https://in-toto.io/Statement/v1"
PROVENANCE_TYPE: Final = "https://slsa.dev/provenance/v1"
TEST_RESULT_TYPE: Final = "https://in-toto.io/attestation/test-result/v0.1"
_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_SUM: Final = re.compile(r"([0-9a-f]{64})  (\S(?:.*\S)?)")


@dataclass(frozen=True, slots=True, order=True)
class StatementSubject:
    """What a statement is about: a name for people, and the SHA-256 that counts, in hexadecimal."""

    name: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement as it was read."""

    subjects: tuple[StatementSubject, ...]
    predicate_type: str
    predicate: JsonObject


def render_json(value: Mapping[str, Any]) -> bytes:
    """JSON as every file of ours is written: the same value gives the same bytes."""
    return (json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()


def render_statement(subjects: Iterable[StatementSubject], predicate_type: str, predicate: Mapping[str, Any]) -> bytes:
    """A statement; subjects by name."""
    return render_json(
        {
            "_type": STATEMENT_TYPE,
            "subject": [{"name": one.name, "digest": {"sha256": one.sha256}} for one in sorted(subjects)],
            "predicateType": predicate_type,
            "predicate": predicate,
        }
    )


def parse_statement(data: bytes, source: str, *, types: frozenset[str] = frozenset({STATEMENT_TYPE})) -> Statement:
    """Read a statement. MalformedData for another type, and for a subject without a SHA-256: a name alone can move."""
    document = as_object(load_json(data, source), source, "the statement")
    if document.get("_type") not in types:
        raise MalformedData(source, f"_type is {describe(document.get('_type'))}, not {STATEMENT_TYPE}")
    subjects = as_list(document.get("subject"), source, "subject")
    if not subjects:
        raise MalformedData(source, "a statement about nothing: no subject")
    return Statement(
        tuple(_parse_subject(value, source, f"subject[{index}]") for index, value in enumerate(subjects)),
        as_text(document.get("predicateType"), source, "predicateType"),
        as_object(document.get("predicate"), source, "predicate"),
    )


def _parse_subject(value: JsonValue, source: str, what: str) -> StatementSubject:
    subject = as_object(value, source, what)
    name = as_text(subject.get("name"), source, f"{what}.name")
    digest = as_object(subject.get("digest") or {}, source, f"{what}.digest").get("sha256")
    if not isinstance(digest, str) or _SHA256.fullmatch(digest) is None:
        hint = "sign and verify by digest: a name or a tag can mean something else a moment later"
        raise MalformedData(source, f"{what}, {shorten(name)}, has no SHA-256", hint=hint)
    return StatementSubject(name, digest)


def render_subjects(subjects: Iterable[StatementSubject]) -> bytes:
    """The subjects as `sha256sum` writes them, which is what actions/attest takes as `subject-checksums`."""
    return "".join(f"{one.sha256}  {one.name}\n" for one in sorted(subjects)).encode()


def parse_subjects(data: bytes, source: str) -> tuple[StatementSubject, ...]:
    """Read what `render_subjects` wrote. MalformedData for anything else."""
    subjects = []
    for number, line in enumerate(data.decode("utf-8", "replace").splitlines(), start=1):
        match = _SUM.fullmatch(line)
        if match is None:
            raise MalformedData(source, f"line {number} is not a SHA-256 and a name")
        subjects.append(StatementSubject(match[2], match[1]))
    if render_subjects(subjects) != data:
        raise MalformedData(source, "is not as `provenance` writes it: it was changed")
    return tuple(subjects)
