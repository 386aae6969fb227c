from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from nanna_ci.foundation.errors import MalformedData
from nanna_ci.supply_chain.bill.cyclonedx import CycloneDxVersion, render_cyclonedx
from nanna_ci.supply_chain.bill.cyclonedx_check import CheckedDocument, check_cyclonedx
from support.fake_bills import bill_of, component


def changed(change: Callable[[Any], object]) -> bytes:
    bill = bill_of(component("a"), component("b"), edges={"b": {"a"}})
    document = json.loads(render_cyclonedx(bill, CycloneDxVersion.V1_7))
    change(document)
    return json.dumps(document).encode()


def test_a_document_of_ours_holds_together() -> None:
    checked = check_cyclonedx(changed(lambda _: None), "bill")
    assert checked == CheckedDocument(CycloneDxVersion.V1_7, "thing", components=3, edges=3)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda it: it["components"].append(dict(it["components"][0])), "the bom-ref 'a' occurs twice"),
        (lambda it: it["components"][0].update({"bom-ref": "subject"}), "the bom-ref 'subject' occurs twice"),
        (lambda it: it["components"][0].update(components=[{"bom-ref": "b"}]), "the bom-ref 'b' occurs twice"),
        (lambda it: it["components"][0].pop("bom-ref"), "component 'a' has no bom-ref"),
        (lambda it: it["dependencies"][1].update(dependsOn=["x"]), "names 'x', which no component has"),
        (lambda it: it["dependencies"].append({"ref": "x"}), "names 'x', which no component has"),
        (lambda it: it["dependencies"].append({"ref": "a"}), "two entries for 'a'"),
        (lambda it: it["dependencies"].pop(0), "no entry for 'a'"),
        (lambda it: it.update(specVersion="1.4"), "specVersion is '1.4', not 1.6 or 1.7"),
        (lambda it: it.pop("specVersion"), "specVersion is 'null', not 1.6 or 1.7"),
        (lambda it: it.update(bomFormat="SPDX"), "bomFormat is 'SPDX', not CycloneDX"),
        (lambda it: it.update(vulnerabilities=[]), "holds vulnerabilities"),
        (lambda it: it.update(components={}), "components is an object, not an array"),
    ],
)
def test_a_document_that_does_not_hold_together_is_refused(change: Callable[[Any], object], problem: str) -> None:
    with pytest.raises(MalformedData, match=problem):
        check_cyclonedx(changed(change), "bill")


def test_another_version_than_the_wanted_one_is_refused() -> None:
    with pytest.raises(MalformedData, match=r"specVersion is '1.7', not 1.6"):
        check_cyclonedx(changed(lambda _: None), "bill", CycloneDxVersion.V1_6)
