"""The coverage job of tests/workspace over plain `cargo llvm-cov nextest` on the same machine: at most 1.1 times.

Both measure the same tests of the same workspace with the same cargo, cargo-nextest and cargo-llvm-cov, and write lcov;
they must find the same lines. Cold: nothing is built, not the dependencies either; each run of ours gets a copy that
differs in one line of its manifest. The job shares its dependencies with the other jobs, so that in a `ci` it mostly
finds them built: with a change in the code alone is printed beside it, against cargo in its own target folder, which
rebuilds only what changed. Takes some ten minutes on two cores; needs the Debian root that `./nixw` makes.

    python3 benchmarks/coverage.py [--rounds N]
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Callable
from pathlib import Path

from side_by_side import REPO, cpu_s, interleave, judge, seconds, timed

NIXW = str(REPO / "nixw")
JOB = f"path:{REPO}#checks.x86_64-linux.coverage"
PLAIN = """
export CARGO_HOME=$1/cargo CARGO_TARGET_DIR=$2 CARGO_INCREMENTAL=0 CARGO_PROFILE_DEV_DEBUG=line-tables-only
export LLVM_COV=/usr/lib/llvm-22/bin/llvm-cov LLVM_PROFDATA=/usr/lib/llvm-22/bin/llvm-profdata PATH=$3:$PATH
cd "$4" && if [ "$5" = fetch ]; then cargo fetch --locked; else
cargo-llvm-cov llvm-cov nextest --workspace --locked --no-fail-fast --lcov --output-path "$1/lcov.info"; fi
"""


def copy_of_workspace(folder: Path) -> Path:
    """A workspace that no store has seen."""
    copy = folder / uuid.uuid4().hex
    shutil.copytree(REPO / "tests" / "workspace", copy, ignore=shutil.ignore_patterns("target"))
    with (copy / "Cargo.toml").open("a") as manifest:
        manifest.write(f"\n# {copy.name}\n")
    return copy


def change(workspace: Path) -> Path:
    """The same workspace with a line of code that nobody has compiled."""
    source = workspace / "prompts" / "src" / "lib.rs"
    source.write_text(f"{source.read_text()}\n// {uuid.uuid4().hex}\n")
    return workspace


def tools() -> str:
    """The folder of the job's own cargo-llvm-cov and cargo-nextest."""
    shown = subprocess.run([NIXW, "derivation", "show", JOB], cwd=REPO, check=True, capture_output=True, text=True)
    found = re.search(r'(/nix/store/[^"\\ ]*)/cargo-llvm-cov', shown.stdout)
    assert found is not None, "the job has no cargo-llvm-cov"
    return found[1]


def lines_of(lcov: str) -> list[str]:
    """What was found: which lines of which files, and whether tests ran them."""
    plain = re.sub(r"(?m)^SF:.*/(?=(?:harness|model|prompts)/)", "SF:", lcov)
    kept = [line for line in plain.splitlines() if line.startswith(("SF:", "DA:"))]
    return [re.sub(r",(?!0$)\d+$", ",ran", line) for line in kept]


def main() -> int:
    """Prints the ratios; 1 where the limit is missed or the two differ in what they found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder, programs = Path(name), tools()
        link = folder / "result"

        def ours(workspace: Path) -> float:
            subject = ["--override-input", "nanna-coder", f"path:{workspace}"]
            return timed([NIXW, "build", JOB, "--out-link", str(link), *subject])

        def plain(workspace: Path, target: Path, what: str = "measure") -> float:
            words = [str(folder), str(target), programs, str(workspace), what]
            return timed([NIXW, "develop", f"path:{REPO}", "--command", "bash", "-c", PLAIN, "plain", *words])

        cpu: dict[str, list[float]] = {"job": [], "plain": []}

        def with_cpu(who: str, run: Callable[[], float]) -> float:
            before = cpu_s()
            taken_s = run()
            cpu[who].append(cpu_s() - before)
            return taken_s

        first = copy_of_workspace(folder)
        plain(first, folder / "fetched", "fetch")
        ours(first)
        cold = interleave(
            lambda _: with_cpu("job", lambda: ours(copy_of_workspace(folder))),
            lambda n: with_cpu("plain", lambda: plain(first, folder / f"target-{n}")),
            options.rounds,
        )
        print(f"cold, job:    {seconds(cold.ours)}\ncold, plain:  {seconds(cold.peer)}", flush=True)
        print(f"cold, CPU:    job {seconds(cpu['job'])}\n              plain {seconds(cpu['plain'])}", flush=True)
        changed = interleave(
            lambda _: ours(change(first)), lambda _: plain(change(first), folder / "target-0"), options.rounds
        )
        ours(first)
        read = [NIXW, "develop", f"path:{REPO}", "--command", "cat", f"{link}/lcov.info"]
        shown = subprocess.run(read, cwd=REPO, check=True, capture_output=True, text=True).stdout
        plain(first, folder / "target-0")
        same = lines_of(shown) == lines_of((folder / "lcov.info").read_text())
    print(f"after a change, job:    {seconds(changed.ours)}\nafter a change, plain:  {seconds(changed.peer)}")
    print(f"after a change, the job over plain: {changed.ratio:.2f} times")
    print("both found the same lines" if same else "MISSED  the two differ in the lines that they found")
    return 0 if judge("coverage job over cargo llvm-cov nextest, cold", cold.ratio, 1.1, "times") and same else 1


if __name__ == "__main__":
    raise SystemExit(main())
