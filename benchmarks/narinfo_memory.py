"""Memory and time of `cache-analytics` for 1,000, 10,000 and 100,000 paths: under 300 MB, and linear.

    python3 benchmarks/narinfo_memory.py [--server PROGRAM] [--delay-ms MS]

Memory is the command's own peak (its resident set, from wait4), start and report included. Of it, about 1.5 KB a path
is what the cache says and the report: equal store paths are shared. Linear: beyond the start of the program (a command
with one path), a path of 100,000 takes no more than twice the time of one of 10,000; a quadratic step anywhere would
make that ten times. Takes half a minute.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from pathlib import Path

import late_cache
from narinfo_setup import Setup
from side_by_side import judge

SIZES = (1, 1_000, 10_000, 100_000)
LIMIT_MB = 300
SLACK = 2.0  # in the time a path: what else the machine does shows in it
ROUNDS = 3


def main() -> int:
    """Prints each size's figures; 1 where a limit is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--server", help="a cache that answers late (default: late_cache.py)")
    parser.add_argument("--delay-ms", type=float, default=20.0)
    options = parser.parse_args()
    server = late_cache.OURS if options.server is None else (sys.executable, options.server)
    spent: dict[int, float] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        setup = Setup(folder, "nix-store")
        for size in SIZES:
            listed = folder / f"paths-{size}"
            listed.write_text("".join(f"{path}\n" for path in late_cache.store_paths(size)))
            with late_cache.serving(server, "--paths", str(size), "--delay-ms", str(options.delay_ms)) as url:
                runs = [setup.ours(listed, [url])[0] for _ in range(ROUNDS)]
            spent[size] = statistics.median(run.seconds for run in runs)
            peak_mb = max(run.peak_mb for run in runs)
            print(f"{size:7} paths: {spent[size]:6.2f} s, peak {peak_mb:5.1f} MB", flush=True)
    each = {size: (spent[size] - spent[1]) / size * 1e6 for size in SIZES[1:]}
    print("µs a path beyond the start: " + ", ".join(f"{value:.0f} at {size}" for size, value in each.items()))
    held = [
        judge("memory for 100,000 paths", peak_mb, LIMIT_MB, "MB"),
        judge("time a path, 100,000 over 10,000", each[100_000] / each[10_000], SLACK, "times"),
    ]
    return 0 if all(held) else 1


if __name__ == "__main__":
    sys.exit(main())
