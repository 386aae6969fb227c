"""A second start of nixw over plain nix, both in the Debian root: at most 0.5 s more.

python3 benchmarks/nixw_startup.py
"""

from __future__ import annotations

import subprocess
import sys
import time

from side_by_side import REPO, interleave, judge, seconds, timed

NIXW = str(REPO / "nixw")
ROUNDS = 21


def main() -> int:
    """Prints the difference of the medians; 1 where the limit is missed."""
    timed([NIXW, "--version"])
    # plain nix is only to be had inside the root: one shell there answers each line with a start of nix
    loop = (
        f'for _ in $(seq {ROUNDS}); do s=$EPOCHREALTIME; nix --version >/dev/null; e=$EPOCHREALTIME; echo "$s $e"; done'
    )
    inside = subprocess.run(
        [NIXW, "develop", "--command", "bash", "-c", loop], cwd=REPO, check=True, capture_output=True, text=True
    )
    plain = [float(end) - float(start) for start, end in (line.split() for line in inside.stdout.splitlines())]

    def start(_: int) -> float:
        began = time.perf_counter()
        subprocess.run([NIXW, "--version"], cwd=REPO, check=True, stdout=subprocess.DEVNULL)
        return time.perf_counter() - began

    pair = interleave(start, lambda number: plain[number], ROUNDS)
    print(f"nixw --version: {seconds(pair.ours)}\nnix --version:  {seconds(pair.peer)}")
    return 0 if judge("nixw less nix", pair.difference_s, 0.5, "s") else 1


if __name__ == "__main__":
    sys.exit(main())
