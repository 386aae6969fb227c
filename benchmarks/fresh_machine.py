"""The README's two commands on a machine that has nothing: `ci` within 10 minutes, again within 15 s, `test` within 10.

Gives nixw an empty cache folder, and removes it at the end. Cargo's own download cache is moved aside too
(CARGO_HOME). CPU seconds are printed beside the time on the clock: on a machine with other work they are the figure to
compare.

    python3 benchmarks/fresh_machine.py [--keep] [--without-nextest]
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
from pathlib import Path

from side_by_side import REPO, cpu_s, judge, timed

NIXW = str(REPO / "nixw")
TEN_MINUTES_S = 600


def main() -> int:
    """Prints each time beside its limit; 1 if one is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keep", action="store_true", help="keep the cache folder, and name it")
    parser.add_argument("--without-nextest", action="store_true", help="as on a machine without cargo-nextest to lend")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="nanna-ci-fresh-"))
    environment = {**os.environ, "XDG_CACHE_HOME": str(folder / "cache"), "CARGO_HOME": str(folder / "cargo")}
    if options.without_nextest:
        environment["PATH"] = path_without("cargo-nextest")
    try:
        held = [
            measure("./nixw --check", ["--check"], environment, 10),
            measure("./nixw run .#ci, nothing cached", ["run", ".#ci"], environment, TEN_MINUTES_S),
            measure("./nixw run .#ci, nothing changed", ["run", ".#ci"], environment, 15),
            measure("./nixw run .#test", ["run", ".#test"], environment, TEN_MINUTES_S),
        ]
    finally:
        if options.keep:
            print(f"kept: {folder}")
        else:
            shutil.rmtree(folder)
    return 0 if all(held) else 1


def measure(name: str, words: list[str], environment: dict[str, str], limit_s: float) -> bool:
    """Time on the clock beside its limit, and the CPU time of the command and all that it waited for."""
    before = cpu_s()
    held = judge(name, timed([NIXW, *words], env=environment), limit_s, "s")
    print(f"    CPU: {cpu_s() - before:.0f} s")
    return held


def path_without(program: str) -> str:
    """The search path without the folders that have this program."""
    folders = os.environ["PATH"].split(":")
    return ":".join(folder for folder in folders if not (Path(folder) / program).exists())


if __name__ == "__main__":
    sys.exit(main())
