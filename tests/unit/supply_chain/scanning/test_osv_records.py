from __future__ import annotations

import datetime
import json
from pathlib import Path
from typing import Any

import pytest

from nanna_ci.foundation.errors import MalformedData, UsageError
from nanna_ci.pipeline.vocabulary import Severity
from nanna_ci.supply_chain.scanning.osv_records import load_advisories, parse_advisory
from support.fake_scans import HIGH, affected, osv, osv_json, write_osv


def test_a_record_is_read_with_its_day_fixed_versions_and_severity() -> None:
    found = osv(
        "CVE-2026-1000",
        affected("pkg:nix/openssl", {"introduced": "0"}, {"fixed": "3.0.14"}),
        aliases=["GHSA-aaaa-bbbb-cccc"],
        references=[{"type": "WEB", "url": "javascript:alert(1)"}, {"type": "WEB", "url": "https://example.invalid/a"}],
    )
    assert (found.modified, found.aliases, found.url) == (
        datetime.date(2026, 11, 20),
        ("GHSA-aaaa-bbbb-cccc",),
        "https://example.invalid/a",
    )
    assert (found.affected[0].fixed_versions, found.affected[0].severity) == (("3.0.14",), Severity.HIGH)


@pytest.mark.parametrize(
    ("more", "severity"),
    [
        ({"severity": [{"type": "CVSS_V3", "score": HIGH}]}, Severity.HIGH),
        ({"severity": [{"type": "CVSS_V4", "score": "9.3"}]}, Severity.CRITICAL),
        ({"severity": [{"type": "CVSS_V4", "score": "CVSS:4.0/AV:N"}]}, None),
        (
            {
                "severity": [{"type": "CVSS_V4", "score": "CVSS:4.0/AV:N"}],
                "database_specific": {"severity": "MODERATE"},
            },
            Severity.MEDIUM,
        ),
        ({"severity": []}, None),
    ],
)
def test_the_severity_is_what_a_score_says_else_the_databases_word(more: Any, severity: Severity | None) -> None:
    data = json.dumps({**osv_json("A-1", affected("pkg:nix/a", {"introduced": "0"})), **more}).encode()
    found = parse_advisory(data, "record")
    assert found is not None
    assert found.affected[0].severity is severity


def test_a_withdrawn_record_is_none() -> None:
    assert parse_advisory(json.dumps(osv_json("A-1", withdrawn="2026-01-01T00:00:00Z")).encode(), "record") is None


@pytest.mark.parametrize(
    "record",
    [
        [],
        {},
        {"id": 3},
        osv_json("A-1", affected("not a purl", {"introduced": "0"})),
        osv_json("A-1", affected("pkg:nix/a", {"introduced": "0"}, kind="ODD")),
        osv_json("A-1", affected("pkg:nix/a", {"odd": "0"})),
        osv_json("A-1", affected("pkg:nix/a", {"introduced": "0", "fixed": "1"})),
    ],
)
def test_what_is_no_record_is_refused_and_never_skipped(record: Any) -> None:
    with pytest.raises(MalformedData):
        parse_advisory(json.dumps(record).encode(), "record")


def test_a_folder_without_records_is_no_database(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such folder"):
        load_advisories(tmp_path / "absent")
    with pytest.raises(MalformedData, match="no advisory"):
        load_advisories(tmp_path)
    write_osv(tmp_path / "withdrawn", osv_json("A-1", withdrawn="2026-01-01T00:00:00Z"))
    with pytest.raises(MalformedData, match="not withdrawn"):
        load_advisories(tmp_path / "withdrawn")
    write_osv(tmp_path / "withdrawn", osv_json("A-2"))
    assert [one.id for one in load_advisories(tmp_path)] == ["A-2"]
    (tmp_path / "broken.json").write_text("{")
    with pytest.raises(MalformedData, match=r"broken\.json"):
        load_advisories(tmp_path)
