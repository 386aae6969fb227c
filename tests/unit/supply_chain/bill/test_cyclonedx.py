from __future__ import annotations

import json
from typing import Any

import pytest

from nanna_ci.supply_chain.bill.bill_of_materials import Bill, Completeness, Deployable, Patch
from nanna_ci.supply_chain.bill.cyclonedx import CycloneDxVersion, render_cyclonedx
from nanna_ci.supply_chain.bill.licence import parse_licence
from support.fake_bills import bill_of, component

FILE = Deployable(
    "harness", is_executable=True, is_archive=False, is_structured=True, sha512="ab" * 64, url="bin/harness"
)
every_version = pytest.mark.parametrize("version", CycloneDxVersion)


def document(bill: Bill, version: CycloneDxVersion = CycloneDxVersion.V1_7) -> Any:
    return json.loads(render_cyclonedx(bill, version))


def rendered(version: CycloneDxVersion = CycloneDxVersion.V1_7, **more: Any) -> Any:
    return document(bill_of(component("a", **more)), version)["components"][0]


@every_version
def test_the_document_says_its_version_subject_time_and_maker(version: CycloneDxVersion) -> None:
    made = document(bill_of(component("a")), version)
    assert (made["bomFormat"], made["specVersion"], made["version"]) == ("CycloneDX", version.value, 1)
    metadata = made["metadata"]
    assert metadata["timestamp"] == "2026-09-21T14:13:20Z"
    assert metadata["component"]["name"] == "thing"
    assert metadata["manufacturer"] == {"url": ["https://example.org/team"]}
    assert metadata["lifecycles"] == [{"phase": "build"}]
    assert metadata["tools"]["components"][0]["name"] == "nanna-ci"


def test_a_time_that_nobody_knows_is_left_out() -> None:
    metadata = document(bill_of(component("a"), created_s=None, creator=None))["metadata"]
    assert not {"timestamp", "manufacturer"} & metadata.keys()


def test_the_serial_number_follows_the_content() -> None:
    first = document(bill_of(component("a", version="1")))["serialNumber"]
    assert first == document(bill_of(component("a", version="1")))["serialNumber"]
    assert first != document(bill_of(component("a", version="2")))["serialNumber"]
    assert first.startswith("urn:uuid:")


def test_an_expression_is_concluded_and_declared_and_in_1_6_concluded_alone() -> None:
    licence = parse_licence("MIT/Apache-2.0")
    both = [{"expression": "MIT OR Apache-2.0", "acknowledgement": how} for how in ("concluded", "declared")]
    assert rendered(licence=licence)["licenses"] == both
    assert rendered(CycloneDxVersion.V1_6, licence=licence)["licenses"] == both[:1]


@every_version
def test_a_licence_that_is_no_expression_is_a_name(version: CycloneDxVersion) -> None:
    licences = rendered(version, licence=parse_licence("SEE LICENSE"))["licenses"]
    assert licences == [{"license": {"name": "SEE LICENSE", "acknowledgement": "declared"}}]


def test_a_file_has_the_fields_of_the_bsi() -> None:
    made = rendered(deployable=FILE)
    assert {one["name"]: one["value"] for one in made["properties"]} == {
        "bsi:component:archive": "no archive",
        "bsi:component:executable": "executable",
        "bsi:component:filename": "harness",
        "bsi:component:structured": "structured",
    }
    hashes = [{"alg": "SHA-512", "content": "ab" * 64}]
    assert made["externalReferences"] == [{"type": "distribution", "url": "bin/harness", "hashes": hashes}]


def test_what_is_not_known_of_a_file_is_left_out() -> None:
    file = Deployable("x", is_executable=None, is_archive=True, is_structured=False)
    made = rendered(deployable=file)
    assert {one["value"] for one in made["properties"]} == {"archive", "x", "unstructured"}
    assert "externalReferences" not in made


def test_patches_are_the_pedigree_with_what_they_resolve() -> None:
    made = rendered(patches=(Patch("/nix/store/x-CVE-2024-1234.patch", ("CVE-2024-1234",)), Patch("/nix/store/y", ())))
    assert made["pedigree"]["patches"] == [
        {
            "type": "unofficial",
            "diff": {"url": "/nix/store/x-CVE-2024-1234.patch"},
            "resolves": [{"type": "security", "id": "CVE-2024-1234"}],
        },
        {"type": "unofficial", "diff": {"url": "/nix/store/y"}},
    ]


def test_completeness_is_said_of_every_ref() -> None:
    bill = bill_of(component("a"), component("b"), gaps={"b": Completeness.UNKNOWN})
    assert document(bill)["compositions"] == [
        {"aggregate": "complete", "dependencies": ["a", "subject"]},
        {"aggregate": "unknown", "dependencies": ["b"]},
    ]


def test_a_creator_is_an_address_or_a_url() -> None:
    assert rendered(creator="a@b.org")["manufacturer"] == {"contact": [{"email": "a@b.org"}]}
    assert rendered(creator="https://b.org/@a")["manufacturer"] == {"url": ["https://b.org/@a"]}


def test_no_bill_holds_vulnerabilities() -> None:
    assert "vulnerabilities" not in document(bill_of(component("a")))
