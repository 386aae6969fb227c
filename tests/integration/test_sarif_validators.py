"""The public SARIF multitool, in GitHub's mode, finds no fault with what `scan` writes.

It is the program of the npm package @microsoft/sarif-multitool-linux; with its folder on PATH these tests run.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from nanna_ci.pipeline.vocabulary import Severity
from nanna_ci.supply_chain.scanning.sarif import render_sarif
from nanna_ci.supply_chain.scanning.scan_verdict import judge_scan
from nanna_ci.supply_chain.scanning.security_finding import FindingState, ScannerName, SourceLine
from support.fake_scans import IMAGE, RULE, answer, finding

MULTITOOL = shutil.which("Sarif.Multitool")
pytestmark = pytest.mark.skipif(MULTITOOL is None, reason="no Sarif.Multitool on PATH (npm: sarif-multitool-linux)")


def validate(data: bytes, folder: Path) -> list[tuple[str, str]]:
    """The rules that a document breaks, with their levels; notes are advice."""
    (folder / "scan.sarif").write_bytes(data)
    words = [
        "validate",
        "scan.sarif",
        "--rule-kind",
        "Sarif;Ghas",
        "--output",
        "answer.sarif",
        "--log",
        "ForceOverwrite",
    ]
    done = subprocess.run(
        [str(MULTITOOL), *words],
        cwd=folder,
        env={**os.environ, "DOTNET_SYSTEM_GLOBALIZATION_INVARIANT": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert "Analysis completed" in done.stdout, done.stdout + done.stderr
    answers: dict[str, Any] = json.loads((folder / "answer.sarif").read_text(encoding="utf-8-sig"))
    results = [one for run in answers["runs"] for one in run.get("results", [])]
    return [(one["ruleId"], one.get("level", "warning")) for one in results if one.get("level") != "note"]


def document() -> bytes:
    crates = [
        finding(line=SourceLine("Cargo.lock", 7), url="https://rustsec.org/advisories/RUSTSEC-2026-0001.html"),
        finding("RUSTSEC-2026-0002", state=FindingState.WARNING, severity=None, by_policy=True),
        finding("cargo-deny:rejected", component_ref="../../etc/passwd", severity=None, by_policy=True),
    ]
    image = [
        finding("CVE-2026-1", places=("/nix/store/x-openssl-3.0.13",), severity=Severity.CRITICAL),
        finding("CVE-2026-2", state=FindingState.POSSIBLE, places=("file:///etc/passwd",), severity=None),
    ]
    given = [answer(*crates), answer(*image, target=IMAGE, scanner=ScannerName.STORE_PATHS)]
    report = render_sarif(judge_scan(given, RULE).targets)
    assert report.data is not None
    return report.data


def test_the_multitool_finds_no_fault_in_githubs_mode(tmp_path: Path) -> None:
    assert validate(document(), tmp_path) == []


def test_the_multitool_would_find_a_fault(tmp_path: Path) -> None:
    broken = document().replace(b'"ruleIndex": 0', b'"ruleIndex": 77')
    assert ("SARIF1009", "error") in validate(broken, tmp_path)
