from __future__ import annotations

from typing import Any

import pytest

from nanna_ci.foundation.errors import MalformedData
from nanna_ci.supply_chain.scanning.scanned_bill import parse_bill
from support.fake_scans import DIGEST, bill, bill_json, package, patched, program


def test_a_bill_of_an_image_is_read_with_packages_patches_and_programs() -> None:
    found = bill(package("openssl", "3.0.13", **patched("CVE-2026-1")), program("bin/harness", "absent"))
    assert (found.name, found.digest) == ("harness-image", DIGEST)
    (one,) = found.packages
    assert (one.name, one.version, one.patches[0].resolves) == ("openssl", "3.0.13", frozenset({"CVE-2026-1"}))
    (listed,) = found.programs
    assert (listed.path, listed.has_crate_list) == ("bin/harness", False)


def test_a_component_within_a_component_is_read_too() -> None:
    outer = {"type": "file", "bom-ref": "layer", "name": "layer", "components": [package("zlib", "1.2")]}
    assert [one.name for one in bill(outer).packages] == ["zlib"]


def test_a_program_of_which_nobody_speaks_is_none_and_a_closure_has_no_digest() -> None:
    found = bill(program("bin/sh", None), image=False)
    assert (found.programs, found.digest) == ((), None)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"[]", "not an object"),
        (b'{"bomFormat": "SPDX"}', "not CycloneDX"),
        (bill_json(package("a", "1"), specVersion="2.0"), "specVersion is '2.0'"),
        (bill_json(package("a", "1"), specVersion=None), "specVersion"),
        (bill_json(), "no components"),
        (bill_json(package("a", "1"), package("a", "1")), "occurs twice"),
        (bill_json(package("a", "1"), dependencies=[{"ref": "nowhere"}]), "nowhere"),
        (bill_json(package("a", "1"), dependencies=[{"ref": "image", "dependsOn": ["gone"]}]), "gone"),
        (bill_json({"type": "library", "bom-ref": "x", "name": "x", "purl": "x"}), "no package URL"),
        (bill_json(program("bin/x", "perhaps")), "neither present nor absent"),
    ],
)
def test_a_document_that_does_not_hold_together_is_refused(data: Any, words: str) -> None:
    with pytest.raises(MalformedData, match=words):
        parse_bill(data, "bill.cdx.json")
