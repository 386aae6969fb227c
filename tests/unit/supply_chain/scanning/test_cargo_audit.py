"""What cargo-audit prints, and what becomes of it when it prints something else. The real one: tests/e2e."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from nanna_ci.foundation.errors import CommandFailed, ConfigError, MalformedData, ToolMissing
from nanna_ci.pipeline.vocabulary import Severity
from nanna_ci.supply_chain.scanning.cargo_audit import CargoAudit, denied_kinds, parse_audit_report
from nanna_ci.supply_chain.scanning.cargo_lock import CargoLock
from nanna_ci.supply_chain.scanning.rustsec_database import RustSecDatabase
from nanna_ci.supply_chain.scanning.security_finding import AdvisorySource, FindingState, SourceLine
from support.fake_ports import FakeRun
from support.fake_scans import CRATES, HIGH, TODAY

VERSION = ("cargo-audit", "audit", "--version")


def entry(identifier: str, crate: str = "leaky", **more: Any) -> dict[str, Any]:
    advisory = {"id": identifier, "title": "It breaks", "cvss": HIGH, "aliases": ["CVE-1"], "url": None}
    package = {"name": crate, "version": "1.0.0"}
    return {"advisory": advisory, "package": package, "versions": {"patched": [">=1.2.0"]}, **more}


def report(*holes: Any, advisories: int = 3, **warnings: Any) -> bytes:
    return json.dumps(
        {
            "database": {"advisory-count": advisories},
            "lockfile": {"dependency-count": 2},
            "settings": {"ignore": ["RUSTSEC-2026-9999"]},
            "vulnerabilities": {"list": list(holes)},
            "warnings": warnings,
        }
    ).encode()


@pytest.fixture
def lock(tmp_path: Path) -> CargoLock:
    return CargoLock(tmp_path / "Cargo.lock", "Cargo.lock", {("leaky", "1.0.0"): 7})


def audit(lock: CargoLock, *, stderr: bytes = b"", **what: Any) -> Any:
    run = FakeRun()
    run.script("cargo-audit", stderr=stderr, **what)
    run.script(*VERSION, stdout=b"cargo-audit-audit 0.22.2\n")
    database = RustSecDatabase(lock.path.parent, AdvisorySource("RustSec", 3, TODAY, "its commit"))
    return CargoAudit(CRATES, lock, database, run, {}).scan()


def test_holes_gate_and_warnings_warn_unless_the_workspace_denies_them(lock: CargoLock) -> None:
    yanked = entry("x", advisory=None, versions=None)
    data = report(entry("RUSTSEC-2026-0001"), unmaintained=[entry("RUSTSEC-2026-0002")], yanked=[yanked])
    found = {one.id: one for one in parse_audit_report(data, lock).findings}
    assert {name: one.state for name, one in found.items()} == {
        "RUSTSEC-2026-0001": FindingState.GATING,
        "RUSTSEC-2026-0002": FindingState.WARNING,
        "yanked": FindingState.WARNING,
    }
    hole = found["RUSTSEC-2026-0001"]
    assert (hole.severity, hole.component_ref, hole.line) == (
        Severity.HIGH,
        "pkg:cargo/leaky@1.0.0",
        SourceLine("Cargo.lock", 7),
    )
    assert (hole.fixed_versions, hole.url) == ((">=1.2.0",), "https://rustsec.org/advisories/RUSTSEC-2026-0001")
    for denied in ({"yanked"}, {"warnings"}):
        strict = {one.id: one for one in parse_audit_report(data, lock, frozenset(denied)).findings}
        assert (strict["yanked"].state, strict["yanked"].by_policy) == (FindingState.GATING, True)


def test_crates_of_which_the_index_was_not_asked_are_counted_and_said(lock: CargoLock) -> None:
    lines = b"error: couldn't check if the package is yanked: not found: a\n" * 2
    answer = audit(lock, stdout=report(), stderr=lines + b"something else\n")
    assert answer.counts["yankedUnknown"] == 2
    assert any("unknown for 2 of 2" in note for note in answer.notes)
    assert any("RUSTSEC-2026-9999" in note for note in answer.notes)
    assert answer.version == "cargo-audit 0.22.2"


@pytest.mark.parametrize(
    ("what", "error", "words"),
    [
        ({"stdout": b"", "returncode": 1, "stderr": b"error: no database\n"}, CommandFailed, "no database"),
        ({"stdout": b"", "returncode": 0}, CommandFailed, "no output"),
        ({"stdout": b"not json", "returncode": 0}, MalformedData, "printed no report"),
        ({"stdout": b"{}", "returncode": 0}, MalformedData, "printed no report"),
        ({"stdout": report(advisories=0), "returncode": 0}, MalformedData, "read no advisory"),
        ({"stdout": report(), "returncode": 1}, MalformedData, "named no hole, but exited with 1"),
        ({"stdout": report(), "returncode": 101}, CommandFailed, "101"),
        ({"stdout": report(), "returncode": -11}, CommandFailed, "-11"),
    ],
)
def test_a_tool_that_gives_no_answer_is_never_taken_for_a_clean_one(
    lock: CargoLock, what: Any, error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        audit(lock, **what)


def test_a_missing_program_is_named_with_the_toolkits_reason(lock: CargoLock) -> None:
    run = FakeRun()
    run.script("cargo-audit", error=ToolMissing("cargo-audit", "not found"))
    database = RustSecDatabase(lock.path.parent, AdvisorySource("RustSec", 3, TODAY, "its commit"))
    reasons = {"NANNA_CI_UNAVAILABLE": json.dumps({"cargo-audit": "the wheels could not be had"})}
    with pytest.raises(ToolMissing, match="the wheels could not be had"):
        CargoAudit(CRATES, lock, database, run, reasons).scan()


def test_what_the_workspace_denies_is_read_and_a_broken_file_is_an_error(tmp_path: Path) -> None:
    file = tmp_path / "audit.toml"
    assert denied_kinds(file) == frozenset()
    file.write_text('[output]\ndeny = ["yanked", "unsound"]\n')
    assert denied_kinds(file) == {"yanked", "unsound"}
    file.write_text("[output\n")
    with pytest.raises(ConfigError, match=r"audit\.toml"):
        denied_kinds(file)
