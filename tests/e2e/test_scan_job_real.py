"""A scan of an image as a job, with the real image, bill of materials and cargo-audit; the advisories are made up.

Runs in the Debian root (`./nixw run .#test`).
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

REPO = Path(__file__).resolve().parents[2]
JOB = "scan-harness-x86_64-linux"
ADVISORY = """\
```toml
[advisory]
id = "RUSTSEC-{year}-9{number:03}"
package = "{package}"
date = "{year}-01-01"
cvss = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"

[versions]
patched = [">= 999.0.0"]
```

# Made up for a test
"""


def advisories(folder: Path, *packages: str) -> Path:
    """A database with an advisory for each package, the newest of today's year."""
    for number, package in enumerate(packages):
        file = folder / "crates" / package / f"RUSTSEC-2026-9{number:03}.md"
        file.parent.mkdir(parents=True)
        file.write_text(ADVISORY.format(package=package, number=number, year=2026))
    return folder


def scan(folder: Path, database: Path, job: str = JOB) -> tuple[int, dict[str, Any], str]:
    """The exit code of `run-job`, its answer, and what it said."""
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("NANNA_CI_") or name == "NANNA_CI_ROOT"
    }
    words = ["run", f"path:{REPO}#run-job", "--override-input", "advisory-db", f"path:{database}"]
    words += ["--", job, "--format", "json", "--output", str(folder / job)]
    done = subprocess.run(
        [str(REPO / "nixw"), *words],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    return done.returncode, json.loads(done.stdout), done.stderr


def test_an_image_without_a_known_hole_passes_and_leaves_its_bill_and_findings(tmp_path: Path) -> None:
    code, answer, said = scan(tmp_path, advisories(tmp_path / "database", "not-in-the-image"))
    assert code == 0, said
    assert "no finding" in answer["job"]["reason"]
    assert "trivy: not on this machine" in answer["job"]["reason"]
    scanners = {one["scanner"]: one["state"] for one in answer["job"]["evidence"]["imageScan"]["scanners"]}
    assert scanners == {"cargo-audit": "answered", "crate-lists": "answered", "trivy": "left out"}
    bill = json.loads((tmp_path / JOB / "sbom.cdx.json").read_bytes())
    assert bill["metadata"]["component"]["type"] == "container"
    assert json.loads((tmp_path / JOB / "scan.sarif").read_bytes())["version"] == "2.1.0"
    assert [one["id"] for one in answer["needed"]] == ["image-harness-x86_64-linux"]


def test_a_hole_in_a_crate_of_the_image_fails_the_job_and_is_named(tmp_path: Path) -> None:
    code, answer, _ = scan(tmp_path, advisories(tmp_path / "database", "serde"))
    assert code == 1
    (finding,) = answer["job"]["evidence"]["imageScan"]["findings"]
    assert (finding["id"], finding["state"], finding["severity"]) == ("RUSTSEC-2026-9000", "gating", "critical")
    assert finding["component"].startswith("pkg:cargo/serde@")
    assert finding["fixedVersions"] == [">=999.0.0"]
    assert answer["job"]["failingTests"][0].startswith("RUSTSEC-2026-9000: pkg:cargo/serde@")
    assert JOB in answer["job"]["reproduce"]


def test_without_advisories_an_image_is_not_called_good(tmp_path: Path) -> None:
    empty = tmp_path / "database"
    empty.mkdir()
    code, answer, _ = scan(tmp_path, empty)
    assert (code, answer["verdict"]) == (3, "unavailable")
    assert "advisory database" in answer["job"]["reason"]


def test_an_image_that_nothing_was_compared_with_is_not_called_good(tmp_path: Path) -> None:
    database = advisories(tmp_path / "database", "not-in-the-image")
    code, answer, _ = scan(tmp_path, database, "scan-ollama-x86_64-linux")
    assert (code, answer["verdict"]) == (3, "unavailable")
    assert "trivy" in answer["job"]["reason"]
    assert "no finding" not in answer["job"]["reason"]
