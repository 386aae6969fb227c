"""What is scanned of a bill besides its advisories. cargo-audit over its crates: tests/e2e."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from nanna_ci.foundation.errors import ToolMissing
from nanna_ci.supply_chain.scanning.bill_scanners import (
    BillCrateScanner,
    CrateListScanner,
    StorePathScanner,
    registry_crates,
)
from nanna_ci.supply_chain.scanning.rustsec_database import RustSecDatabase
from nanna_ci.supply_chain.scanning.security_finding import AdvisorySource, FindingState
from support.fake_ports import FakeRun
from support.fake_scans import IMAGE, TODAY, affected, bill, osv, package, program


def crate(name: str, source: str | None, query: str = "") -> dict[str, Any]:
    properties = [{"name": "nanna-ci:crate:source", "value": source}] if source else []
    purl = f"pkg:cargo/{name}@1.0.0{query}"
    return {
        "type": "library",
        "bom-ref": name,
        "name": name,
        "version": "1.0.0",
        "purl": purl,
        "properties": properties,
    }


def test_a_rust_program_without_a_list_of_its_crates_gates() -> None:
    found = bill(program("bin/harness", "absent"), program("bin/other", "present"), program("bin/sh", None))
    (finding,) = CrateListScanner(IMAGE, found).scan().findings
    assert (finding.id, finding.component_ref, finding.state, finding.by_policy) == (
        "crate-list-absent",
        "file:bin/harness",
        FindingState.GATING,
        True,
    )
    answer = CrateListScanner(IMAGE, bill(package("zlib", "1.2"))).scan()
    assert answer.findings == ()
    assert answer.notes == ("the bill says of no program whether it carries a list of its crates",)


def test_store_paths_without_advisories_are_unavailable_and_never_clean() -> None:
    with pytest.raises(ToolMissing, match="no advisories were given"):
        StorePathScanner(IMAGE, bill(package("zlib", "1.2")), None).scan()


def test_an_answer_names_the_advisories_and_what_has_no_identity() -> None:
    nameless = {"type": "library", "bom-ref": "x", "name": "x", "version": "1"}
    record = osv("CVE-2026-1", affected("pkg:nix/zlib", {"introduced": "0"}))
    answer = StorePathScanner(IMAGE, bill(package("zlib", "1.2"), nameless), (record,)).scan()
    assert [one.component_ref for one in answer.findings] == ["pkg:nix/zlib@1.2"]
    assert answer.notes == ("1 components have neither purl nor CPE: only a name can match them",)
    assert answer.database == AdvisorySource("OSV", 1, record.modified, "its newest record")


def test_only_crates_of_the_main_registry_are_asked_of_cargo_audit() -> None:
    given = bill(
        crate("a", "registry+https://x"),
        crate("b", "registry"),
        crate("c", "workspace"),
        crate("d", "git", "?vcs_url=git%2Bhttps://example.invalid"),
        package("zlib", "1.2"),
    )
    assert [one.name for one in registry_crates(given)] == ["a", "b"]


def test_crates_of_an_unnamed_registry_are_no_question_that_could_be_asked() -> None:
    database = RustSecDatabase(Path("/nowhere"), AdvisorySource("RustSec", 3, TODAY, "its commit"))
    scanner = BillCrateScanner(IMAGE, bill(crate("a", "registry")), database, (), FakeRun(), {})
    with pytest.raises(ToolMissing, match="which registry"):
        scanner.scan()
