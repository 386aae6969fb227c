"""in-toto statements: as the specification has them, the same bytes again, and nothing without a digest."""

from __future__ import annotations

import json
from typing import Any

import pytest

from nanna_ci.foundation.errors import MalformedData
from nanna_ci.supply_chain.evidence.in_toto import (
    PROVENANCE_TYPE,
    StatementSubject,
    parse_statement,
    parse_subjects,
    render_statement,
    render_subjects,
)

SUBJECTS = (StatementSubject("b", "b" * 64), StatementSubject("a c", "a" * 64))


def test_a_statement_has_the_four_fields_of_the_specification() -> None:
    statement = json.loads(render_statement(SUBJECTS, PROVENANCE_TYPE, {"x": 1}))
    assert statement == {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": "a c", "digest": {"sha256": "a" * 64}}, {"name": "b", "digest": {"sha256": "b" * 64}}],
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {"x": 1},
    }


def test_a_statement_is_read_as_it_was_written() -> None:
    data = render_statement(SUBJECTS, PROVENANCE_TYPE, {"x": [1, None]})
    statement = parse_statement(data, "x")
    assert statement.subjects == tuple(sorted(SUBJECTS))
    assert render_statement(statement.subjects, statement.predicate_type, statement.predicate) == data


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"_type": "https://in-toto.io/Statement/v0.1"}, "_type is"),
        ({"subject": []}, "about nothing"),
        ({"subject": [{"name": "ghcr.io/owner/app:latest"}]}, "has no SHA-256"),
        ({"subject": [{"name": "x", "digest": {"gitCommit": "1" * 40}}]}, "has no SHA-256"),
        ({"subject": [{"name": "x", "digest": {"sha256": "A" * 64}}]}, "has no SHA-256"),
        ({"subject": [{"digest": {"sha256": "a" * 64}}]}, "name"),
        ({"predicateType": None}, "predicateType"),
        ({"predicate": []}, "predicate"),
    ],
)
def test_what_is_no_statement_about_digests_is_refused(change: dict[str, Any], problem: str) -> None:
    document = {**json.loads(render_statement(SUBJECTS, PROVENANCE_TYPE, {})), **change}
    with pytest.raises(MalformedData, match=problem):
        parse_statement(json.dumps(document).encode(), "x")


def test_subjects_are_written_as_sha256sum_writes_them() -> None:
    data = render_subjects(SUBJECTS)
    assert data == f"{'a' * 64}  a c\n{'b' * 64}  b\n".encode()
    assert parse_subjects(data, "x") == tuple(sorted(SUBJECTS))


@pytest.mark.parametrize("data", [b"x\n", b"a" * 64 + b" a\n", b"a" * 64 + b"  a", b"a" * 64 + b"  a\x0b", b"\xff\n"])
def test_other_checksums_are_refused(data: bytes) -> None:
    with pytest.raises(MalformedData):
        parse_subjects(data, "x")
