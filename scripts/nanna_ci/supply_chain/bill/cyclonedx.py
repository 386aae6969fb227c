"""A bill as CycloneDX JSON, 1.6 or 1.7: the same bill gives the same bytes, whatever the time or order of input."""

from __future__ import annotations

import enum
import hashlib
import json
import uuid
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from nanna_ci import __version__
from nanna_ci.supply_chain.bill.bill_of_materials import Bill, Completeness, Component, Deployable, Patch
from nanna_ci.supply_chain.bill.licence import Licence

TOOL = "nanna-ci"


class CycloneDxVersion(enum.Enum):
    """The versions of the format that are written."""

    V1_6 = "1.6"
    V1_7 = "1.7"


def render_cyclonedx(bill: Bill, version: CycloneDxVersion) -> bytes:
    """The document, a component a line. The serial number is made of all the rest."""
    head = {"bomFormat": "CycloneDX", "specVersion": version.value}
    schema = f"http://cyclonedx.org/schema/bom-{version.value}.schema.json"
    body = {"$schema": schema, **head, "version": 1, "metadata": _metadata(bill, version)}
    parts: list[tuple[str, list[Any]]] = [
        ("components", [_component(one, version) for one in bill.components]),
        ("dependencies", [_dependency(ref, needed) for ref, needed in bill.dependencies.items()]),
        ("compositions", list(_compositions(bill))),
    ]
    fixed = ",\n".join(f"{_json(key)}: {_json(value)}" for key, value in body.items())
    lists = ",\n".join(f"{_json(key)}: [\n" + ",\n".join(map(_json, items)) + "\n]" for key, items in parts)
    content = f"{fixed},\n{lists}"
    serial = content_uuid(content.encode("utf-8"))
    return f'{{\n"serialNumber": "urn:uuid:{serial}",\n{content}\n}}\n'.encode()


def content_uuid(content: bytes) -> uuid.UUID:
    """A name-based UUID of content."""
    return uuid.UUID(bytes=hashlib.sha256(content).digest()[:16], version=5)


def timestamp_text(seconds: int) -> str:
    """Seconds since 1970 as RFC 3339 in UTC."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _metadata(bill: Bill, version: CycloneDxVersion) -> dict[str, Any]:
    metadata: dict[str, Any] = {}
    if bill.created_s is not None:
        metadata["timestamp"] = timestamp_text(bill.created_s)
    metadata["lifecycles"] = [{"phase": bill.phase.value}]
    metadata["tools"] = {"components": [{"type": "application", "name": TOOL, "version": __version__}]}
    metadata["component"] = _component(bill.subject, version)
    if bill.creator is not None:
        metadata["manufacturer"] = _entity(bill.creator)
    return metadata


def _entity(creator: str) -> dict[str, Any]:
    """BSI TR-03183-2 wants an e-mail address, or else a URL."""
    return {"contact": [{"email": creator}]} if "@" in creator and "/" not in creator else {"url": [creator]}


def _component(one: Component, version: CycloneDxVersion) -> dict[str, Any]:
    entry: dict[str, Any] = {"type": one.kind.value, "bom-ref": one.ref}
    if one.creator is not None:
        entry["manufacturer"] = _entity(one.creator)
    entry["name"] = one.name
    if one.version is not None:
        entry["version"] = one.version
    if one.description is not None:
        entry["description"] = one.description
    if one.sha256 is not None:
        entry["hashes"] = [{"alg": "SHA-256", "content": one.sha256}]
    if one.licence is not None:
        entry["licenses"] = _licences(one.licence, version)
    if one.cpe is not None:
        entry["cpe"] = one.cpe
    if one.purl is not None:
        entry["purl"] = one.purl
    if one.patches:
        entry["pedigree"] = {"patches": [_patch(patch) for patch in one.patches]}
    references = list(_references(one))
    if references:
        entry["externalReferences"] = references
    properties = sorted([*one.properties, *_bsi_properties(one)])
    if properties:
        entry["properties"] = [{"name": name, "value": value} for name, value in properties]
    return entry


def _licences(licence: Licence, version: CycloneDxVersion) -> list[dict[str, Any]]:
    """BSI TR-03183-2 wants what the author chose (declared) and what the user gets (concluded), which is the same here:
    what the manifest states. 1.6 takes one expression, so that is the one that BSI requires."""
    if not licence.is_expression:
        return [{"license": {"name": licence.text, "acknowledgement": "declared"}}]
    wanted = ("concluded",) if version is CycloneDxVersion.V1_6 else ("concluded", "declared")
    return [{"expression": licence.text, "acknowledgement": how} for how in wanted]


def _patch(patch: Patch) -> dict[str, Any]:
    entry: dict[str, Any] = {"type": "unofficial", "diff": {"url": patch.url}}
    if patch.resolves:
        entry["resolves"] = [{"type": "security", "id": one} for one in patch.resolves]
    return entry


def _references(one: Component) -> Iterator[dict[str, Any]]:
    if one.website is not None:
        yield {"type": "website", "url": one.website}
    if one.source_url is not None:
        yield {"type": "source-distribution", "url": one.source_url}
    deployable = one.deployable
    if deployable is not None and deployable.sha512 is not None:
        hashes = [{"alg": "SHA-512", "content": deployable.sha512}]
        yield {"type": "distribution", "url": deployable.url or deployable.filename, "hashes": hashes}


def _bsi_properties(one: Component) -> Iterator[tuple[str, str]]:
    """The property taxonomy of the BSI, for what lies on a disk; what is not known is left out."""
    file = one.deployable
    if file is None:
        return
    for name, value in bsi_facts(file).items():
        yield f"bsi:component:{name}", value


def bsi_facts(file: Deployable) -> Mapping[str, str]:
    """The fields in the words of BSI TR-03183-2, 5.2.2."""
    facts = {
        "archive": "archive" if file.is_archive else "no archive",
        "filename": file.filename,
        "structured": "structured" if file.is_structured else "unstructured",
    }
    if file.is_executable is not None:
        facts["executable"] = "executable" if file.is_executable else "non-executable"
    return facts


def _dependency(ref: str, needed: tuple[str, ...]) -> dict[str, Any]:
    return {"ref": ref, "dependsOn": list(needed)} if needed else {"ref": ref}


def _compositions(bill: Bill) -> Iterator[dict[str, Any]]:
    for completeness in Completeness:
        refs = [ref for ref in bill.dependencies if bill.gaps.get(ref, Completeness.COMPLETE) is completeness]
        if refs:
            yield {"aggregate": completeness.value, "dependencies": refs}
