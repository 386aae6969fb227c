"""A bill as SPDX 3.0.1 JSON-LD, with the mapping of BSI TR-03183-2 v2.1.0 (8.2); the same bill gives the same bytes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from nanna_ci import __version__
from nanna_ci.foundation.errors import UsageError
from nanna_ci.supply_chain.bill.bill_of_materials import Bill, Completeness, Component, ComponentKind, Deployable, Phase
from nanna_ci.supply_chain.bill.cyclonedx import TOOL, content_uuid, timestamp_text
from nanna_ci.supply_chain.bill.licence import Licence

SPDX_VERSION: Final = "3.0.1"
_CONTEXT: Final = f"https://spdx.org/rdf/{SPDX_VERSION}/spdx-context.jsonld"
_CREATION: Final = "_:creation"
_PLACE: Final = "urn:nanna-ci:sbom:"  # the document's own identifier comes in once its content is known
_NOTE: Final = "software_additionalPurpose field is used to indicate the properties of BSI TR-03183-2"
_COMPLETENESS: Final = {
    Completeness.COMPLETE: "complete",
    Completeness.INCOMPLETE: "incomplete",
    Completeness.UNKNOWN: "noAssertion",
}
_SBOM_TYPES: Final = {Phase.BUILD: "build", Phase.POST_BUILD: "analyzed"}
_PROFILES: Final = ("core", "software", "simpleLicensing")


def render_spdx(bill: Bill) -> bytes:
    """The document, an element a line.

    Raises:
        UsageError: no time is known, which the format cannot do without.
    """
    if bill.created_s is None:
        hint = "set SOURCE_DATE_EPOCH: the commit's time, `git log -1 --format=%ct`"
        raise UsageError("SPDX wants a time of creation, and nothing reproducible says one", hint=hint)
    elements = list(_Writer(bill).elements())
    creation = {
        "type": "CreationInfo",
        "@id": _CREATION,
        "specVersion": SPDX_VERSION,
        "created": timestamp_text(bill.created_s),
        "createdBy": [f"{_PLACE}creator"],
        "createdUsing": [f"{_PLACE}tool"],
    }
    lines = ",\n".join(_json(one) for one in [creation, *elements])
    own = f"{_PLACE}{content_uuid(lines.encode('utf-8'))}:"
    graph = lines.replace(f'"{_PLACE}', f'"{own}')
    return f'{{\n"@context": "{_CONTEXT}",\n"@graph": [\n{graph}\n]\n}}\n'.encode()


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _agent(identifier: str, creator: str) -> dict[str, Any]:
    is_mail = "@" in creator and "/" not in creator
    kind = "email" if is_mail else "urlScheme"
    return {
        "type": "Organization",
        "spdxId": identifier,
        "creationInfo": _CREATION,
        "name": creator,
        "externalIdentifier": [
            {"type": "ExternalIdentifier", "externalIdentifierType": kind, "identifier": creator},
        ],
    }


class _Writer:
    """The elements of a bill, numbered in its order. Agents and licences that several share are written once."""

    def __init__(self, bill: Bill) -> None:
        self._bill = bill
        self._ids = {
            ref: f"{_PLACE}component-{number}"
            for number, ref in enumerate((bill.subject.ref, *(one.ref for one in bill.components)))
        }
        self._kinds = {one.ref: one.kind for one in (bill.subject, *bill.components)}
        self._relationships = 0

    def elements(self) -> Iterator[dict[str, Any]]:
        every = (self._bill.subject, *self._bill.components)
        yield from self._head()
        creators = sorted({one.creator for one in every if one.creator is not None})
        agents = {creator: f"{_PLACE}agent-{number}" for number, creator in enumerate(creators)}
        yield from (_agent(identifier, creator) for creator, identifier in agents.items())
        stated = sorted({one.licence for one in every if one.licence is not None}, key=lambda one: one.text)
        licences = {licence: f"{_PLACE}licence-{number}" for number, licence in enumerate(stated)}
        for licence, identifier in licences.items():
            yield from _licence(licence, identifier)
        for one in every:
            yield self._package(one, agents)
            if one.licence is not None:
                kinds = ["hasConcludedLicense"] if one.licence.is_expression else []
                for kind in [*kinds, "hasDeclaredLicense"]:
                    yield self._relationship(self._ids[one.ref], kind, [licences[one.licence]], "complete")
            yield from self._deployable(one)
            yield from self._patches(one)
            yield from self._dependencies(one)

    def _head(self) -> Iterator[dict[str, Any]]:
        if self._bill.creator is None:
            yield self._element("SoftwareAgent", f"{_PLACE}creator", name=TOOL)
        else:
            yield _agent(f"{_PLACE}creator", self._bill.creator)
        yield self._element("Tool", f"{_PLACE}tool", name=f"{TOOL} {__version__}")
        root = f"{_PLACE}sbom"
        yield self._element("SpdxDocument", f"{_PLACE}document", rootElement=[root], profileConformance=list(_PROFILES))
        yield self._element(
            "software_Sbom",
            root,
            rootElement=[self._ids[self._bill.subject.ref]],
            element=list(self._ids.values()),
            software_sbomType=[_SBOM_TYPES[self._bill.phase]],
        )

    @staticmethod
    def _element(kind: str, identifier: str, **more: Any) -> dict[str, Any]:
        return {"type": kind, "spdxId": identifier, "creationInfo": _CREATION, **more}

    def _package(self, one: Component, agents: Mapping[str, str]) -> dict[str, Any]:
        entry = self._element(
            "software_Package", self._ids[one.ref], name=one.name, software_primaryPurpose=one.kind.value
        )
        identifiers = [("cpe23", one.cpe), ("packageUrl", one.purl)]
        listed = [
            {"type": "ExternalIdentifier", "externalIdentifierType": kind, "identifier": text}
            for kind, text in identifiers
            if text is not None
        ]
        optional: dict[str, Any] = {
            "description": one.description,
            "software_packageVersion": one.version,
            "software_packageUrl": one.purl,
            "software_homePage": one.website,
            "externalIdentifier": listed or None,
            "originatedBy": None if one.creator is None else [agents[one.creator]],
            "verifiedUsing": None if one.sha256 is None else [_hash("sha256", one.sha256)],
            "software_sourceInfo": None if one.source_url is None else one.source_url,
            "comment": "\n".join(f"{name}={value}" for name, value in one.properties) or None,
        }
        return {**entry, **{key: value for key, value in optional.items() if value is not None}}

    def _deployable(self, one: Component) -> Iterator[dict[str, Any]]:
        file = one.deployable
        if file is None:
            return
        identifier = f"{self._ids[one.ref]}-file"
        entry = self._element(
            "software_File", identifier, name=file.filename, comment=_NOTE, software_additionalPurpose=_purposes(file)
        )
        if file.sha512 is not None:
            entry["verifiedUsing"] = [_hash("sha512", file.sha512)]
        yield entry
        yield self._relationship(self._ids[one.ref], "hasDistributionArtifact", [identifier], "complete")

    def _patches(self, one: Component) -> Iterator[dict[str, Any]]:
        for number, patch in enumerate(one.patches):
            identifier = f"{self._ids[one.ref]}-patch-{number}"
            entry = self._element("software_File", identifier, name=patch.url, software_primaryPurpose="patch")
            if patch.resolves:
                entry["comment"] = f"resolves {', '.join(patch.resolves)}"
            yield entry
            yield self._relationship(self._ids[one.ref], "patchedBy", [identifier], "complete")

    def _dependencies(self, one: Component) -> Iterator[dict[str, Any]]:
        completeness = _COMPLETENESS[self._bill.gaps.get(one.ref, Completeness.COMPLETE)]
        needed = self._bill.dependencies[one.ref]
        holds = one.kind is ComponentKind.CONTAINER or (one.kind is ComponentKind.FILE)
        inside = [ref for ref in needed if holds or self._kinds[ref] is ComponentKind.FILE]
        beside = [ref for ref in needed if ref not in set(inside)]
        for kind, refs in (("contains", inside), ("dependsOn", beside)):
            if refs:
                yield self._relationship(self._ids[one.ref], kind, [self._ids[ref] for ref in refs], completeness)
        if not needed and completeness != "complete":
            none = ["NoAssertionElement"]
            yield self._relationship(self._ids[one.ref], "dependsOn", none, completeness)

    def _relationship(self, start: str, kind: str, ends: list[str], completeness: str) -> dict[str, Any]:
        self._relationships += 1
        return self._element(
            "Relationship",
            f"{_PLACE}relationship-{self._relationships}",
            **{"from": start, "relationshipType": kind, "to": ends, "completeness": completeness},
        )


def _purposes(file: Deployable) -> list[str]:
    purposes = ["executable"] if file.is_executable else []
    purposes += ["archive"] if file.is_archive else []
    return [*purposes, "container" if file.is_structured else "firmware"]


def _hash(algorithm: str, value: str) -> dict[str, str]:
    return {"type": "Hash", "algorithm": algorithm, "hashValue": value}


def _licence(licence: Licence, identifier: str) -> Iterator[dict[str, Any]]:
    head = {"spdxId": identifier, "creationInfo": _CREATION}
    if licence.is_expression:
        yield {"type": "simplelicensing_LicenseExpression", **head, "simplelicensing_licenseExpression": licence.text}
        return
    name = f"LicenseRef-{TOOL}-{hashlib.sha256(licence.text.encode('utf-8')).hexdigest()[:16]}"
    text = {"type": "simplelicensing_SimpleLicensingText", "spdxId": f"{identifier}-text", "creationInfo": _CREATION}
    yield {**text, "simplelicensing_licenseText": licence.text}
    custom = [{"type": "DictionaryEntry", "key": name, "value": f"{identifier}-text"}]
    yield {
        "type": "simplelicensing_LicenseExpression",
        **head,
        "simplelicensing_licenseExpression": name,
        "simplelicensing_customIdToUri": custom,
    }
