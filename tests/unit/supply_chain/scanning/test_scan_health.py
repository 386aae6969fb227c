"""What doctor says of advisories, scanners and decisions."""

from __future__ import annotations

import datetime
import json
from pathlib import Path

import pytest

from nanna_ci.foundation.finding import Health
from nanna_ci.foundation.process import Completed
from nanna_ci.supply_chain.scanning.baseline_file import AcceptedFinding
from nanna_ci.supply_chain.scanning.rustsec_database import DATABASE_VARIABLE, MODIFIED_VARIABLE
from nanna_ci.supply_chain.scanning.scan_health import check_age, check_baseline, check_scans
from nanna_ci.supply_chain.scanning.security_finding import AdvisorySource
from support.fake_ports import FakePorts

TODAY = datetime.date(2026, 11, 28)


def source(age_days: int | None) -> AdvisorySource:
    date = None if age_days is None else TODAY - datetime.timedelta(days=age_days)
    return AdvisorySource("RustSec", 1205, date, "its commit")


@pytest.mark.parametrize(
    ("age_days", "health"), [(0, Health.GOOD), (14, Health.GOOD), (15, Health.WARN), (None, Health.WARN)]
)
def test_advisories_are_old_from_the_day_after_the_limit(age_days, health):
    finding = check_age(source(age_days), 14, TODAY)
    assert finding.health is health
    assert (finding.fix is None) == (health is Health.GOOD)


def accepted(expires: datetime.date) -> AcceptedFinding:
    return AcceptedFinding("RUSTSEC-2026-0258", None, "not reachable", "anna", expires, None, None)


@pytest.mark.parametrize(("days", "health"), [(-1, Health.BAD), (0, Health.WARN), (14, Health.WARN), (15, Health.GOOD)])
def test_a_decision_is_bad_once_it_has_ended_and_a_warning_two_weeks_before(days, health):
    (finding,) = check_baseline([accepted(TODAY + datetime.timedelta(days=days))], TODAY)
    assert (finding.subject, finding.health) == ("RUSTSEC-2026-0258", health)


def test_without_decisions_there_is_one_good_finding():
    assert [finding.says for finding in check_baseline([], TODAY)] == ["none"]


def test_scanners_that_are_not_there_and_no_database_are_unavailable_with_a_reason(fake_ports: FakePorts):
    fake_ports.without_scanners()
    environ = {"NANNA_CI_UNAVAILABLE": json.dumps({"cargo-audit": "the root has no wheels of scanners"})}
    found = list(check_scans([], max_age_days=14, today=TODAY, run=fake_ports.run, environ=environ))
    by_subject = {finding.subject or finding.check: finding for finding in found}
    assert by_subject["advisory database"].health is Health.UNAVAILABLE
    assert by_subject["cargo-audit"].health is Health.UNAVAILABLE
    assert "the root has no wheels of scanners" in by_subject["cargo-audit"].says
    assert by_subject["trivy"].health is Health.UNAVAILABLE


def test_the_database_that_the_app_hands_on_is_judged_by_its_commit(tmp_path: Path):
    advisory = tmp_path / "crates" / "a" / "RUSTSEC-2026-0001.md"
    advisory.parent.mkdir(parents=True)
    advisory.write_text('date = "2020-01-01"\n')
    modified_s = int(datetime.datetime(2026, 11, 27, tzinfo=datetime.UTC).timestamp())
    environ = {DATABASE_VARIABLE: str(tmp_path), MODIFIED_VARIABLE: str(modified_s)}

    def run(argv, **_options):
        return Completed(tuple(argv), 0, b"tool 1.0\n", "", 0.0)

    found = list(check_scans([], max_age_days=14, today=TODAY, run=run, environ=environ))
    assert (found[0].health, found[0].says) == (Health.GOOD, "1 advisories, 1 days old (2026-11-27, its commit)")
    assert {finding.says for finding in found[1:4]} == {"tool 1.0"}
