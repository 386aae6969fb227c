"""The README's two commands on a machine that has nothing: `ci` within 10 minutes, again within 15 s, `test` within 10.

Gives nixw an empty cache folder, and removes it at the end. Cargo's own download cache is moved aside too (CARGO_HOME).

    python3 benchmarks/fresh_machine.py [--keep]
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
from pathlib import Path

from side_by_side import REPO, judge, timed

NIXW = str(REPO / "nixw")
TEN_MINUTES_S = 600


def main() -> int:
    """Prints each time beside its limit; 1 where one is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keep", action="store_true", help="keep the cache folder, and name it")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="nanna-ci-fresh-"))
    environment = {**os.environ, "XDG_CACHE_HOME": str(folder / "cache"), "CARGO_HOME": str(folder / "cargo")}
    try:
        held = [
            judge("./nixw run .#ci, nothing cached", timed([NIXW, "run", ".#ci"], env=environment), TEN_MINUTES_S, "s"),
            judge("./nixw run .#ci, nothing changed", timed([NIXW, "run", ".#ci"], env=environment), 15, "s"),
            judge("./nixw run .#test", timed([NIXW, "run", ".#test"], env=environment), TEN_MINUTES_S, "s"),
        ]
    finally:
        if options.keep:
            print(f"kept: {folder}")
        else:
            shutil.rmtree(folder)
    return 0 if all(held) else 1


if __name__ == "__main__":
    sys.exit(main())
