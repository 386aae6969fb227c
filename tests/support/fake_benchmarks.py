"""Programs of benchmarks, faked: scripts that answer Criterion's command line, and do what a test says."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

# CRITERION_HOME in it is what makes it a program of Criterion's
_SCRIPT = """#!{python} -IS
import json, os, sys, time
benchmarks = json.loads({benchmarks!r})
words = sys.argv[1:]
if "--list" in words:
    if {lists!r} == "crash":
        sys.exit("no list today")
    print("".join(f"{{name}}: benchmark\\n" for name in benchmarks))
    sys.exit()
with open({calls!r}, "a") as calls:
    print({side!r}, words[-1], file=calls)
name = next((name for name in benchmarks if words[-1].replace("\\\\", "") == f"^{{name}}$"), None)
does = benchmarks.get(name, {{}})
if does.get("does") == "crash":
    sys.exit("thread main panicked: as the test wants it")
if does.get("does") == "hang":
    print("about to hang", file=sys.stderr, flush=True)
    time.sleep(600)
folder = os.path.join(os.environ["CRITERION_HOME"], "x", "new")
if name is not None and does.get("does") != "nothing":
    os.makedirs(folder)
    bounds = {{"confidence_level": 0.95, "lower_bound": 1.0, "upper_bound": 2.0}}
    estimate = {{"confidence_interval": bounds, "point_estimate": does["ns"], "standard_error": 0.1}}
    json.dump({{"mean": estimate, "slope": None}}, open(os.path.join(folder, "estimates.json"), "w"))
    json.dump({{"full_id": name}}, open(os.path.join(folder, "benchmark.json"), "w"))
"""


def fake_programs(
    folder: Path, benchmarks: Mapping[str, Mapping[str, Any]], *, name: str = "it--bench", lists: str = "well"
) -> Path:
    """A folder with one program. A benchmark has `ns`, what each run of it measures, or `does`: crash, hang, nothing.

    Which were run, and in what order, is in `calls.txt` beside the folder: its name and the filter, a line a run.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    values = {
        "python": sys.executable,
        "benchmarks": json.dumps(benchmarks),
        "lists": lists,
        "calls": str(folder.parent / "calls.txt"),
        "side": folder.name,
    }
    path.write_text(_SCRIPT.format(**values))
    path.chmod(0o755)
    return folder


def fake_bencher_program(folder: Path, text: str, name: str = "it--text") -> Path:
    """A folder with a program of an unknown harness, which says `text` whatever it is asked."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(f"#!{sys.executable} -IS\nprint({text!r})\n")
    path.chmod(0o755)
    return folder
