"""Bills, advisories and findings, made up for scans."""

from __future__ import annotations

import datetime
import json
from pathlib import Path
from typing import Any

from nanna_ci.pipeline.vocabulary import Severity
from nanna_ci.supply_chain.scanning.osv_records import OsvAdvisory, parse_advisory
from nanna_ci.supply_chain.scanning.scan_verdict import ScanRule
from nanna_ci.supply_chain.scanning.scanned_bill import ScannedBill, parse_bill
from nanna_ci.supply_chain.scanning.security_finding import (
    AnswerState,
    FindingState,
    ScanAnswer,
    ScannerName,
    ScanTarget,
    SecurityFinding,
    TargetKind,
)

TODAY = datetime.date(2026, 11, 28)
DIGEST = "sha256:" + "ab" * 32
CRATES = ScanTarget(TargetKind.CRATES, "Cargo.lock", "Cargo.lock")
IMAGE = ScanTarget(TargetKind.IMAGE, "harness-image", "harness-image.cdx.json", DIGEST)
RULE = ScanRule(Severity.LOW, 14, TODAY, strict=False)
HIGH = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H"
SEMVER_ZERO = {"introduced": "0.0.0-0"}


def store_path(name: str, letter: str = "a") -> str:
    return f"/nix/store/{letter * 32}-{name}"


def package(name: str, version: str | None, *, letter: str = "a", **more: Any) -> dict[str, Any]:
    """A store path as a component."""
    stated = {} if version is None else {"version": version}
    at = "" if version is None else f"@{version}"
    ref = store_path(f"{name}-{version}", letter)
    purl = f"pkg:nix/{name}{at}?output=out"
    return {"type": "library", "bom-ref": ref, "name": name, **stated, "purl": purl, **more}


def patched(*ids: str, url: str = "/nix/store/p-CVE.patch") -> dict[str, Any]:
    """The pedigree of a component with a patch for these."""
    resolves = [{"type": "security", "id": one} for one in ids]
    return {"pedigree": {"patches": [{"type": "unofficial", "diff": {"url": url}, "resolves": resolves}]}}


def program(path: str, listed: str | None) -> dict[str, Any]:
    """A Rust program in an image."""
    properties = [{"name": "nanna-ci:file:path", "value": path}]
    properties += [{"name": "nanna-ci:file:crateList", "value": listed}] if listed else []
    return {"type": "application", "bom-ref": f"{path}#1", "name": path.rpartition("/")[2], "properties": properties}


def bill_json(*components: dict[str, Any], image: bool = True, **more: Any) -> bytes:
    """A CycloneDX document of an image, or of a closure."""
    subject = {"type": "container" if image else "application", "bom-ref": "image", "name": "harness-image"}
    subject |= {"version": DIGEST} if image else {}
    document = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.7",
        "metadata": {"component": subject},
        "components": list(components),
        "dependencies": [{"ref": "image", "dependsOn": [one["bom-ref"] for one in components]}],
        **more,
    }
    return json.dumps(document).encode()


def bill(*components: dict[str, Any], **more: Any) -> ScannedBill:
    return parse_bill(bill_json(*components, **more), "bill.cdx.json")


def osv_json(
    identifier: str = "CVE-2026-1000", *affected: dict[str, Any], severity: str | None = HIGH, **more: Any
) -> dict[str, Any]:
    """A record in the OSV format."""
    rated = [{"type": "CVSS_V3", "score": severity}] if severity else []
    head = {"schema_version": "1.7.0", "id": identifier, "modified": "2026-11-20T00:00:00Z", "summary": "It breaks"}
    return {**head, "affected": list(affected), "severity": rated, **more}


def affected(purl: str | None, *events: dict[str, str], kind: str = "ECOSYSTEM", **more: Any) -> dict[str, Any]:
    """An entry of `affected`: a package by its purl, and a range."""
    about = {} if purl is None else {"package": {"purl": purl, "name": purl.rpartition("/")[2], "ecosystem": ""}}
    ranges = {"ranges": [{"type": kind, "events": list(events)}]} if events else {}
    return {**about, **ranges, **more}


def osv(identifier: str, *entries: dict[str, Any], **more: Any) -> OsvAdvisory:
    found = parse_advisory(json.dumps(osv_json(identifier, *entries, **more)).encode(), "record")
    assert found is not None
    return found


def write_osv(folder: Path, *records: dict[str, Any]) -> Path:
    folder.mkdir(exist_ok=True)
    for record in records:
        (folder / f"{record['id']}.json").write_text(json.dumps(record))
    return folder


def finding(identifier: str = "RUSTSEC-2026-0001", **what: Any) -> SecurityFinding:
    """A finding of cargo-audit that gates, but for what is said."""
    values: dict[str, Any] = {
        "aliases": (),
        "severity": Severity.HIGH,
        "component_ref": "pkg:cargo/leaky@1.0.0",
        "version": "1.0.0",
        "fixed_versions": (">=1.2.0",),
        "title": "Secrets leak",
        "url": None,
        "scanner": ScannerName.CARGO_AUDIT,
        "state": FindingState.GATING,
    }
    return SecurityFinding(identifier, **(values | what))


def answer(*findings: SecurityFinding, target: ScanTarget = CRATES, **what: Any) -> ScanAnswer:
    values: dict[str, Any] = {"scanner": ScannerName.CARGO_AUDIT, "state": AnswerState.ANSWERED}
    return ScanAnswer(target=target, findings=findings, **(values | what))
