"""`nanna-ci scan` as its user sees it; cargo-audit and cargo-deny are scripted, Trivy has a stand-in."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from nanna_ci.cli import main
from nanna_ci.foundation import process
from nanna_ci.foundation.errors import ToolMissing
from nanna_ci.foundation.process import Completed
from support.fake_ports import FakePorts
from support.fake_scans import DIGEST, affected, bill_json, osv_json, package, patched, program, write_osv
from support.json_schemas import check
from support.stand_in_trivy import StandInTrivy

DATA = Path(__file__).parents[1] / "data"
SARIF = json.loads((DATA / "sarif/sarif-2.1.0.json").read_text())
LOCK = 'version = 4\n\n[[package]]\nname = "leaky"\nversion = "1.0.0"\n'
NOTHING = {
    "database": {"advisory-count": 3},
    "lockfile": {"dependency-count": 1},
    "settings": {"ignore": []},
    "vulnerabilities": {"list": []},
    "warnings": {},
}
HOLE: dict[str, Any] = {
    "advisory": {"id": "RUSTSEC-2026-9001", "title": "Secrets leak", "cvss": None, "aliases": [], "url": None},
    "package": {"name": "leaky", "version": "1.0.0"},
    "versions": {"patched": [">=1.2.0"]},
}
CHECKS = ("advisories", "bans", "licenses", "sources")
CLEAN = json.dumps({"type": "summary", "fields": {name: {"errors": 0} for name in CHECKS}}).encode()
BASELINE = '[[accepted]]\nid = "RUSTSEC-2026-9001"\nreason = "not reached"\nowner = "ops"\nexpires = {}\n'
IMAGE = f"registry.example/app@{DIGEST}"


class Machine:
    """A workspace with a Cargo.lock, a policy and a database, on 14 November 2023, when the database is of 2026."""

    def __init__(self, fake: FakePorts) -> None:
        self.fake = fake
        self.cwd = fake.cwd
        (self.cwd / "Cargo.lock").write_text(LOCK)
        (self.cwd / "deny.toml").write_text("[licenses]\n")
        self.audits()
        fake.run.script("cargo-audit", "audit", "--version", stdout=b"cargo-audit-audit 0.22.2\n")
        fake.run.script("cargo-deny", stderr=CLEAN)
        fake.run.script("cargo-deny", "--version", stdout=b"cargo-deny 0.20.2\n")

    def audits(self, *holes: Any) -> None:
        report = {**NOTHING, "vulnerabilities": {"list": list(holes)}}
        self.fake.run.script(
            "cargo-audit", "audit", "--json", stdout=json.dumps(report).encode(), returncode=1 if holes else 0
        )

    def __call__(self, *words: str, database: bool = True) -> int:
        for stream in (self.fake.stdout, self.fake.stderr):
            stream.truncate(0)
            stream.seek(0)
        given = ["--advisory-db", str(DATA / "advisory-db")] if database else []
        return main(["scan", *given, *words], self.fake.ports)

    def json(self, *words: str, **what: bool) -> tuple[int, dict[str, Any]]:
        code = self(*words, "--format", "json", **what)
        return code, check(json.loads(self.fake.stdout.getvalue()))

    def sarif(self, name: str = "scan.sarif") -> dict[str, Any]:
        document: dict[str, Any] = json.loads((self.cwd / name).read_text())
        jsonschema.validators.validator_for(SARIF)(SARIF).validate(document)
        return document

    @property
    def err(self) -> str:
        return self.fake.stderr.getvalue()


@pytest.fixture
def machine(fake_ports: FakePorts) -> Machine:
    return Machine(fake_ports)


def scanners(answer: dict[str, Any]) -> dict[str, str]:
    return {one["scanner"]: one["state"] for one in answer["scanners"]}


def test_a_clean_workspace_passes_both_scanners_and_has_an_empty_run(machine: Machine) -> None:
    code, answer = machine.json("--sarif", "scan.sarif")
    assert (code, answer["verdict"], answer["findings"]) == (0, "pass", [])
    assert scanners(answer) == {"cargo-audit": "answered", "cargo-deny": "answered"}
    assert answer["sarif"] == {"file": "scan.sarif", "runs": 1, "results": 0, "notes": []}
    assert machine.sarif()["runs"][0]["results"] == []


def test_a_hole_fails_and_stands_in_the_report_and_in_sarif(machine: Machine) -> None:
    machine.audits(HOLE)
    code, answer = machine.json("--sarif", "scan.sarif")
    (found,) = answer["findings"]
    assert (code, answer["verdict"], found["state"], found["severity"]) == (1, "fail", "gating", None)
    assert (found["component"], found["file"], found["line"]) == ("pkg:cargo/leaky@1.0.0", "Cargo.lock", 4)
    (result,) = machine.sarif()["runs"][0]["results"]
    assert result["ruleId"] == "RUSTSEC-2026-9001"
    assert machine() == 1
    assert "RUSTSEC-2026-9001" in machine.fake.stdout.getvalue()
    assert ">=1.2.0" in machine.fake.stdout.getvalue()


@pytest.mark.parametrize(("expires", "code"), [("2023-11-14", 0), ("2023-11-13", 1)])
def test_the_baseline_accepts_until_its_day_is_over(machine: Machine, expires: str, code: int) -> None:
    machine.audits(HOLE)
    (machine.cwd / "security-baseline.toml").write_text(BASELINE.format(expires))
    assert machine.json()[0] == code
    (machine.cwd / "security-baseline.toml").rename(machine.cwd / "other.toml")
    assert machine.json()[0] == 1
    assert machine.json("--baseline", "other.toml")[0] == code


def test_pipeline_toml_says_what_fails_and_the_flag_outvotes_it(machine: Machine) -> None:
    vector = "CVSS:3.1/AV:N/AC:H/PR:N/UI:N/S:U/C:L/I:N/A:N"
    machine.audits({**HOLE, "advisory": {**HOLE["advisory"], "cvss": vector}})
    text = '[workspace]\nname = "x"\n[security]\nfail_severity = "medium"\nbaseline = "own.toml"\n'
    (machine.cwd / "pipeline.toml").write_text(text)
    machine.fake.run.script("cargo-audit", "audit", "--json", stdout=_report(vector), returncode=1)
    code, answer = machine.json()
    assert (code, answer["failSeverity"], answer["findings"][0]["state"]) == (0, "medium", "warning")
    assert machine.json("--fail-severity", "low")[0] == 1
    (machine.cwd / "own.toml").write_text("odd = 1\n")
    assert machine() == 2
    assert "own.toml" in machine.err


def _report(vector: str) -> bytes:
    hole = {**HOLE, "advisory": {**HOLE["advisory"], "cvss": vector}}
    return json.dumps({**NOTHING, "vulnerabilities": {"list": [hole]}}).encode()


def test_without_a_database_nothing_is_green_and_an_older_sarif_file_is_gone(machine: Machine) -> None:
    (machine.cwd / "scan.sarif").write_text("of yesterday")
    code, answer = machine.json("--sarif", "scan.sarif", database=False)
    assert (code, answer["verdict"]) == (3, "unavailable")
    assert scanners(answer) == {"cargo-audit": "unavailable", "cargo-deny": "unavailable"}
    assert "advisory database: none was given" in answer["reason"]
    assert answer["sarif"]["file"] is None
    assert not (machine.cwd / "scan.sarif").exists()


def test_the_flakes_app_hands_over_its_database(machine: Machine) -> None:
    machine.fake.environ |= {
        "NANNA_CI_ADVISORY_DB": str(DATA / "advisory-db"),
        "NANNA_CI_ADVISORY_DB_MODIFIED": "1699000000",
    }
    code, answer = machine.json(database=False)
    assert (code, answer["scanners"][0]["database"]["date"]) == (0, "2023-11-03")
    machine.fake.environ["NANNA_CI_ADVISORY_DB_MODIFIED"] = "1690000000"
    code, answer = machine.json(database=False)
    assert (code, len(answer["oldDatabases"])) == (0, 1)
    code, answer = machine.json("--strict", database=False)
    assert (code, answer["verdict"]) == (1, "fail")


def test_a_scanner_that_crashes_is_named_and_exits_3_also_beside_a_clean_one(machine: Machine) -> None:
    machine.fake.run.script("cargo-deny", returncode=101, stderr=b"thread 'main' panicked\n")
    machine.fake.run.script("cargo-deny", "--version", stdout=b"cargo-deny 0.20.2\n")
    code, answer = machine.json()
    assert (code, answer["verdict"]) == (3, "error")
    assert answer["reason"].startswith("cargo-deny on Cargo.lock: cargo-deny exited with 101")
    machine.audits(HOLE)
    assert machine.json()[0] == 1


def test_a_scanner_that_is_left_out_is_said_to_be_and_all_cannot_be(machine: Machine) -> None:
    code, answer = machine.json("--without", "cargo-deny")
    assert (code, scanners(answer)["cargo-deny"]) == (0, "left out")
    assert machine("--without", "cargo-deny", "--without", "cargo-audit") == 2


def image_bill(machine: Machine, *components: dict[str, Any]) -> None:
    (machine.cwd / "image.cdx.json").write_bytes(bill_json(*components))


OPENSSL = osv_json("CVE-2026-1000", affected("pkg:nix/openssl", {"introduced": "0"}, {"fixed": "3.0.14"}))


def test_a_vulnerable_store_path_and_a_stripped_program_of_an_image_fail(machine: Machine) -> None:
    image_bill(machine, package("openssl", "3.0.13"), program("bin/harness", "absent"))
    write_osv(machine.cwd / "osv", OPENSSL)
    code, answer = machine.json("--sbom", "image.cdx.json", "--advisories", "osv", "--sarif", "scan.sarif")
    assert (code, [one["id"] for one in answer["findings"]]) == (1, ["crate-list-absent", "CVE-2026-1000"])
    (run,) = machine.sarif()["runs"]
    assert run["automationDetails"]["id"] == "image/harness-image/"
    assert run["properties"]["imageDigest"] == DIGEST


def test_a_clean_image_passes_and_a_patched_one_says_why(machine: Machine) -> None:
    write_osv(machine.cwd / "osv", OPENSSL)
    words = ("--sbom", "image.cdx.json", "--advisories", "osv")
    image_bill(machine, package("openssl", "3.0.14"), program("bin/harness", "present"))
    assert machine.json(*words)[1]["findings"] == []
    image_bill(machine, package("openssl", "3.0.13", **patched("CVE-2026-1000")))
    code, answer = machine.json(*words)
    assert (code, answer["findings"][0]["state"]) == (0, "suppressed")


def test_a_bill_without_advisories_is_unavailable_unless_that_is_left_out(machine: Machine) -> None:
    image_bill(machine, package("openssl", "3.0.13"))
    code, answer = machine.json("--sbom", "image.cdx.json")
    assert (code, scanners(answer)["store-paths"]) == (3, "unavailable")
    assert "no advisories were given" in answer["reason"]
    assert machine.json("--sbom", "image.cdx.json", "--without", "store-paths")[0] == 0


def test_an_image_and_its_bill_are_one_target(machine: Machine) -> None:
    image_bill(machine, package("openssl", "3.0.14"))
    write_osv(machine.cwd / "osv", OPENSSL)
    report = (DATA / "trivy/schema-2-of-0.69.json").read_text()
    trivy = StandInTrivy(machine.cwd / "bin", report)
    machine.fake.environ |= {"NANNA_CI_TRIVY": str(trivy.path), "PATH": "/usr/bin:/bin"}
    words = ["--sbom", "image.cdx.json", "--advisories", "osv", "--image", IMAGE, "--sarif", "scan.sarif"]

    def run(argv: Any, **options: Any) -> Completed:
        return process.run(argv, **options)

    machine.fake.run.__class__ = type("Real", (), {"__call__": lambda _self, argv, **options: run(argv, **options)})
    code, answer = machine.json(*words)
    assert (code, answer["findings"][0]["id"]) == (1, "CVE-2019-1563")
    assert {one["target"] for one in answer["scanners"]} == {"image/harness-image"}
    assert len(machine.sarif()["runs"]) == 1


def test_no_trivy_is_unavailable_and_never_green(machine: Machine) -> None:
    machine.fake.run.script("trivy", error=ToolMissing("trivy", "not found"))
    machine.fake.environ["NANNA_CI_UNAVAILABLE"] = '{"trivy": "no package that can be verified"}'
    code, answer = machine.json("--image", IMAGE)
    assert (code, answer["verdict"]) == (3, "unavailable")
    assert "no package that can be verified" in answer["reason"]


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["--image", "alpine:3.20"], 2, "is no digest"),
        (["--sbom", "absent.json"], 2, "cannot be read"),
        (["--sbom", "Cargo.lock"], 4, "Cargo.lock: line 1"),
        (["--lock", "absent.lock"], 2, "no such file"),
        (["--workspace", "absent"], 2, "no such folder"),
        (["--baseline", "absent.toml"], 2, "no such file"),
        (["--sarif", "absent/scan.sarif"], 2, "no folder"),
        (["--sarif", "."], 2, "is a folder"),
        (["--fail-severity", "bad"], 2, "invalid choice"),
    ],
)
def test_bad_input_is_one_clear_line(machine: Machine, words: list[str], code: int, message: str) -> None:
    assert machine(*words) == code
    assert message in machine.err


def test_a_folder_without_a_workspace_is_a_usage_error(machine: Machine) -> None:
    (machine.cwd / "Cargo.lock").unlink()
    assert machine() == 2
    assert "there is no Cargo.lock" in machine.err


def test_a_missing_folder_of_advisories_is_named_and_not_green(machine: Machine) -> None:
    image_bill(machine, package("openssl", "3.0.13"))
    code, answer = machine.json("--sbom", "image.cdx.json", "--advisories", "absent")
    assert (code, scanners(answer)["store-paths"]) == (3, "failed")


def test_a_secret_in_what_is_scanned_is_in_no_report(machine: Machine) -> None:
    machine.fake.environ["CARGO_REGISTRY_TOKEN"] = "ghs_" + "x" * 516
    machine.audits({**HOLE, "advisory": {**HOLE["advisory"], "title": f"leaks {'ghs_' + 'x' * 516}"}})
    machine("--sarif", "scan.sarif")
    assert "xxxx" not in machine.fake.stdout.getvalue() + (machine.cwd / "scan.sarif").read_text()


def test_a_dry_run_writes_no_file(machine: Machine) -> None:
    code, answer = machine.json("--sarif", "scan.sarif", "--dry-run")
    assert (code, answer["sarif"]["file"], (machine.cwd / "scan.sarif").exists()) == (0, None, False)
