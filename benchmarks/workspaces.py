"""`ci` on workspaces that know nothing of it: what works, what does not, whose fault it is, and what it costs.

    NANNA_CI_WORKSPACES=/path/one:/path/two python3 benchmarks/workspaces.py [--plain]

Each folder is copied; where it has no pipeline.toml, one of three lines is written beside the copy's Cargo.toml. Crates
are fetched before anything is timed. --plain also runs cargo's own commands for the same jobs (fmt, clippy, tests, doc,
release build) from nothing, with the same cargo, and prints the ratio of times on the clock and of CPU times.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from side_by_side import REPO, cpu_s

NIXW = str(REPO / "nixw")
VARIABLE = "NANNA_CI_WORKSPACES"
PLAIN = """
set -u
export CARGO_HOME=$1/cargo CARGO_TARGET_DIR=$1/target CARGO_INCREMENTAL=0 CARGO_PROFILE_DEV_DEBUG=line-tables-only
case $2 in
  fetch) cargo fetch --locked ;;
  *) cargo fmt --all -- --check; cargo clippy --workspace --all-targets --locked -- -D warnings
     cargo nextest run --workspace --locked --no-fail-fast; cargo doc --workspace --no-deps --locked
     cargo build --workspace --release --locked ;;
esac
exit 0
"""


@dataclass(frozen=True)
class Cost:
    """Seconds on the clock and of CPU time, of a command and all that it waited for."""

    wall_s: float
    cpu_s: float


def main() -> int:
    """Prints a row a workspace; 1 where a job was lost to our own code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--plain", action="store_true", help="time cargo's own commands beside it")
    options = parser.parse_args()
    sources = [Path(name) for name in os.environ.get(VARIABLE, "").split(":") if name]
    if not sources:
        sys.exit(f"{VARIABLE} is not set: name folders with Rust workspaces, parted by colons")
    lost = 0
    print("| workspace | jobs | verdicts | ci | CPU |" + (" over cargo: clock, CPU |" if options.plain else ""))
    print("|---|---|---|---|---|" + ("---|" if options.plain else ""))
    for source in sources:
        with tempfile.TemporaryDirectory(prefix="nanna-ci-workspaces-") as scratch:
            lost += measure(source, Path(scratch), plain=options.plain)
    return 1 if lost else 0


def measure(source: Path, scratch: Path, *, plain: bool) -> int:
    """One row, with a line for each job that did not pass; how many were lost to our own code."""
    copy = scratch / "workspace"
    shutil.copytree(source, copy, symlinks=True, ignore=shutil.ignore_patterns(".git", "target"))
    write_pipeline(copy)
    override = ["--override-input", "nanna-coder", f"path:{copy}"]
    run([NIXW, "--version", *override], scratch)
    cost = run([NIXW, "run", f"{REPO}#ci", *override, "--", "--format", "json", "--output", "ci.json"], scratch)
    if not (scratch / "ci.json").exists():
        print(f"| {source.name} | | no answer | {cost.wall_s:.0f} s | {cost.cpu_s:.0f} s |")
        sys.stdout.write((scratch / "log").read_text(errors="replace")[-2000:])
        return 1
    jobs = json.loads((scratch / "ci.json").read_text())["jobs"]
    counts = Counter(job["verdict"] for job in jobs)
    verdicts = ", ".join(f"{number} {verdict}" for verdict, number in sorted(counts.items()))
    row = f"| {source.name} | {len(jobs)} | {verdicts} | {cost.wall_s:.0f} s | {cost.cpu_s:.0f} s |"
    if plain:
        in_shell = [NIXW, "develop", str(REPO), *override, "--command", "bash", "-c", PLAIN, "plain", str(scratch)]
        run([*in_shell, "fetch"], copy)
        peer = run([*in_shell, "all"], copy)
        row += f" {cost.wall_s / peer.wall_s:.2f}, {cost.cpu_s / peer.cpu_s:.2f} |"
    print(row, flush=True)
    for job in jobs:
        if job["verdict"] not in {"pass", "unavailable"}:
            whose = "ours" if job["verdict"] == "error" else "the workspace's own"
            why = ", ".join(job.get("failingTests", [])[:3]) or job.get("reason") or "no reason"
            print(f"    {job['id']}: {job['verdict']}, {whose}: {why}", flush=True)
    return counts["error"]


def write_pipeline(folder: Path) -> None:
    """The least pipeline.toml, where there is none."""
    path = folder / "pipeline.toml"
    if path.exists():
        return
    argv = ["cargo", "metadata", "--no-deps", "--format-version", "1", "--manifest-path", str(folder / "Cargo.toml")]
    metadata = json.loads(subprocess.run(argv, capture_output=True, check=True).stdout)
    binaries = sorted(
        target["name"] for package in metadata["packages"] for target in package["targets"] if "bin" in target["kind"]
    )
    path.write_text(f'[workspace]\nname = "subject"\nbinaries = {json.dumps(binaries)}\n')


def run(argv: Sequence[str], folder: Path) -> Cost:
    """What a command cost, whatever its answer; what it printed is in `log` of its working folder."""
    before, started = cpu_s(), time.perf_counter()
    with (folder / "log").open("wb") as log:
        subprocess.run(argv, cwd=folder, stdout=log, stderr=subprocess.STDOUT, check=False)
    return Cost(time.perf_counter() - started, cpu_s() - before)


if __name__ == "__main__":
    sys.exit(main())
