from __future__ import annotations

import json
from typing import Any

import pytest

from nanna_ci.foundation.errors import UsageError
from nanna_ci.supply_chain.bill.bill_of_materials import Bill, Completeness, ComponentKind, Deployable, Patch
from nanna_ci.supply_chain.bill.licence import parse_licence
from nanna_ci.supply_chain.bill.spdx import render_spdx
from support.fake_bills import bill_of, component


def graph(bill: Bill) -> list[dict[str, Any]]:
    document = json.loads(render_spdx(bill))
    assert document["@context"] == "https://spdx.org/rdf/3.0.1/spdx-context.jsonld"
    elements: list[dict[str, Any]] = document["@graph"]
    return elements


def of_type(elements: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [one for one in elements if one["type"] == kind]


def relationships(elements: list[dict[str, Any]], kind: str) -> list[tuple[str, tuple[str, ...], str]]:
    names = {one["spdxId"]: one.get("name", one["spdxId"]) for one in elements if "spdxId" in one}
    return [
        (names[one["from"]], tuple(names.get(to, to) for to in one["to"]), one["completeness"])
        for one in of_type(elements, "Relationship")
        if one["relationshipType"] == kind
    ]


def test_the_document_has_a_bill_of_all_packages_around_its_subject() -> None:
    elements = graph(
        bill_of(component("a", version="1.0", purl="pkg:cargo/a@1.0", cpe="cpe:2.3:a:a:a:1:*:*:*:*:*:*:*"))
    )
    (creation,) = of_type(elements, "CreationInfo")
    assert (creation["specVersion"], creation["created"]) == ("3.0.1", "2026-09-21T14:13:20Z")
    (sbom,) = of_type(elements, "software_Sbom")
    packages = {one["spdxId"]: one for one in of_type(elements, "software_Package")}
    assert [packages[one]["name"] for one in sbom["rootElement"]] == ["thing"]
    assert set(sbom["element"]) == packages.keys()
    package = next(one for one in packages.values() if one["name"] == "a")
    assert (package["software_packageVersion"], package["software_packageUrl"]) == ("1.0", "pkg:cargo/a@1.0")
    assert [one["externalIdentifierType"] for one in package["externalIdentifier"]] == ["cpe23", "packageUrl"]


def test_every_identifier_is_used_once_and_named_after_the_content() -> None:
    first, second = (graph(bill_of(component("a", version=version))) for version in "12")
    identifiers = [one["spdxId"] for one in first if "spdxId" in one]
    assert len(identifiers) == len(set(identifiers))
    assert not set(identifiers) & {one.get("spdxId") for one in second}


def test_dependencies_say_how_complete_they_are() -> None:
    layer = component("layer", sha256="ab" * 32)
    file = type(layer)(ref="f", kind=ComponentKind.FILE, name="f")
    gaps = {"layer": Completeness.INCOMPLETE, "f": Completeness.UNKNOWN}
    elements = graph(bill_of(layer, file, edges={"layer": {"f"}}, gaps=gaps))
    assert relationships(elements, "contains") == [("thing", ("f",), "complete"), ("layer", ("f",), "incomplete")]
    assert ("f", ("NoAssertionElement",), "noAssertion") in relationships(elements, "dependsOn")


def test_licences_are_declared_and_concluded_or_a_text_of_their_own() -> None:
    elements = graph(
        bill_of(
            component("a", licence=parse_licence("MIT")),
            component("b", licence=parse_licence("MIT")),
            component("c", licence=parse_licence("SEE LICENSE")),
        )
    )
    expressions = of_type(elements, "simplelicensing_LicenseExpression")
    assert expressions[0]["simplelicensing_licenseExpression"] == "MIT"
    assert expressions[1]["simplelicensing_licenseExpression"].startswith("LicenseRef-nanna-ci-")
    (text,) = of_type(elements, "simplelicensing_SimpleLicensingText")
    assert text["simplelicensing_licenseText"] == "SEE LICENSE"
    assert len(relationships(elements, "hasDeclaredLicense")) == 3
    assert len(relationships(elements, "hasConcludedLicense")) == 2


def test_a_file_has_its_hash_and_the_purposes_that_the_bsi_reads() -> None:
    file = Deployable("harness", is_executable=True, is_archive=False, is_structured=True, sha512="ab" * 64)
    store = Deployable("x", is_executable=None, is_archive=True, is_structured=False)
    patch = Patch("/nix/store/x-CVE-2024-1234.patch", ("CVE-2024-1234",))
    elements = graph(bill_of(component("a", deployable=file), component("b", deployable=store, patches=(patch,))))
    files = {one["name"]: one for one in of_type(elements, "software_File")}
    assert files["harness"]["software_additionalPurpose"] == ["executable", "container"]
    assert files["harness"]["verifiedUsing"] == [{"type": "Hash", "algorithm": "sha512", "hashValue": "ab" * 64}]
    assert files["x"]["software_additionalPurpose"] == ["archive", "firmware"]
    assert files[patch.url]["comment"] == "resolves CVE-2024-1234"
    assert relationships(elements, "hasDistributionArtifact")[0][:2] == ("a", ("harness",))
    assert relationships(elements, "patchedBy")[0][:2] == ("b", (patch.url,))


def test_without_a_time_there_is_no_spdx() -> None:
    with pytest.raises(UsageError, match="SPDX wants a time") as caught:
        render_spdx(bill_of(component("a"), created_s=None))
    assert "SOURCE_DATE_EPOCH" in str(caught.value.hint)
