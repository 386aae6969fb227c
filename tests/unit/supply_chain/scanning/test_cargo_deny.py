"""What cargo-deny prints. The real one: tests/e2e."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from nanna_ci.foundation.errors import CommandFailed, MalformedData, NannaError
from nanna_ci.pipeline.vocabulary import Severity
from nanna_ci.supply_chain.scanning.cargo_deny import CargoDeny, parse_deny_report
from nanna_ci.supply_chain.scanning.cargo_lock import CargoLock
from nanna_ci.supply_chain.scanning.rustsec_database import RustSecDatabase
from nanna_ci.supply_chain.scanning.security_finding import AdvisorySource, FindingState
from support.fake_ports import FakeRun
from support.fake_scans import CRATES, HIGH, TODAY

LOCK = CargoLock(Path("Cargo.lock"), "Cargo.lock", {("copyleft", "1.0.0"): 3})


def line(kind: str, **fields: Any) -> bytes:
    return json.dumps({"type": kind, "fields": fields}).encode()


def summary(**errors: int) -> bytes:
    checks = ("advisories", "bans", "licenses", "sources")
    return line("summary", **{check: {"errors": errors.get(check, 0), "warnings": 0} for check in checks})


def diagnostic(code: str, severity: str = "error", crate: str = "copyleft", **more: Any) -> bytes:
    graphs = [{"Krate": {"name": crate, "version": "1.0.0"}}]
    labels = [{"message": "rejected", "span": "GPL-3.0-only"}, {"message": "", "span": "a\nb"}]
    fields = {"code": code, "severity": severity, "message": "failed", "graphs": graphs, "labels": labels, **more}
    return line("diagnostic", **fields)


ADVISORY: dict[str, Any] = {
    "id": "RUSTSEC-2026-0001",
    "title": "It breaks",
    "cvss": HIGH,
    "informational": None,
    "aliases": [],
}


def test_a_denied_licence_gates_by_policy_with_its_crate_and_line() -> None:
    report = parse_deny_report([diagnostic("rejected"), summary(licenses=1)], LOCK)
    (found,) = report.findings
    assert (found.id, found.component_ref, found.state) == (
        "cargo-deny:rejected",
        "pkg:cargo/copyleft@1.0.0",
        FindingState.GATING,
    )
    assert (found.by_policy, found.title, found.line and found.line.line) == (
        True,
        "failed; rejected (GPL-3.0-only)",
        3,
    )


def test_a_hole_is_judged_by_its_severity_and_other_advisories_by_the_policy() -> None:
    notes = ["It breaks", "Solution: Upgrade to >=1.2.0 OR >=1.1.7, <1.2.0 (try `cargo update -p x`)"]
    informational = {**ADVISORY, "id": "RUSTSEC-2026-0002", "informational": "unmaintained"}
    given = [
        diagnostic("vulnerability", advisory=ADVISORY, notes=notes),
        diagnostic("unmaintained", advisory=informational),
        diagnostic("unsound", "warning", advisory={**informational, "id": "RUSTSEC-2026-0003"}),
        diagnostic("yanked", "warning"),
    ]
    hole, error, warning, yanked = parse_deny_report([*given, summary()], LOCK).findings
    assert (hole.severity, hole.by_policy, hole.fixed_versions) == (
        Severity.HIGH,
        False,
        (">=1.2.0", ">=1.1.7, <1.2.0"),
    )
    assert (error.state, error.by_policy) == (FindingState.GATING, True)
    assert (warning.state, yanked.state, yanked.id) == (FindingState.WARNING, FindingState.WARNING, "yanked")


def test_what_it_could_not_look_up_or_was_made_to_ignore_is_counted_and_said() -> None:
    given = [
        diagnostic("index-failure", "warning"),
        diagnostic("advisory-ignored", "note"),
        line("diagnostic", code="license-not-encountered", severity="warning", message="unused", labels=[], graphs=[]),
        line("log", level="WARN", message="slow"),
        diagnostic("accepted", "help"),
    ]
    report = parse_deny_report([*given, summary()], LOCK)
    assert (report.findings, report.failures, report.not_looked_up) == ((), (), 1)
    assert [note.partition(":")[0] for note in report.remarks] == [
        "ignored, as the policy says",
        "license-not-encountered",
    ]


def test_a_deep_graph_of_dependents_is_read() -> None:
    graph: dict[str, Any] = {"Krate": {"name": "copyleft", "version": "1.0.0"}}
    parent = graph
    for _ in range(60):
        parent["parents"] = [{"Krate": {"name": "p", "version": "1.0.0"}}]
        parent = parent["parents"][0]
    assert len(parse_deny_report([diagnostic("rejected", graphs=[graph])], LOCK).findings) == 1


def deny(folder: Path, *lines: bytes, returncode: int = 0) -> Any:
    (folder / "deny.toml").write_text("[licenses]\n")
    run = FakeRun()
    run.script("cargo-deny", stderr=b"\n".join(lines), returncode=returncode)
    run.script("cargo-deny", "--version", stdout=b"cargo-deny 0.20.2\n")
    database = RustSecDatabase(folder, AdvisorySource("RustSec", 3, TODAY, "its commit"))
    return CargoDeny(CRATES, CargoLock(folder / "Cargo.lock", "Cargo.lock"), database, run, {}).scan()


@pytest.mark.parametrize(
    ("lines", "returncode", "error", "words"),
    [
        ([], 0, CommandFailed, "exited with 0"),
        (
            [line("log", level="ERROR", message="failed to load advisory database")],
            1,
            CommandFailed,
            "advisory database",
        ),
        ([b"thread main panicked"], 101, NannaError, "101"),
        ([line("summary", bans={"errors": 0})], 0, CommandFailed, "exited with 0"),
        ([summary()], 1, MalformedData, "counts none as errors, names none, exits with 1"),
        ([summary(licenses=1)], 4, MalformedData, "counts 1 of licenses as errors, names none"),
        ([diagnostic("rejected"), summary()], 0, MalformedData, "names some"),
        ([diagnostic("rejected"), summary(licenses=1)], 0, MalformedData, "exits with 0"),
    ],
)
def test_an_answer_that_contradicts_itself_or_ends_early_is_none(
    tmp_path: Path, lines: list[bytes], returncode: int, error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        deny(tmp_path, *lines, returncode=returncode)


def test_an_answer_of_cargo_deny_is_taken_with_its_version(tmp_path: Path) -> None:
    answer = deny(tmp_path, summary())
    assert (answer.version, answer.findings) == ("cargo-deny 0.20.2", ())
