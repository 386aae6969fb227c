"""`ci` over the bare `nix build` of the same installables: at most 1.05 cold, at most 2 s more warm.

Cold: each run gets a copy of the workspace that differs in one line of its manifest, so that everything down to the
dependencies is built again. Warm: the same command once more. The copies have no images: containers are tested anew in
every run, and `nix build` tests none. Takes about ten minutes on two cores.

    python3 benchmarks/ci_overhead.py [--rounds N] [--warm-rounds N]
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import subprocess
import sys
import tempfile
import uuid
from pathlib import Path

from side_by_side import REPO, interleave, judge, seconds, timed

NIXW = str(REPO / "nixw")


def copy_of_workspace(folder: Path) -> Path:
    """A workspace that no store has seen, without images."""
    copy = folder / uuid.uuid4().hex
    shutil.copytree(REPO / "tests" / "workspace", copy, ignore=shutil.ignore_patterns("target"))
    with (copy / "Cargo.toml").open("a") as manifest:
        manifest.write(f"\n# {copy.name}\n")
    config = copy / "pipeline.toml"
    before, _, images = config.read_text().partition("[[image]]")
    config.write_text(before + "[cache]" + images.partition("[cache]")[2])
    return copy


def here(attribute: str) -> str:
    """A build that has a machine of its own on GitHub is cross-compiled by `ci` here."""
    found = re.fullmatch(r"packages\.(aarch64-linux)\.([\w-]+)", attribute)
    return attribute if found is None else f"packages.x86_64-linux.{found[2]}-{found[1]}"


def installables() -> list[str]:
    """What `ci` builds: the pure attributes of the plan that the flake has, but images, and build jobs' packages."""
    plan = subprocess.run([NIXW, "run", ".#plan", "--", "--format", "json"], cwd=REPO, check=True, capture_output=True)
    jobs = [job for job in json.loads(plan.stdout)["jobs"] if job["installable"] and job["kind"] != "image"]
    wanted = {here(job["installable"].removeprefix(".#")) for job in jobs}
    pipeline = subprocess.run(
        [NIXW, "eval", "--json", ".#legacyPackages.x86_64-linux.pipeline.derivations"],
        cwd=REPO,
        check=True,
        capture_output=True,
    )
    return sorted(f".#{attribute}" for attribute in wanted & set(json.loads(pipeline.stdout)))


def main() -> int:
    """Prints both ratios; 1 where a limit is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--warm-rounds", type=int, default=5)
    options = parser.parse_args()
    build = [NIXW, "build", "--no-link", "--keep-going", *installables()]
    with tempfile.TemporaryDirectory() as folder:
        copies = {who: [copy_of_workspace(Path(folder)) for _ in range(options.rounds)] for who in ("ours", "peer")}

        def bare(workspace: Path) -> float:
            return timed([*build, "--override-input", "nanna-coder", f"path:{workspace}"])

        def ours(workspace: Path) -> float:
            return timed([NIXW, "run", ".#ci", "--override-input", "nanna-coder", f"path:{workspace}"])

        timed([NIXW, "run", ".#ci", "--", "--help"])  # the program itself is built before the clock starts
        cold = interleave(lambda n: ours(copies["ours"][n]), lambda n: bare(copies["peer"][n]), options.rounds)
        both = copies["ours"][0]
        bare(both)
        warm = interleave(lambda _: ours(both), lambda _: bare(both), options.warm_rounds)
    print(f"cold, ci:        {seconds(cold.ours)}\ncold, nix build: {seconds(cold.peer)}")
    print(f"warm, ci:        {seconds(warm.ours)}\nwarm, nix build: {seconds(warm.peer)}")
    held = [
        judge("ci over nix build, cold", cold.ratio, 1.05, "times"),
        judge("ci less nix build, warm", warm.difference_s, 2.0, "s"),
    ]
    return 0 if all(held) else 1


if __name__ == "__main__":
    sys.exit(main())
