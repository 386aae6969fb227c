#!/usr/bin/env python3
"""How long `nanna-ci COMMAND --help` takes, against the least that a Python program with flags can take.

Prints the median of each command and its ratio to an interpreter that prints the help of one flag with argparse; both
are measured in turn, so that a busy machine slows both. Exit 1 when a ratio is over the limit, 3 when a command does
not run.

    benchmarks/help_startup.py [--runs 40] [--limit 1.5] [--program "result/bin/nanna-ci"]
"""

from __future__ import annotations

import argparse
import os
import shlex
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

SCRIPTS = Path(__file__).resolve().parent.parent / "scripts"
LEAST = """
import argparse
parser = argparse.ArgumentParser(prog="least", description="The least that a program with flags can take.")
parser.add_argument("--flag", help="a flag")
parser.parse_args(["--help"])
"""
BASELINE = (sys.executable, "-c", LEAST)
WARM_UP_RUNS = 3


def measure_s(argv: Sequence[str], environ: Mapping[str, str]) -> float:
    """Seconds from start to end of one run."""
    started = time.perf_counter()
    subprocess.run(argv, env=environ, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - started


def compare(argv: Sequence[str], environ: Mapping[str, str], runs: int) -> tuple[float, float]:
    """Medians in seconds of the baseline and of `argv`, run in turn."""
    baseline, command = [], []
    for number in range(WARM_UP_RUNS + runs):
        pair = measure_s(BASELINE, environ), measure_s(argv, environ)
        if number >= WARM_UP_RUNS:
            baseline.append(pair[0])
            command.append(pair[1])
    return statistics.median(baseline), statistics.median(command)


def main() -> int:
    """Measure and judge."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=40, help="runs of each program (default: 40)")
    parser.add_argument("--limit", type=float, default=1.5, help="the highest ratio that passes (default: 1.5)")
    parser.add_argument("--program", type=shlex.split, help="default: this source tree's, with this Python")
    parser.add_argument("command", nargs="*", help="default: all commands")
    arguments = parser.parse_args()
    sys.path.insert(0, str(SCRIPTS))
    from nanna_ci.usage import COMMANDS  # noqa: PLC0415 - only now on the path

    program = arguments.program or [sys.executable, "-c", "from nanna_ci.cli import entry; entry()"]
    environ = {**os.environ, "PYTHONPATH": str(SCRIPTS)} if arguments.program is None else dict(os.environ)
    slow = 0
    print(f"{'command':<20} {'baseline ms':>12} {'help ms':>9} {'ratio':>7}   limit {arguments.limit:g}")
    for name in arguments.command or COMMANDS:
        try:
            baseline, seconds = compare([*program, name, "--help"], environ, arguments.runs)
        except (OSError, subprocess.CalledProcessError) as error:
            print(f"{name}: {error}", file=sys.stderr)
            return 3
        ratio = seconds / baseline
        slow += ratio > arguments.limit
        verdict = "  over the limit" if ratio > arguments.limit else ""
        print(f"{name:<20} {baseline * 1000:>12.1f} {seconds * 1000:>9.1f} {ratio:>7.2f}{verdict}")
    return 1 if slow else 0


if __name__ == "__main__":
    sys.exit(main())
