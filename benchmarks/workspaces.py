"""`ci` on workspaces that know nothing of it: what works, what does not, whose fault it is, and what it costs.

    NANNA_CI_WORKSPACES=/path/one:/path/two python3 benchmarks/workspaces.py [--plain] [--change]

Each folder is copied; if it has no pipeline.toml, one of three lines is written beside the copy's Cargo.toml, with a
name that no run had before: nothing of it is in the Nix store. Crates are fetched before anything is timed. --plain
also runs cargo's own commands for the same jobs (fmt, clippy, tests, doc, release build) from nothing, with the same
cargo, and prints the ratio of times on the clock and of CPU times. --change then changes a line of the first member's
code, and does both again: `ci` over what it built, cargo over its own target folder, incremental as cargo has it by
default.
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from side_by_side import REPO, cpu_s

NIXW = str(REPO / "nixw")
VARIABLE = "NANNA_CI_WORKSPACES"
PLAIN = """
set -u
export CARGO_HOME=$1/cargo CARGO_TARGET_DIR=$1/target-$3 CARGO_PROFILE_DEV_DEBUG=line-tables-only
[ "$3" = incremental ] || export CARGO_INCREMENTAL=0
case $2 in
  fetch) cargo fetch --locked ;;
  *) cargo fmt -- --check; cargo clippy --workspace --all-targets --locked -- -D warnings
     cargo nextest run --workspace --locked --no-fail-fast; cargo doc --workspace --no-deps --locked
     cargo test --workspace --doc --locked --no-fail-fast
     cargo build --workspace --release --locked ;;
esac
exit 0
"""


@dataclass(frozen=True)
class Cost:
    """Seconds on the clock and of CPU time, of a command and all that it waited for."""

    wall_s: float
    cpu_s: float

    def over(self, peer: Cost) -> str:
        """Ratios to a peer's: on the clock, of CPU time."""
        return f"{self.wall_s / peer.wall_s:.2f}, {self.cpu_s / peer.cpu_s:.2f}"

    def __str__(self) -> str:
        return f"{self.wall_s:.0f} s, {self.cpu_s:.0f} s"


def main() -> int:
    """Prints a row a workspace; 1 where a job was lost to our own code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--plain", action="store_true", help="time cargo's own commands beside it")
    parser.add_argument("--change", action="store_true", help="and both again after a change of one line")
    options = parser.parse_args()
    sources = [Path(name) for name in os.environ.get(VARIABLE, "").split(":") if name]
    if not sources:
        sys.exit(f"{VARIABLE} is not set: name folders with Rust workspaces, parted by colons")
    columns = ["workspace", "jobs", "verdicts", "ci: clock, CPU"]
    columns += ["cargo", "over cargo"] if options.plain else []
    columns += ["after a change: ci", "cargo", "over cargo"] if options.change else []
    print(f"| {' | '.join(columns)} |\n|{'---|' * len(columns)}")
    lost = 0
    for source in sources:
        with tempfile.TemporaryDirectory(prefix="nanna-ci-workspaces-") as scratch:
            lost += measure(source, Path(scratch), plain=options.plain, change=options.change)
    return 1 if lost else 0


def measure(source: Path, scratch: Path, *, plain: bool, change: bool) -> int:
    """One row, with a line for each job that did not pass; how many were lost to our own code."""
    copy = scratch / "workspace"
    shutil.copytree(source, copy, symlinks=True, ignore=shutil.ignore_patterns(".git", "target"))
    write_pipeline(copy)
    override = ["--override-input", "nanna-coder", f"path:{copy}"]
    in_shell = [NIXW, "develop", str(REPO), *override, "--command", "bash", "-c", PLAIN, "plain", str(scratch)]
    ci = [NIXW, "run", f"{REPO}#ci", *override, "--", "--format", "json", "--output", "ci.json"]
    run([NIXW, "--version", *override], scratch)
    cells = [cost := run(ci, scratch)]
    if not (scratch / "ci.json").exists():
        print(f"| {source.name} | | no answer | {cost} |")
        sys.stdout.write((scratch / "log").read_text(errors="replace")[-2000:])
        return 1
    jobs = json.loads((scratch / "ci.json").read_text())["jobs"]
    if plain or change:
        run([*in_shell, "fetch", "cold"], copy)
    if plain:
        cells += compared(cost, run([*in_shell, "all", "cold"], copy))
    if change:
        run([*in_shell, "all", "incremental"], copy)
        with first_source(copy).open("a") as file:
            file.write("// changed\n")
        cells += compared(cost := run(ci, scratch), run([*in_shell, "all", "incremental"], copy), mine=True)
    counts = Counter(job["verdict"] for job in jobs)
    verdicts = ", ".join(f"{number} {verdict}" for verdict, number in sorted(counts.items()))
    print(f"| {' | '.join([source.name, str(len(jobs)), verdicts, *map(str, cells)])} |", flush=True)
    for job in jobs:
        if job["verdict"] != "pass":
            whose = {"error": "ours", "unavailable": "not run"}.get(job["verdict"], "the workspace's own")
            why = ", ".join(job.get("failingTests", [])[:3]) or job.get("reason") or "no reason"
            print(f"    {job['id']}: {job['verdict']}, {whose}: {why}", flush=True)
    return counts["error"]


def compared(ours: Cost, peer: Cost, *, mine: bool = False) -> list[object]:
    """The cells of a comparison; with our own cost if it has no cell yet."""
    return [*([ours] if mine else []), peer, ours.over(peer)]


def first_source(folder: Path) -> Path:
    """The root of the first member's library, or else of its program."""
    targets = [target for package in metadata_of(folder)["packages"] for target in package["targets"]]
    wanted = sorted(targets, key=lambda target: [kind not in target["kind"] for kind in ("lib", "bin")])
    return Path(wanted[0]["src_path"])


def metadata_of(folder: Path) -> dict[str, Any]:
    """What cargo says of the workspace's members."""
    argv = ["cargo", "metadata", "--no-deps", "--format-version", "1", "--manifest-path", str(folder / "Cargo.toml")]
    answer: dict[str, Any] = json.loads(subprocess.run(argv, capture_output=True, check=True).stdout)
    return answer


def write_pipeline(folder: Path) -> None:
    """The least pipeline.toml, if there is none."""
    path = folder / "pipeline.toml"
    if path.exists():
        return
    binaries = sorted(
        target["name"]
        for package in metadata_of(folder)["packages"]
        for target in package["targets"]
        if "bin" in target["kind"]
    )
    name = f"subject-{secrets.token_hex(4)}"
    path.write_text(f'[workspace]\nname = "{name}"\nbinaries = {json.dumps(binaries)}\n')


def run(argv: Sequence[str], folder: Path) -> Cost:
    """What a command cost, whatever its answer; what it printed is in `log` of its working folder."""
    before, started = cpu_s(), time.perf_counter()
    with (folder / "log").open("wb") as log:
        subprocess.run(argv, cwd=folder, stdout=log, stderr=subprocess.STDOUT, check=False)
    return Cost(time.perf_counter() - started, cpu_s() - before)


if __name__ == "__main__":
    sys.exit(main())
