"""A program in the place of Trivy, for its failures: `write_trivy` makes one that behaves as it is told."""

from __future__ import annotations

import json
import sys
from pathlib import Path

PROGRAM = """\
#!{python} -IB
import json, os, sys
behaviour = {behaviour!r}
words = sys.argv[1:]
with open({log!r}, "a") as log:
    print(json.dumps([words, sorted(name for name in os.environ if name.startswith("TRIVY_"))]), file=log)
if words == ["--version"]:
    print("Version: 0.69.0")
elif words[:1] == ["version"]:
    database = {{"Version": 2, "UpdatedAt": {updated!r}, "NextUpdate": {updated!r}}}
    found = {{}} if behaviour == "no database" else {{"VulnerabilityDB": database}}
    print(json.dumps({{"Version": "0.69.0", **found}}))
elif behaviour == "crash":
    print("panic: runtime error: invalid memory address", file=sys.stderr)
    os.abort()
elif behaviour == "refuses":
    print("FATAL\\tFatal error\\tinit error: DB error: failed to download vulnerability DB", file=sys.stderr)
    sys.exit(1)
elif behaviour != "no report":
    with open(words[words.index("--output") + 1], "w") as report:
        report.write({report!r})
"""


class StandInTrivy:
    """The program, and what it was called with."""

    def __init__(self, folder: Path, report: str, behaviour: str = "answers", updated: str = "2026-11-27T01:00:00Z"):
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / "trivy"
        self.log = folder / "calls"
        text = PROGRAM.format(
            python=sys.executable, behaviour=behaviour, log=str(self.log), updated=updated, report=report
        )
        self.path.write_text(text, encoding="utf-8")
        self.path.chmod(0o755)

    @property
    def calls(self) -> list[tuple[list[str], list[str]]]:
        """The words of each call, and which of Trivy's variables it had."""
        return [tuple(json.loads(line)) for line in self.log.read_text().splitlines()]
