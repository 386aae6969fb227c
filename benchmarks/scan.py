"""`scan` of an image of 200 store paths after its bill of materials: at most 2 s.

    python3 benchmarks/scan.py [ROUNDS]

The bill has 200 store paths and 300 crates; the advisories are 10,000 made-up OSV records, of which each 200th is about
a store path of the bill. With `cargo-audit` on PATH the crates are asked about too, over a database of 1,200 made-up
advisories. All files are read anew in each run.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import statistics
import sys
import tempfile
from pathlib import Path

from side_by_side import REPO, judge, seconds, timed

STORE_PATHS = 200
CRATES = 300
RECORDS = 10_000
RUSTSEC = 1_200
LIMIT_S = 2.0
DIGEST = "sha256:" + "ab" * 32
ADVISORY = """\
```toml
[advisory]
id = "RUSTSEC-2026-{number:04}"
package = "crate-{number}"
date = "2026-11-20"

[versions]
patched = [">= 2.0.0"]
```

# It breaks

Made up.
"""


def write_bill(path: Path, source: str) -> None:
    """The bill of an image."""
    components = [
        {
            "type": "library",
            "bom-ref": f"/nix/store/{number:032}-package-{number}-1.2.{number}",
            "name": f"package-{number}",
            "version": f"1.2.{number}",
            "purl": f"pkg:nix/package-{number}@1.2.{number}?output=out",
        }
        for number in range(STORE_PATHS)
    ]
    components += [
        {
            "type": "library",
            "bom-ref": f"pkg:cargo/crate-{number}@1.0.0",
            "name": f"crate-{number}",
            "version": "1.0.0",
            "purl": f"pkg:cargo/crate-{number}@1.0.0",
            "properties": [{"name": "nanna-ci:crate:source", "value": source}],
        }
        for number in range(CRATES)
    ]
    subject = {"type": "container", "bom-ref": "image", "name": "image", "version": DIGEST}
    edges = [{"ref": "image", "dependsOn": [one["bom-ref"] for one in components]}]
    document = {"bomFormat": "CycloneDX", "specVersion": "1.7", "metadata": {"component": subject}}
    path.write_text(json.dumps({**document, "components": components, "dependencies": edges}))


def write_advisories(folder: Path) -> None:
    """OSV records, most of them about packages that the bill has not."""
    folder.mkdir()
    for number in range(RECORDS):
        name = f"package-{number // 200}" if number % 200 == 0 else f"other-{number}"
        record = {
            "id": f"CVE-2026-{number:05}",
            "modified": "2026-11-20T00:00:00Z",
            "summary": "It breaks",
            "details": "At length. " * 40,
            "affected": [
                {
                    "package": {"ecosystem": "", "name": name, "purl": f"pkg:nix/{name}"},
                    "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "9.0"}]}],
                }
            ],
        }
        (folder / f"{number}.json").write_text(json.dumps(record))


def main() -> int:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    source = re.search(r'source = "(registry\+[^"]+)"', (REPO / "tests/workspace/Cargo.lock").read_text())
    assert source is not None
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_bill(folder / "image.cdx.json", source[1])
        write_advisories(folder / "osv")
        for number in range(RUSTSEC):
            place = folder / f"db/crates/crate-{number + 250}"
            place.mkdir(parents=True)
            (place / f"RUSTSEC-2026-{number + 250:04}.md").write_text(ADVISORY.format(number=number + 250))
        words = ["scan", "--sbom", f"{folder}/image.cdx.json", "--advisories", f"{folder}/osv", "--quiet"]
        words += ["--advisory-db", f"{folder}/db", "--sarif", f"{folder}/scan.sarif", "--format", "json"]
        if shutil.which("cargo-audit") is None:
            print("no cargo-audit on PATH: without the question about crates")
            words += ["--without", "cargo-audit"]
        environment = {**os.environ, "PYTHONPATH": str(REPO / "scripts")}
        argv = [sys.executable, "-m", "nanna_ci", *words]
        runs = [timed(argv, env=environment, accept=frozenset({1})) for _ in range(rounds)]
        found = json.loads((folder / "scan.sarif").read_text())["runs"][0]["properties"]["findings"]
    print(f"scan of {STORE_PATHS} store paths against {RECORDS:,} records: {seconds(runs)}; {found} findings")
    return 0 if judge("scan of an image after its bill", statistics.median(runs), LIMIT_S, "s") else 1


if __name__ == "__main__":
    sys.exit(main())
