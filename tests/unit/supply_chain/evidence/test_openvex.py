"""OpenVEX documents: the shape of 0.2.0, written out by hand from its specification, and what decisions become."""

from __future__ import annotations

import datetime
import json
import re
import uuid
from pathlib import Path
from typing import Any

import pytest

from nanna_ci.foundation.errors import MalformedData
from nanna_ci.supply_chain.evidence.in_toto import StatementSubject, render_json
from nanna_ci.supply_chain.evidence.openvex import expired, make_vex, parse_findings, parse_vex
from nanna_ci.supply_chain.scanning.baseline_file import AcceptedFinding, parse_baseline

ARTIFACT = StatementSubject("artifacts/x86_64-linux/app.tar.gz", "a" * 64)
IMAGE = StatementSubject("images/app-amd64", "b" * 64)
FINDINGS = parse_findings(
    json.dumps(
        {
            "command": "scan",
            "findings": [
                {"id": "RUSTSEC-2026-1", "aliases": ["CVE-2026-1"], "component": "pkg:cargo/a@1"},
                {"id": "RUSTSEC-2026-1", "aliases": [], "component": "/nix/store/x"},
                {"id": "RUSTSEC-2026-2", "aliases": [], "component": "pkg:cargo/b@1"},
            ],
        }
    ).encode(),
    "x",
)


def decision(**lines: str) -> AcceptedFinding:
    values = {"id": "RUSTSEC-2026-1", "reason": "nothing calls it", "owner": "the team", **lines}
    text = "[[accepted]]\nexpires = 2027-01-31\n" + "".join(f'{key} = "{value}"\n' for key, value in values.items())
    (found,) = parse_baseline(text.encode(), Path("baseline"))
    return found


def vex(*decisions: AcceptedFinding) -> dict[str, Any]:
    return make_vex(decisions, FINDINGS, [IMAGE, ARTIFACT], 1_700_000_000)


def check_shape(document: dict[str, Any]) -> None:
    """The required fields, the closed sets, and the conditions of a status."""
    assert {"@context", "@id", "author", "timestamp", "version", "statements"} <= set(document)
    assert set(document) <= {"@context", "@id", "author", "role", "timestamp", "version", "tooling", "statements"}
    assert document["@context"] == "https://openvex.dev/ns/v0.2.0"
    assert re.fullmatch(r"urn:uuid:[0-9a-f-]{36}", document["@id"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", document["timestamp"])
    assert document["version"] >= 1
    assert document["statements"]
    for statement in document["statements"]:
        words = {"justification", "impact_statement", "action_statement", "status_notes"}
        assert {"vulnerability", "status"} <= set(statement) <= {"vulnerability", "status", "products", *words}
        assert {"name"} <= set(statement["vulnerability"]) <= {"name", "aliases"}
        match statement["status"]:
            case "not_affected":
                assert ("justification" in statement) != ("impact_statement" in statement)
            case "affected":
                assert "action_statement" in statement
            case other:
                assert other in {"fixed", "under_investigation"}
        for product in statement["products"]:
            assert set(product) <= {"@id", "identifiers", "hashes", "subcomponents"}
            assert re.fullmatch(r"[a-z]+:\S+", product["@id"])
            assert all(re.fullmatch(r"[a-z]+:\S+", below["@id"]) for below in product.get("subcomponents", []))


STATUSES: list[dict[str, str]] = [
    {},
    {"status": "affected"},
    {"status": "not_affected"},
    {"status": "not_affected", "justification": "component_not_present"},
    {"status": "fixed"},
    {"status": "under_investigation"},
]


@pytest.mark.parametrize("lines", STATUSES)
def test_every_status_has_the_words_that_the_specification_wants_beside_it(lines: dict[str, str]) -> None:
    document = vex(decision(**lines))
    check_shape(document)
    (statement,) = document["statements"]
    assert statement["status"] == lines.get("status", "affected")
    assert "nothing calls it" in json.dumps(statement)
    assert "the team, until 2027-01-31" in json.dumps(statement)


def test_a_risk_that_is_accepted_is_one_that_is_there() -> None:
    (statement,) = vex(decision())["statements"]
    assert statement["action_statement"] == "accepted by the team, until 2027-01-31: nothing calls it"


def test_products_are_the_subjects_and_below_them_what_the_scan_found() -> None:
    (statement,) = vex(decision())["statements"]
    assert statement["vulnerability"] == {"name": "RUSTSEC-2026-1", "aliases": ["CVE-2026-1"]}
    assert [product["@id"] for product in statement["products"]] == [
        f"pkg:generic/app.tar.gz?checksum=sha256:{'a' * 64}",
        f"pkg:oci/app-amd64@sha256:{'b' * 64}",
    ]
    below = [{"@id": "path:/nix/store/x"}, {"@id": "pkg:cargo/a@1"}]
    assert all(product["subcomponents"] == below for product in statement["products"])


def test_a_decision_on_one_component_is_about_that_one() -> None:
    (statement,) = vex(decision(component="pkg:cargo/a@1"))["statements"]
    assert statement["products"][0]["subcomponents"] == [{"@id": "pkg:cargo/a@1"}]


def test_a_decision_by_an_alias_finds_its_finding() -> None:
    (statement,) = vex(decision(id="CVE-2026-1"))["statements"]
    assert statement["vulnerability"] == {"name": "CVE-2026-1", "aliases": ["RUSTSEC-2026-1"]}


def test_the_same_decisions_give_the_same_document_and_others_another_id() -> None:
    assert render_json(vex(decision())) == render_json(vex(decision()))
    assert vex(decision())["@id"] != vex(decision(reason="another"))["@id"]


def test_what_was_written_is_read_and_a_change_is_seen() -> None:
    data = render_json(vex(decision()))
    assert parse_vex(data, "x") == (frozenset({"a" * 64, "b" * 64}), (("RUSTSEC-2026-1", "affected"),))
    with pytest.raises(MalformedData, match="which its content does not give"):
        parse_vex(data.replace(b"nothing calls it", b"nothing carls it"), "x")
    with pytest.raises(MalformedData, match="@context"):
        parse_vex(data.replace(b"v0.2.0", b"v0.1.0"), "x")


def test_a_status_that_openvex_does_not_have_is_refused() -> None:
    document = {key: value for key, value in vex(decision()).items() if key != "@id"}
    document["statements"][0]["status"] = "harmless"
    identity = uuid.uuid5(uuid.NAMESPACE_URL, render_json(document).decode())
    with pytest.raises(MalformedData, match="status is 'harmless'"):
        parse_vex(render_json({"@id": f"urn:uuid:{identity}", **document}), "x")


def test_a_decision_holds_to_the_end_of_its_last_day() -> None:
    one = decision()
    assert expired([one], datetime.date(2027, 1, 31)) == ()
    assert expired([one], datetime.date(2027, 2, 1)) == (one,)


def test_what_another_command_printed_is_no_scan() -> None:
    with pytest.raises(MalformedData, match="not what `scan` printed"):
        parse_findings(b'{"command": "ci", "findings": []}', "x")
