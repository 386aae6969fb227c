"""A rehearsal of a pull request over `ci` of the same jobs: at most 1.1 times, with everything to build.

Each run gets a copy of the workspace that differs in one line of its manifest, so that all is built again, dependencies
too. The workflows are this repository's, without the job that runs its own tests in a container. GitHub is not there:
what would be posted is not. Takes about fifteen minutes on two cores.

    python3 benchmarks/rehearsal.py [--rounds N]
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from ci_overhead import copy_of_workspace
from side_by_side import REPO, interleave, judge, seconds, timed

NIXW = str(REPO / "nixw")
TESTS = """\
[toolchain]
channels = ["stable"]

[[target]]
system = "x86_64-linux"

[[target]]
system = "aarch64-linux"

[[test]]
kind = "unit"

[[test]]
kind = "integration"

[[test]]
kind = "clippy"

[[test]]
kind = "fmt"

[[test]]
kind = "doc"

[[test]]
kind = "coverage"
"""


def workspace_without_what_is_missing(folder: Path) -> Path:
    """A workspace that no store has seen, whose jobs this machine can run: a rehearsal that fails stops early."""
    copy = copy_of_workspace(folder)
    config = copy / "pipeline.toml"
    head = config.read_text().partition("[toolchain]")[0]
    config.write_text(head + TESTS)
    return copy


def repository(folder: Path) -> Path:
    """A copy of this repository with a commit, whose workflow leaves its own tests out."""
    place = folder / "repository"
    left_out = shutil.ignore_patterns(".git", ".nanna-ci", "target", "__pycache__", ".*_cache", ".hypothesis", "result")
    shutil.copytree(REPO, place, ignore=left_out, symlinks=True)
    caller = place / ".github/workflows/ci.yml"
    caller.write_text(caller.read_text().replace(", pipeline-tests: true", ""))
    who = ("-c", "user.name=b", "-c", "user.email=b@localhost")
    for words in (("init", "-q", "-b", "main"), ("add", "-A"), (*who, "commit", "-qm", "begin")):
        subprocess.run(["git", *words], cwd=place, check=True)
    subprocess.run(["git", "checkout", "-qb", "topic"], cwd=place, check=True)
    subprocess.run(["git", *who, "commit", "-q", "--allow-empty", "-m", "propose"], cwd=place, check=True)
    return place


def main() -> int:
    """Prints the ratio; 1 where the limit is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=2)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as folder:
        place = repository(Path(folder))
        copies = [workspace_without_what_is_missing(Path(folder)) for _ in range(2 * rounds)]

        def ci(workspace: Path, *words: str) -> float:
            argv = [NIXW, "run", f"{place}#ci", "--override-input", "nanna-coder", f"path:{workspace}", "--", *words]
            # post is the one job that fails: nothing answers for GitHub
            taken = timed(["env", "-C", str(place), *argv], accept=frozenset({0, 1}))
            if "--rehearse" in words:
                newest = max((place / ".nanna-ci/rehearsals").iterdir())
                flows = json.loads((newest / "result.json").read_text())["workflows"]
                bad = [job["name"] for flow in flows for job in flow["jobs"] if job["result"] == "failure"]
                if bad != ["post / post"]:
                    sys.exit(f"the rehearsal was cut short: {', '.join(bad)} failed")
            return taken

        timed([NIXW, "run", f"{place}#ci", "--", "--help"])  # the program itself is built before the clock starts
        pair = interleave(
            lambda n: ci(copies[2 * n], "--rehearse", "pull_request"),
            lambda n: ci(copies[2 * n + 1], "--event", "pull_request"),
            rounds,
        )
    print(f"rehearsal: {seconds(pair.ours)}\nci:        {seconds(pair.peer)}")
    return 0 if judge("rehearsal over ci, all built", pair.ratio, 1.1, "times") else 1


if __name__ == "__main__":
    sys.exit(main())
