"""What cargo-audit 0.22 and cargo-deny 0.20 print as JSON, as findings. Recorded, and shortened."""

from __future__ import annotations

import json
import tomllib
from typing import Any

import pytest
from scans import denied_kinds, parse_audit, parse_deny, without_database

ADVISORY = {"id": "RUSTSEC-2026-0258", "title": "h2 unbounded\nempty DATA frames"}
FINDING = {
    "advisory": ADVISORY,
    "package": {"name": "h2", "version": "0.3.27"},
    "versions": {"patched": [">=0.4.16", ">=0.3.28, <0.4.0"], "unaffected": []},
}
YANKED = {
    "kind": "yanked",
    "package": {"name": "anes", "version": "0.1.6"},
    "advisory": None,
    "versions": None,
    "affected": None,
}


def audit_report(**changes: Any) -> str:
    report = {
        "database": {"advisory-count": 1205, "last-commit": None, "last-updated": None},
        "lockfile": {"dependency-count": 276},
        "settings": {"ignore": ["RUSTSEC-2020-0001"], "informational_warnings": ["unmaintained", "unsound", "notice"]},
        "vulnerabilities": {"found": True, "count": 1, "list": [FINDING]},
        "warnings": {"yanked": [YANKED]},
    }
    return json.dumps(report | changes)


def test_a_finding_of_cargo_audit_is_one_line_with_id_crate_title_and_versions() -> None:
    report = parse_audit(audit_report())
    assert report.vulnerabilities == (
        "RUSTSEC-2026-0258: h2 0.3.27: h2 unbounded empty DATA frames; patched: >=0.4.16 or >=0.3.28, <0.4.0",
    )
    assert report.warnings == {"yanked": ("no advisory: anes 0.1.6: yanked; patched: none",)}
    assert (report.advisories, report.crates, report.ignored) == (1205, 276, ("RUSTSEC-2020-0001",))


@pytest.mark.parametrize("text", ["", "error: no database", "[]", "null", "{}", audit_report(vulnerabilities={})])
def test_what_is_not_a_report_of_cargo_audit_is_never_taken_for_a_clean_one(text: str) -> None:
    with pytest.raises(ValueError):
        parse_audit(text)


@pytest.mark.parametrize(
    ("configuration", "denied"),
    [
        ("", set()),
        ("[output]\nquiet = true\n", set()),
        ('[output]\ndeny = ["unsound", "yanked"]\n', {"unsound"}),
        ('[output]\ndeny = ["warnings"]\n', {"unsound", "notice"}),
    ],
)
def test_the_workspace_says_which_warnings_fail(configuration: str, denied: set[str]) -> None:
    assert denied_kinds(configuration, ["unsound", "notice"]) == denied


def line(kind: str, **fields: Any) -> str:
    return json.dumps({"type": kind, "fields": fields})


def graph(name: str, version: str) -> dict[str, Any]:
    return {
        "Krate": {"name": name, "version": version},
        "parents": [{"Krate": {"name": "harness", "version": "0.1.0"}}],
    }


SUMMARY = line(
    "summary", **{check: {"errors": 0, "warnings": 0} for check in ("advisories", "bans", "licenses", "sources")}
)
HOLE = line(
    "diagnostic",
    code="vulnerability",
    severity="error",
    message="A hole",
    advisory={"id": "RUSTSEC-2026-9001", "title": "A hole"},
    graphs=[graph("ascii", "1.1.0")],
    labels=[{"message": "security vulnerability detected", "span": "ascii 1.1.0 registry"}],
    notes=["ID: RUSTSEC-2026-9001", "Words\nand words.", "Solution: Upgrade to >=99.0.0 (try `cargo update -p ascii`)"],
)
LICENCE = line(
    "diagnostic",
    code="rejected",
    severity="error",
    message="failed to satisfy license requirements",
    graphs=[graph("bytes", "1.12.2")],
    labels=[
        {"message": "", "span": "MIT"},
        {"message": "rejected: license is not explicitly allowed", "span": "MIT"},
    ],
)
DUPLICATE = line(
    "diagnostic",
    code="duplicate",
    severity="warning",
    message="found 5 duplicate entries for crate 'a'",
    graphs=[graph("a", f"{number}.0.0") for number in range(5)],
    labels=[{"message": "lock entries", "span": "a 0.0.0 registry\na 1.0.0 registry"}],
)
UNKNOWN_KEY = line("diagnostic", code="unexpected-keys", severity="error", message="found 1 unexpected keys", labels=[])
NO_INDEX = line("diagnostic", code="index-failure", severity="warning", message="unable to check", graphs=[])


def test_a_finding_of_cargo_deny_is_one_line_that_names_the_crate_and_what_is_wrong() -> None:
    report = parse_deny("\n".join([HOLE, LICENCE, DUPLICATE, SUMMARY]))
    assert report.findings == {
        "error": (
            "RUSTSEC-2026-9001: ascii 1.1.0: A hole; Solution: Upgrade to >=99.0.0 (try `cargo update -p ascii`)",
            "rejected: bytes 1.12.2: failed to satisfy license requirements: rejected: license is not explicitly "
            "allowed (MIT)",
        ),
        "warning": ("duplicate: a 0.0.0, a 1.0.0, a 2.0.0, 2 more: found 5 duplicate entries for crate 'a'",),
    }


def test_crates_not_found_in_the_index_are_counted_and_are_not_findings() -> None:
    report = parse_deny("\n".join([NO_INDEX, NO_INDEX, SUMMARY]))
    assert (report.not_looked_up, report.findings) == (2, {})
    assert report.errors == dict.fromkeys(["advisories", "bans", "licenses", "sources"], 0)


@pytest.mark.parametrize(
    "text",
    [
        "",
        NO_INDEX,
        line("summary", advisories={"errors": 0}),
        line("summary", advisories={}, bans={}, licenses={}, sources={}),
        "thread 'main' panicked",
    ],
)
def test_without_a_whole_summary_there_is_no_count_of_errors(text: str) -> None:
    assert parse_deny(text).errors is None


def test_why_cargo_deny_came_to_no_end_is_kept() -> None:
    log = line("log", level="ERROR", message="failed to load\nadvisory database", timestamp="2026")
    report = parse_deny("\n".join([UNKNOWN_KEY, log, line("log", level="WARN", message="odd"), "not JSON"]))
    assert report.failures == ("failed to load advisory database", "not JSON")
    assert report.findings == {"error": ("unexpected-keys: found 1 unexpected keys",)}


POLICY = r"""
[advisories]
db-path = "/nowhere"
db-urls = ["https://example.invalid/db"]
ignore = [{ id = "RUSTSEC-2026-0001", reason = "\"quoted\" \\ \u0007 \u007F ä 😀" }, "a@1"]
unused = [1, 2.5, true, false, 2026-11-28, 2026-11-28T10:00:00Z]

[[licenses.clarify]]
crate = "ring"
license-files = [{ path = "LICENSE", hash = 0xbd0eed23 }]

["odd key"]
"." = { }
"""


def test_a_policy_without_its_databases_says_all_else_that_it_said() -> None:
    text = without_database(POLICY)
    assert text is not None
    policy = tomllib.loads(POLICY)
    del policy["advisories"]["db-path"], policy["advisories"]["db-urls"]
    assert tomllib.loads(text) == policy


@pytest.mark.parametrize("policy", ["", "advisories = 1\n", '[advisories]\nyanked = "deny"\n'])
def test_a_policy_that_names_no_database_stays_as_it_is(policy: str) -> None:
    assert without_database(policy) is None
