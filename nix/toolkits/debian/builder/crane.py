"""For the nixpkgs toolkit: what checks share, built and used within crane's derivations, in the unpacked source.

crane.py dependencies TARGETS PROFILE | tests        builds a layer into $out
crane.py inherit LAYER…                              puts layers under the source, before cargo runs
"""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import warm
from archive import source_time, unpack
from main import guarded


def run(words: list[str]) -> None:
    here = Path.cwd()
    target = here / os.environ.get("CARGO_TARGET_DIR", "target")
    place = warm.Place(here, here, target, dict(os.environ))
    match words:
        case ["dependencies", out, targets, profile]:
            warm.dependencies(place, Path(targets), profile, Path(out))
        case ["tests", out]:
            warm.tests(place, Path(out))
        case ["inherit", *layers]:
            change_all(here, source_time(layers))
            unpack(layers, target)
        case _:
            sys.exit(f"crane.py: {' '.join(words)}?")


def change_all(folder: Path, seconds: int) -> None:
    """Every file below a folder changed at this time."""
    for parent, folders, files in os.walk(folder):
        for name in (*folders, *files):
            os.utime(Path(parent, name), (seconds, seconds), follow_symlinks=False)


if __name__ == "__main__":
    guarded(f"crane.{sys.argv[1]}", lambda: run(sys.argv[1:]))
