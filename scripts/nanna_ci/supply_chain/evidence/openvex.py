"""An OpenVEX document (0.2.0): what was decided about findings, for tools that read it beside a scan."""

from __future__ import annotations

import datetime
import re
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from nanna_ci import __version__
from nanna_ci.foundation.errors import MalformedData, shorten
from nanna_ci.foundation.json_data import JsonObject, as_list, as_object, as_text, as_texts, describe, load_json
from nanna_ci.supply_chain.evidence.in_toto import StatementSubject, render_json
from nanna_ci.supply_chain.scanning.baseline_file import AcceptedFinding

VEX_CONTEXT: Final = "https://openvex.dev/ns/v0.2.0"
_URI: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:\S+")
_STATUSES: Final = frozenset({"not_affected", "affected", "fixed", "under_investigation"})


@dataclass(frozen=True, slots=True)
class ScannedFinding:
    """What the JSON of `scan` says of a finding, as far as a decision needs it."""

    id: str
    aliases: tuple[str, ...]
    component: str


def parse_findings(data: bytes, source: str) -> tuple[ScannedFinding, ...]:
    """The findings in what `scan --format json` printed. MalformedData for anything else."""
    document = as_object(load_json(data, source), source, "the scan")
    if document.get("command") != "scan":
        raise MalformedData(source, f"command is {describe(document.get('command'))}: not what `scan` printed")
    return tuple(
        _parse_finding(as_object(value, source, "a finding"), source)
        for value in as_list(document.get("findings"), source, "findings")
    )


def _parse_finding(value: JsonObject, source: str) -> ScannedFinding:
    component = value.get("component")
    return ScannedFinding(
        id=as_text(value.get("id"), source, "id"),
        aliases=as_texts(value.get("aliases", []), source, "aliases"),
        component="" if component is None else as_text(component, source, "component"),
    )


def expired(decisions: Iterable[AcceptedFinding], today: datetime.date) -> tuple[AcceptedFinding, ...]:
    """The decisions whose time is over: they are decisions no more."""
    return tuple(decision for decision in decisions if decision.expires < today)


def make_vex(
    decisions: Sequence[AcceptedFinding],
    findings: Sequence[ScannedFinding],
    subjects: Sequence[StatementSubject],
    modified_s: int | None,
) -> dict[str, Any]:
    """The document; there must be a decision. Its time is the source's: the same build has the same document."""
    products = [_product(subject) for subject in sorted(subjects)]
    statements = [_statement(decision, findings, products) for decision in decisions]
    moment = datetime.datetime.fromtimestamp(modified_s or 0, tz=datetime.UTC)
    body: dict[str, Any] = {
        "@context": VEX_CONTEXT,
        "author": ", ".join(sorted({decision.owner for decision in decisions})),
        "timestamp": moment.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "version": 1,
        "tooling": f"nanna-ci {__version__}",
        "statements": statements,
    }
    identity = uuid.uuid5(uuid.NAMESPACE_URL, render_json(body).decode())
    return {"@context": VEX_CONTEXT, "@id": f"urn:uuid:{identity}", **body}


def _product(subject: StatementSubject) -> dict[str, Any]:
    place, _, name = subject.name.rpartition("/")
    if place == "images":
        return {"@id": f"pkg:oci/{name}@sha256:{subject.sha256}"}
    identity = f"pkg:generic/{name}?checksum=sha256:{subject.sha256}"
    return {"@id": identity, "hashes": {"sha-256": subject.sha256}}


def _statement(
    decision: AcceptedFinding, findings: Iterable[ScannedFinding], products: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    meant = [
        finding
        for finding in findings
        if decision.id in {finding.id, *finding.aliases} and decision.component in {None, finding.component}
    ]
    components = [decision.component] if decision.component else sorted({one.component for one in meant} - {""})
    below = [{"@id": name if _URI.fullmatch(name) else f"path:{name}"} for name in components]
    aliases = sorted({alias for finding in meant for alias in (finding.id, *finding.aliases)} - {decision.id})
    return {
        "vulnerability": {"name": decision.id, **({"aliases": aliases} if aliases else {})},
        "products": [{**product, **({"subcomponents": below} if below else {})} for product in products],
        **_decided(decision),
    }


def _decided(decision: AcceptedFinding) -> dict[str, str]:
    """The status, with the words that OpenVEX wants beside it. A risk that is accepted is one that is there."""
    until = f"{decision.owner}, until {decision.expires.isoformat()}"
    match decision.status:
        case "not_affected" if decision.justification:
            words = {"justification": decision.justification, "status_notes": f"{decision.reason} ({until})"}
        case "not_affected":
            words = {"impact_statement": f"{decision.reason} ({until})"}
        case "fixed" | "under_investigation":
            words = {"status_notes": f"{decision.reason} ({until})"}
        case _:
            words = {"action_statement": f"accepted by {until}: {decision.reason}"}
    return {"status": decision.status or "affected", **words}


def parse_vex(data: bytes, source: str) -> tuple[frozenset[str], tuple[tuple[str, str], ...]]:
    """The SHA-256 of every product, and (vulnerability, status) of every statement. MalformedData for anything else."""
    document = as_object(load_json(data, source), source, "the document")
    if document.get("@context") != VEX_CONTEXT:
        raise MalformedData(source, f"@context is {describe(document.get('@context'))}, not {VEX_CONTEXT}")
    body = {key: value for key, value in document.items() if key != "@id"}
    identity = f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, render_json(body).decode())}"
    if document.get("@id") != identity:
        raise MalformedData(source, f"@id is {describe(document.get('@id'))}, which its content does not give")
    products: set[str] = set()
    decided = []
    for value in as_list(document.get("statements"), source, "statements"):
        statement = as_object(value, source, "a statement")
        status = as_text(statement.get("status"), source, "status")
        if status not in _STATUSES:
            raise MalformedData(source, f"status is {shorten(status)}")
        name = as_object(statement.get("vulnerability"), source, "vulnerability").get("name")
        decided.append((as_text(name, source, "vulnerability.name"), status))
        for product in as_list(statement.get("products"), source, "products"):
            identity = as_text(as_object(product, source, "a product").get("@id"), source, "@id")
            products.add(identity.rpartition("sha256:")[2])
    return frozenset(products), tuple(decided)
