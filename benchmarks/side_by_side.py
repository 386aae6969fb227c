"""What the benchmarks share: two commands in turn, A B A B …, medians, and one ratio."""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

REPO = Path(__file__).resolve().parents[1]


@dataclass(frozen=True, slots=True)
class Pair:
    """Seconds of every run of ours and of the peer, in the order they were taken."""

    ours: tuple[float, ...]
    peer: tuple[float, ...]

    @property
    def ratio(self) -> float:
        """Median of ours over median of the peer."""
        return statistics.median(self.ours) / statistics.median(self.peer)

    @property
    def difference_s(self) -> float:
        """Median of ours less median of the peer."""
        return statistics.median(self.ours) - statistics.median(self.peer)


def timed(
    argv: Sequence[str], *, env: Mapping[str, str] | None = None, accept: frozenset[int] = frozenset({0})
) -> float:
    """Wall seconds of a command, run in the repository; ends the benchmark if it fails."""
    started = time.perf_counter()
    result = subprocess.run(argv, cwd=REPO, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    seconds = time.perf_counter() - started
    if result.returncode not in accept:
        sys.stderr.write(result.stdout.decode(errors="replace")[-4000:])
        sys.exit(f"{' '.join(argv)} exited with {result.returncode}")
    return seconds


def cpu_s() -> float:
    """User and system seconds of all children that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def interleave(ours: Callable[[int], float], peer: Callable[[int], float], rounds: int) -> Pair:
    """Takes both in turn; each is given the number of its round and answers seconds."""
    mine, theirs = [], []
    for number in range(rounds):
        theirs.append(peer(number))
        mine.append(ours(number))
    return Pair(tuple(mine), tuple(theirs))


def judge(what: str, measured: float, limit: float, unit: str) -> bool:
    """Prints a figure beside its limit; returns whether it holds."""
    holds = measured <= limit
    print(f"{'ok    ' if holds else 'MISSED'}  {what}: {measured:.3f} {unit} (limit {limit:g})", flush=True)
    return holds


def seconds(values: Sequence[float]) -> str:
    """Every run, and the median."""
    return f"{', '.join(f'{value:.2f}' for value in values)} s; median {statistics.median(values):.2f} s"
